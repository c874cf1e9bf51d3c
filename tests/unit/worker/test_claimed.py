"""What a worker notes of the calls that it makes for one notification."""

import threading
from types import SimpleNamespace
from typing import Any, cast

from feishu.codes import Kind
from feishu.verdict import Verdict
from ledger.delivery_options import ReceiveType
from ledger.redis_clock import RedisClock
from worker.claimed import ClaimedNotification

REFUSED = Verdict(call="send", kind=Kind.REFUSED, started_at_ms=0, elapsed_ms=0)


def claimed(*earlier_ms: int) -> ClaimedNotification:
    earlier = tuple(SimpleNamespace(at_ms=at_ms) for at_ms in earlier_ms)
    claim = SimpleNamespace(id="n_1", slot=None, progress=SimpleNamespace(via=None, attempts=earlier))
    desk, leases = cast(Any, SimpleNamespace(rate=())), SimpleNamespace(clock=RedisClock(lambda: 0.0))
    leases.clock.note(0.0, 5000)
    return ClaimedNotification(cast(Any, claim), desk, cast(Any, leases), "token", threading.Event(), 0.0)


def test_two_calls_within_a_millisecond_are_two_attempts() -> None:
    """The ledger took the second for a replay of the first: a delivered notification showed its refusal alone."""
    held = claimed()
    held.note(REFUSED, ReceiveType.CHAT)
    held.note(REFUSED, ReceiveType.USER)
    assert [attempt.at_ms for attempt in held.attempts] == [5000, 5001]


def test_a_call_comes_after_those_on_record_even_if_the_clock_was_set_back() -> None:
    held = claimed(7000, 9000)
    held.note(REFUSED, ReceiveType.CHAT)
    assert [attempt.at_ms for attempt in held.attempts] == [9001]
