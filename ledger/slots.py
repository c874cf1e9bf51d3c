"""Slots: the slack of the kept window beyond the quota's, and the lifetime of a slot."""

from typing import NamedTuple

from ledger.rate import Limit
from ledger.settings import Desk

__all__ = ["Slot", "late_after_ms", "limit_arguments", "slack_ms"]

#: A call may start this share of the slack after its slot; the rest is for the way to the server, and for a machine so
#: busy that its processes wait for their turn between the look at the clock and the call.
LATE_SHARE = 0.4


class Slot(NamedTuple):
    """The right to make one call: at `at_ms` of Redis time, which is `wait_ms` from now (negative: was)."""

    at_ms: int
    wait_ms: int


def slack_ms(limit: Limit) -> int:
    """How much longer Deskbell's window is than the quota's.

    A call starts a little after its slot and arrives a little later still. A strict server must not see the last
    call of a window early and the first one late: both shifts together must stay below this.
    """
    return round(min(300, max(80, limit.seconds * 1000 * 0.025)))


def late_after_ms(desk: Desk) -> int | None:
    """How long after its slot a call of this desk may start; None without limits, when slots do not age."""
    return round(min(map(slack_ms, desk.rate)) * LATE_SHARE) if desk.rate else None


def limit_arguments(desk: Desk) -> tuple[int, ...]:
    """The desk's limits as the verbs read them (`read_limits` in Lua): their number, then calls and window of each."""
    limits: list[int] = [len(desk.rate)]
    for limit in desk.rate:
        limits += (limit.calls, limit.seconds * 1000 + slack_ms(limit))
    return tuple(limits)
