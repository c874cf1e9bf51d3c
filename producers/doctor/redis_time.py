"""The distance to Redis, the time of its fsync, and the steps of its clock, for `deskbell doctor` and the metrics."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import redis

from ledger.connection import is_refusal
from ledger.durability import Durability
from ledger.health import clock_off
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.redis_clock import RedisClock, ahead_ms, time_ms, wall_ms
from producers.doctor.doctor_check import Check, Status

__all__ = ["RedisTime", "check_clock", "check_distance", "fsync_ms"]

#: The quicker of so many answers tells the distance.
ASKED = 2
#: From here on a notification is on its way for longer than people are used to, ms.
FAR_MS = 20
#: Round trips from an acceptance to its call: the pacer's look, the release, the message, the claim.
TRIPS_TO_CALL = 5
#: A clock that was set is worth a word for so long, ms.
TOLD_FOR_MS = 86_400_000
#: The key that is written to time an fsync goes after this, seconds.
PROBE_KEPT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The last step of Redis' clock."""

    at_ms: int
    by_ms: int
    steps: int  #: so far


@dataclass(frozen=True, slots=True)
class RedisTime:
    """Redis' round trip and clock, now."""

    round_trip_ms: float
    now_ms: int
    step: ClockStep | None
    ahead_ms: int = 0  #: of Redis' clock before this machine's

    @classmethod
    def ask(cls, ledger: Ledger) -> Self:
        """In as few round trips as tell how long one takes."""
        clock = RedisClock()
        for _ in range(ASKED):
            asked, asked_ms = clock.monotonic(), wall_ms()
            pipe = ledger.redis.pipeline(transaction=False)
            pipe.time()
            pipe.hmget(ledger.keys.clock, "stepped_at", "stepped_by", "steps")
            answer, step = pipe.execute()
            clock.note(asked, time_ms(answer))
        now_ms, last = time_ms(answer), ClockStep(*map(int, step)) if all(step) else None
        return cls(clock.round_trip_ms, now_ms, last, ahead_ms(now_ms, asked_ms))


def fsync_ms(ledger: Ledger, round_trip_ms: float) -> float | None:
    """How long the answer to a write waits for its fsync, beyond the round trip.

    None unless the server fsyncs every write before it answers: with `everysec` it is the second that passes, not the
    disk, and where settings are hidden nobody can tell. Also None while the server takes no writes.
    """
    if ledger.assurance.durability is not Durability.ALWAYS:
        return None
    asked = time.monotonic()
    try:
        ledger.redis.set(ledger.keys.probe, "", ex=PROBE_KEPT_SECONDS)
    except redis.ResponseError as error:
        if not is_refusal(error):
            raise
        return None
    return max(0.0, (time.monotonic() - asked) * 1000 - round_trip_ms)


def check_distance(time: RedisTime) -> Check:
    trip_ms = time.round_trip_ms
    found = Phrase("answers in {ms} ms", ms=f"{trip_ms:.{0 if trip_ms >= 10 else 1}f}")
    if trip_ms < FAR_MS:
        return Check("distance", Status.OK, found)
    slow = Phrase(
        "{answers}: a notification is sent {seconds:.1f} s after it is accepted, and one worker process handles"
        " {n} message a second | {answers}: a notification is sent {seconds:.1f} s after it is accepted, and one worker"
        " process handles {n} messages a second",
        answers=found,
        seconds=TRIPS_TO_CALL * trip_ms / 1000,
        n=round(1000 / trip_ms),
    )
    return Check("distance", Status.WARN, slow, Phrase("run Redis, the workers and the web side in one region"))


def check_clock(time: RedisTime) -> list[Check]:
    """Whether it is off now, or was set within the last day."""
    for condition in clock_off(time.ahead_ms):
        return [Check("clock", Status.WARN, condition.found, condition.do)]
    step = time.step
    if step is None or time.now_ms - step.at_ms > TOLD_FOR_MS:
        return []
    do = Phrase("have NTP slew the clock of the Redis machine instead of stepping it")
    return [Check("clock", Status.WARN, _was_set(step), do)]


def _was_set(step: ClockStep) -> Phrase:
    at = f"{datetime.fromtimestamp(step.at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    return Phrase(
        "was set {direction} by {seconds:.1f} s at {at} UTC: anything scheduled for a time may have been sent early or"
        " late",
        direction=_BACK if step.by_ms < 0 else _FORWARD,
        seconds=abs(step.by_ms) / 1000,
        at=at,
    )


_BACK, _FORWARD = Phrase("back"), Phrase("forward")
