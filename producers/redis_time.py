"""What `deskbell doctor` and the metrics say of Redis' time: how far away it is, and whether its clock was set."""

from dataclasses import dataclass
from datetime import UTC, datetime

from ledger.ledger import Ledger
from ledger.redis_clock import RedisClock
from producers.doctor_check import Check, Status

__all__ = ["ClockStep", "check_clock", "check_distance", "last_clock_step", "round_trip_ms"]

#: The quickest of so many answers tells the distance.
ASKED = 5
#: From here on a notification is on its way for longer than people are used to, ms.
FAR_MS = 20
#: Round trips from an acceptance to its call: the pacer's look, the release, the message, the claim.
TRIPS_TO_CALL = 5
#: A clock that was set is worth a word for so long, ms.
TOLD_FOR_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The last time that Redis' clock was set."""

    at_ms: int
    by_ms: int
    steps: int  #: so far


def round_trip_ms(ledger: Ledger) -> float:
    """How far away Redis is."""
    clock = RedisClock()
    for _ in range(ASKED):
        asked = clock.monotonic()
        seconds, _microseconds = ledger.redis.time()
        clock.note(asked, seconds * 1000)
    return clock.round_trip_ms


def check_distance(ledger: Ledger) -> Check:
    trip_ms = round_trip_ms(ledger)
    found = f"answers in {trip_ms:.{0 if trip_ms >= 10 else 1}f} ms"
    if trip_ms < FAR_MS:
        return Check("distance", Status.OK, found)
    found += (
        f": a notification is called for {TRIPS_TO_CALL * trip_ms / 1000:.1f} s after it is accepted,"
        f" and one worker process takes {1000 / trip_ms:.0f} messages a second"
    )
    return Check("distance", Status.WARN, found, "run Redis, workers and web in one region")


def last_clock_step(ledger: Ledger) -> ClockStep | None:
    at_ms, by_ms, steps = ledger.redis.hmget(ledger.keys.clock, "stepped_at", "stepped_by", "steps")
    return ClockStep(int(at_ms), int(by_ms), int(steps)) if at_ms and by_ms and steps else None


def check_clock(ledger: Ledger) -> list[Check]:
    """Nothing, unless it was set within a day."""
    step = last_clock_step(ledger)
    now_s, _ = ledger.redis.time()
    if step is None or now_s * 1000 - step.at_ms > TOLD_FOR_MS:
        return []
    at = datetime.fromtimestamp(step.at_ms / 1000, UTC)
    found = (
        f"was set {'back' if step.by_ms < 0 else 'forward'} by {abs(step.by_ms) / 1000:.1f} s"
        f" at {at:%Y-%m-%d %H:%M:%S} UTC: what waits for a time of day may have been early or late"
    )
    return [Check("clock", Status.WARN, found, "have NTP slew the clock of Redis' machine instead of setting it")]
