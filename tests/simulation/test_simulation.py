"""Promises are kept in some hundred simulated schedules, and each mutation is found by the schedule of its seed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.mutations import MUTATIONS

_ROOT = Path(__file__).parents[2]
#: Schedules that `make test` plays, and into how many tests they are divided.
_SCHEDULES, _SHARES = 500, 4
_SEED = 1
#: From the seed of a mutation on, schedules that may find it.
_LOOKED_AT = 200
#: Of a story that is shown, characters.
_SHOWN = 20_000


def _simulated(*arguments: object) -> subprocess.CompletedProcess[str]:
    """In a process of its own, since the whole of it lives in simulated time."""
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *map(str, arguments)],
        cwd=_ROOT, env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("share", range(_SHARES))
def test_promises_are_kept_whatever_breaks_when(share: int) -> None:
    schedules = _SCHEDULES // _SHARES
    done = _simulated("--seed", _SEED + share * schedules, "--schedules", schedules)
    assert done.returncode == 0, (done.stdout + done.stderr)[-_SHOWN:]


def test_the_same_seed_tells_the_same_story() -> None:
    """Also when other schedules were played before it."""
    first, second, third = (_simulated("--seed", seed, "--schedules", 3, "--story") for seed in (1, 1, 2))
    assert first.stdout == second.stdout
    story = first.stdout[first.stdout.index("seed 2:") : first.stdout.rindex("\n{")]
    assert len(story) > 1000
    assert third.stdout.startswith(story)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_found(name: str) -> None:
    """From its seed on: a change of Deskbell draws other chances, which may move it by some schedules."""
    mutation = MUTATIONS[name]
    found_by = ("--mutation", name, "--until", mutation.finding)
    done = _simulated(*found_by, "--seed", mutation.seed, "--schedules", _LOOKED_AT)
    assert f": {mutation.finding}: " in done.stdout, done.stderr[-_SHOWN:]
