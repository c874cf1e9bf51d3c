"""Promises are kept in some hundred simulated schedules, and each mutation is found by the schedule of its seed."""

import subprocess
import sys

import pytest

from tests.simulation.conftest import ROOT, Forks, environment
from tests.simulation.mutations import MUTATIONS

#: Schedules of a test. `make test` plays the first tests, and `make chaos` the others.
_SCHEDULES, _SHARES, _QUICK_SHARES = 50, 10, 3
_SEED = 1
#: From the seed of a mutation on, schedules that may find it.
_LOOKED_AT = 200
#: Of a story that is shown, characters.
_SHOWN = 20_000


@pytest.mark.parametrize(
    "share", [pytest.param(share, marks=[pytest.mark.slow] * (share >= _QUICK_SHARES)) for share in range(_SHARES)]
)
def test_promises_are_kept_whatever_breaks_when(forks: Forks, share: int) -> None:
    done = forks.play("--seed", _SEED + share * _SCHEDULES, "--schedules", _SCHEDULES)
    assert done.returncode == 0, (done.stdout + done.stderr)[-_SHOWN:]
    assert f", {_SCHEDULES} schedules from seed" in done.stderr


def test_the_same_seed_tells_the_same_story(forks: Forks) -> None:
    """Also when other schedules were played before it, and in a process that shares nothing with the others."""
    first, third = (forks.play("--seed", seed, "--schedules", 3, "--story") for seed in (1, 2))
    second = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seed", "1", "--schedules", "3", "--story"],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=280, check=True,
    )  # fmt: skip
    assert first.stdout == second.stdout
    story = first.stdout[first.stdout.index("seed 2:") : first.stdout.rindex("\n{")]
    assert len(story) > 1000
    assert third.stdout.startswith(story)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_found(forks: Forks, name: str) -> None:
    """From its seed on: a change of Deskbell draws other chances, which may move it by some schedules."""
    mutation = MUTATIONS[name]
    found_by = ("--mutation", name, "--until", mutation.finding)
    done = forks.play(*found_by, "--seed", mutation.seed, "--schedules", _LOOKED_AT)
    assert f": {mutation.finding}: " in done.stdout, done.stderr[-_SHOWN:]
