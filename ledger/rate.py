"""A rate, such as `100/minute; 5/second`: how many calls may be made in any window of some length; and its slots.

Of slots it says how far the window that is kept reaches beyond the quota's own, and how long a slot is good.
"""

import re
from collections.abc import Collection, Iterable
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

from ledger.phrases import Phrase

__all__ = [
    "AHEAD_TRIPS",
    "ANSWER_TRIPS",
    "FARTHEST_MS",
    "NEAR_MS",
    "SPAN_TRIPS",
    "Limit",
    "Rate",
    "Slot",
    "late_after_ms",
    "limit_arguments",
    "parse_rate",
    "rate_text",
    "slack_ms",
]

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(r"^\s*(\d+)\s*/\s*(?:(\d+)\s*)?(second|minute|hour|day)s?\s*$")


class Limit(BaseModel):
    """At most `calls` in any rolling window of `seconds`."""

    model_config = ConfigDict(frozen=True)
    calls: int = Field(ge=1)
    seconds: int = Field(ge=1)


def parse_rate(text: str) -> tuple[Limit, ...]:
    """Reads `100/minute`, `100/6second` or `100/minute; 5/second`; `unlimited` has no limits.

    The notation is that of the `limits` library. Raises ValueError.
    """
    if text.strip() == "unlimited":
        return ()
    limits = []
    for part in text.split(";"):
        match = _RATE.match(part)
        if match is None:
            raise ValueError(
                Phrase(
                    "{given} is not a valid rate: use 100/minute, 5/second or 100/6second, joined by ';'",
                    given=repr(part.strip()),
                )
            )
        calls, several, unit = match.groups()
        limits.append(Limit(calls=int(calls), seconds=int(several or 1) * _UNITS[unit]))
    return tuple(limits)


def rate_text(rate: Iterable[Limit]) -> str:
    """The notation that `parse_rate` reads."""
    return ";".join(f"{limit.calls}/{limit.seconds}second" for limit in rate) or "unlimited"


def _as_limits(value: Any) -> Any:
    return parse_rate(value) if isinstance(value, str) else value


Rate = Annotated[tuple[Limit, ...], NoDecode, BeforeValidator(_as_limits)]


#: A call may start this share of the slack after its slot; the rest is for the way to the server, and for a machine so
#: busy that its processes wait for their turn between the look at the clock and the call.
LATE_SHARE = 0.4

#: Round trips to Redis from a release until its notification can be called for (the release's answer, its message to
#: the queue and on to a worker, the claim and its answer: two and a half), and until the pacer can look again (the
#: lead, the look, the release, the message to the queue). Slots are granted so far ahead. Of the first, one and a
#: half are for a consumer that asks for another message first, or whether its connection lives, as kombu does.
AHEAD_TRIPS, SPAN_TRIPS = 4.0, 4.5
#: And from a claim or a renewal until its holder has the answer: half a trip, and half as much again.
ANSWER_TRIPS = 0.75
#: A Redis that answers within this, ms, is as good as here: what a late call is allowed covers it.
NEAR_MS = 2.0
#: And one that takes longer, ms, was held up: by that a slot would be granted for after the end of its holder's lease.
FARTHEST_MS = 500.0


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


def late_after_ms(rate: Collection[Limit]) -> int | None:
    """How long after its slot a call may start; None without limits, when slots do not age."""
    return round(min(map(slack_ms, rate)) * LATE_SHARE) if rate else None


def limit_arguments(rate: Collection[Limit]) -> tuple[int, ...]:
    """The limits as the verbs read them (`read_limits` in Lua): their number, then calls and window of each."""
    limits: list[int] = [len(rate)]
    for limit in rate:
        limits += (limit.calls, limit.seconds * 1000 + slack_ms(limit))
    return tuple(limits)
