"""How hypothesis explores sequences of verbs, and how it makes time pass on a real server."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from ledger import store as verbs
from tests.few import TIMES

__all__ = [
    "CLOCK_KEY",
    "LONGEST_SECONDS",
    "TIMES",
    "changed_verbs",
    "clock_in_a_key",
    "examples",
    "explore",
    "next_morning_ms",
]

#: For one test: it works for half a minute, of which a busy machine makes many.
LONGEST_SECONDS = 900
#: A place for what time there is, on a server whose own clock cannot be moved.
CLOCK_KEY = "clock"


def next_morning_ms() -> int:
    """Eight o'clock UTC of tomorrow: producers plan sending hours from the real time on, so it must not lie behind."""
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    return round(datetime.combine(tomorrow, time(8), UTC).timestamp() * 1000)


@contextmanager
def clock_in_a_key() -> Iterator[None]:
    """The verbs of a server whose clock cannot be moved read the time from a key; nothing else of them changes."""
    with changed_verbs("redis.call('TIME')", f"{{0, math.floor(redis.call('GET', '{CLOCK_KEY}') * 1000 + 0.5)}}"):
        yield


@contextmanager
def changed_verbs(old: str, new: str) -> Iterator[None]:
    """All verbs with another text in one place."""
    changed = {}
    for name, script in verbs._scripts().items():
        if old not in script.source:
            raise LookupError(f"the verbs do not say {old!r} any more")
        changed[name] = verbs._Script.of(script.source.replace(old, new))

    with patch.object(verbs, "_scripts", lambda: changed):
        yield


def examples(few: int, many: int) -> pytest.MarkDecorator:
    """How many of them: each takes as long as many tests, so most are tried by the slow tests alone."""
    return pytest.mark.parametrize("examples", [few, pytest.param(many, marks=pytest.mark.slow)])


def explore(machine: type[RuleBasedStateMachine], examples: int) -> None:
    chosen = settings(
        max_examples=examples * TIMES,
        stateful_step_count=60,
        derandomize=TIMES == 1,  # a longer hunt goes where chance leads
        deadline=None,
        database=None,
        suppress_health_check=[*HealthCheck],
        phases=[Phase.generate],
    )
    run_state_machine_as_test(machine, settings=chosen)
