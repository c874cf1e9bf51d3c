"""The workers' side of the ledger: releasing, claiming, renewing, recording."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, cast

import orjson
import redis

from ledger.announcement import Row, Spec
from ledger.claim import Claim
from ledger.connection import text
from ledger.damage import Reading
from ledger.holds import reason_kept
from ledger.ids import announcement_of, is_row
from ledger.joined import Joined, told_of_alert
from ledger.lead import ClockStep, LeadAnswer
from ledger.progress import Attempt
from ledger.rate import (
    AHEAD_TRIPS,
    ANSWER_TRIPS,
    FARTHEST_MS,
    NEAR_MS,
    SPAN_TRIPS,
    Slot,
    late_after_ms,
    limit_arguments,
)
from ledger.redis_clock import RedisClock, time_ms
from ledger.settings import Desk, Settings
from ledger.states import State
from ledger.store import Argument, Store

__all__ = ["Held", "LeaseLost", "Leases", "Released", "Result", "Share", "Swept"]


#: How long a released notification may stay unclaimed before it goes back to its lane, ms. A worker that lives takes
#: it sooner.
RELEASED_LEASE_MS = 5_000
#: A call begins at most this long after its claim, or after the renewal for it, ms. Before it there may be a wait for a
#: slot and an upload; and it ends within its own longest time, so that it ends before the lease does.
BEGIN_WITHIN_MS = 5_000
#: Between the end of a call and the end of the lease, ms: one question about a ticket, and recording.
AFTER_CALL_MS = 10_000
#: Leases that one sweep looks at.
SWEEP = 200
#: Announcements whose message a worker keeps compiled.
SPECS = 200


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a claim."""

    id: str
    to: State
    attempts: Sequence[Attempt] = ()
    wait_ms: int = 0  #: for deferred
    extra: dict[str, Any] = field(default_factory=dict)  #: laid over the progress
    unused_slot_ms: int | None = None  #: a slot that is given back


class Share(NamedTuple):
    """Of the work: a desk, the most to release of it now, and the most it may have in flight (released or claimed)
    afterwards. `apart_ms`: one thread sends all of it, and needs so long for each."""

    desk: Desk
    most: int
    in_flight: int
    apart_ms: int = 0


class Released(NamedTuple):
    """The answer of `release`: ids to publish, and the time of the next look (None: nothing waits)."""

    ids: list[str]
    again_ms: int | None
    overdue: bool = False  #: leases have ended, and wait for a sweep
    in_flight: int = 0  #: of the desk, these included


class Held(NamedTuple):
    """Whether a hold is new, and the share of the quota from now on, if that was lowered."""

    is_new: bool
    lowered_to: float | None


class Swept(NamedTuple):
    """The notifications that a sweep took back."""

    returned: int
    resent: int
    unknown: int


class Leases(Store):
    """The verbs of workers, for one process. `longest_call_ms` limits one API call, and determines the lease."""

    def __init__(
        self, client: redis.Redis, settings: Settings, *, longest_call_ms: int, clock: RedisClock | None = None
    ) -> None:
        super().__init__(settings, client)
        self.clock = clock or RedisClock()
        self._specs: dict[str, Spec] = {}
        self.begin_within_ms = BEGIN_WITHIN_MS
        self.lease_ms = BEGIN_WITHIN_MS + longest_call_ms + AFTER_CALL_MS

    def release(self, shares: Iterable[Share | tuple[Desk, int, int]]) -> list[Released]:
        """Hands out the slots of several due desks, in one round trip."""
        calls = [
            (
                "release",
                desk.name,
                (
                    most,
                    in_flight,
                    RELEASED_LEASE_MS,
                    self.results_for_ms,
                    self._trips_ms(desk, AHEAD_TRIPS),
                    self._trips_ms(desk, SPAN_TRIPS),
                    apart_ms,
                    *limit_arguments(desk.rate),
                ),
            )
            for desk, most, in_flight, apart_ms in (Share(*share) for share in shares)
        ]
        return [_released(answer) for answer in self.verbs.call_many(calls)]

    def sweep(self, desks: Sequence[Desk]) -> list[Swept]:
        """Takes back, desk by desk, what lost workers held."""
        calls = [("sweep", desk.name, (self.results_for_ms, SWEEP, RELEASED_LEASE_MS)) for desk in desks]
        return [Swept(*_raised(answer)) for answer in self.verbs.call_many(calls)]

    def claim(self, desk: Desk, token: str, ids: Sequence[str], apart_ms: int = 0) -> tuple[int, list[Claim]]:
        """Claims those of `ids` that are released and have, or get, a good slot. Also returns the Redis time, ms.

        `apart_ms`: how long the caller needs for each, one after another.
        """
        asked = self.clock.monotonic()
        now_ms, probing, tickets, *found = self.verbs.call(
            "claim",
            desk.name,
            token,
            self.lease_ms,
            RELEASED_LEASE_MS,
            late_after_ms(desk.rate) or 0,
            self.results_for_ms,
            self._trips_ms(desk, 0.5),
            self._trips_ms(desk, ANSWER_TRIPS),
            apart_ms,
            *limit_arguments(desk.rate),
            *dict.fromkeys(ids),  # one that stood there twice would look like a replay, and be sent twice
        )
        self.clock.note(asked, now_ms)
        fives = iter(found)
        return now_ms, [
            self._claim(desk, text(id), input, progress, Slot(now_ms - age, -age), accepted, bool(probing), tickets > 0)
            for id, input, progress, age, accepted in zip(fives, fives, fives, fives, fives, strict=True)
        ]

    def _claim(
        self, desk: Desk, id: str, input: bytes, kept: bytes, slot: Slot, accepted_ms: int, probing: bool, tickets: bool
    ) -> Claim:
        reading = Reading()
        progress, row = reading.progress(kept, accepted_ms), None
        if is_row(id):
            row = reading.part("row", lambda: (Row.of_json(input), self._spec(announcement_of(id))), None)
            addressed = row[0].addressed(row[1]) if row else reading.notification(None, "")
        else:
            addressed = reading.notification(input, "")
        if kind := progress.gathers:
            read = partial(Joined.read, self.redis, self.keys, id, kind, desk.language)
            joined = reading.part("joined", read, None)
            addressed = joined.in_place_of(addressed, self.clock.now_ms()) if joined else addressed
        elif progress.fired and reading.damage is None:
            addressed = told_of_alert(addressed, progress.fired, accepted_ms, desk.language)
        return Claim(id, addressed, progress, slot, probing, accepted_ms, row, tickets, reading.damage)

    def _spec(self, announcement: str) -> Spec:
        """It never changes, so each worker reads it once."""
        if announcement not in self._specs:
            if len(self._specs) >= SPECS:
                self._specs.clear()
            spec = cast(bytes, self.redis.hget(self.keys.lane(announcement), "spec"))
            self._specs[announcement] = Spec.of_json(spec)
        return self._specs[announcement]

    def record(
        self,
        desk: Desk,
        token: str,
        results: Iterable[Result],
        health: str,
        on_hold: Callable[[float | None], None] = lambda _: None,
    ) -> list[bool]:
        """Records results. False where the lease was lost and somebody else has decided.

        health: `up` when the desk's API answered sanely, `down` when it failed for the desk's sake, else `''`.
        on_hold: called with None when an outage of the desk begins with this, and with the seconds of a hold that ends.
        """
        arguments: list[Argument] = []
        for result in results:
            arguments += (
                result.id,
                result.to,
                _json([attempt.to_list() for attempt in result.attempts]),
                result.wait_ms,
                _json(result.extra),
                _or_empty(result.unused_slot_ms),
            )
        hold, *answers = self.verbs.call("record", desk.name, token, self.results_for_ms, health, *arguments)
        if hold:
            on_hold(None if hold == b"began" else float(hold) / 1000)
        return [bool(recorded) for recorded in answers]

    def renew(
        self,
        desk: Desk,
        token: str,
        id: str,
        max_wait_ms: int,
        attempt: Attempt | None = None,
        unused_slot_ms: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Slot | None:
        """Notes an attempt, renews the lease and reserves the next slot. None when there is none within `max_wait_ms`.

        Raises LeaseLost.
        """
        written = (_json(attempt and attempt.to_list()), _or_empty(unused_slot_ms), _json(extra))
        ahead_ms, limits = self._trips_ms(desk, ANSWER_TRIPS), limit_arguments(desk.rate)
        asked = self.clock.monotonic()
        wait_ms, slot_ms, now_ms = self.verbs.call(
            "renew", desk.name, token, id, self.lease_ms, max_wait_ms, *written, secrets.token_hex(4), ahead_ms, *limits
        )
        self.clock.note(asked, now_ms)
        if wait_ms == -2:
            raise LeaseLost(id)
        return None if wait_ms == -1 else Slot(slot_ms, wait_ms)

    def hold(
        self, desk: Desk, kind: str, hold_ms: int, reason: str, limit: int | None = None, answer: Sequence[Any] = ()
    ) -> Held:
        """Holds the desk for all workers. `limit`: calls in the longest window, as a throttle said. `answer`: Feishu's
        code and HTTP status, which tell people what the hold means."""
        longest = max(desk.rate, key=lambda limit: limit.seconds, default=None)
        share = f"{limit / longest.calls:.3f}" if limit and longest else ""
        code, status = map(_or_empty, answer or (None, None))
        is_new, lowered_to = self.verbs.call(
            "hold", desk.name, kind, hold_ms, reason, share, code, status, reason_kept(reason)
        )
        return Held(bool(is_new), float(lowered_to) if lowered_to else None)

    def resume(self, desk: Desk, *, if_changed: bool) -> bool:
        """Ends the desk's hold; with `if_changed` only if its credentials have changed."""
        return bool(self.verbs.call("resume", desk.name, desk.fingerprint if if_changed else "", desk.app))

    def lead(self, pacer: str, lease_ms: int, step: ClockStep | None = None) -> LeadAnswer:
        """Takes, keeps, or (with 0) gives up the lead among the pacers. `step`: all desks were moved by that."""
        said = (step.by_ms, step.clock_state, int(step.is_guess)) if step else ("", "", 0)
        asked = self.clock.monotonic()
        leads, now_ms, vouched_ms, is_vouched, state = self.verbs.call("lead", "", pacer, lease_ms, *said)
        self.clock.note(asked, now_ms)
        return LeadAnswer(bool(leads), now_ms, None if vouched_ms < 0 else vouched_ms, bool(is_vouched), text(state))

    def step(self, desks: Iterable[Desk], step: ClockStep) -> None:
        """Redis' clock was set: moves slots, leases, holds and waits of these desks along. If it may have been a time
        without a leader instead, moves slots and leases alone.

        A repetition moves nothing, nor does a caller that another leader has followed since it looked.
        """
        arguments = (step.clock_state, step.by_ms, int(step.is_guess), self.lease_ms)
        for answer in self.verbs.call_many([("step", desk.name, arguments) for desk in desks]):
            _raised(answer)

    def measure_clock(self) -> None:
        """Takes one more sample of Redis' time."""
        asked = self.clock.monotonic()
        self.clock.note(asked, time_ms(self.redis.time()))

    def _trips_ms(self, desk: Desk, trips: float) -> int:
        """So many round trips to Redis, where that matters: slots are for a moment, and Redis may be far away."""
        trip_ms = min(self.clock.round_trip_ms, FARTHEST_MS)
        return round(trips * trip_ms) if desk.rate and trip_ms > NEAR_MS else 0


class LeaseLost(Exception):
    """Another process decides about this notification now: stop working on it."""


def _json(value: Any) -> bytes | str:
    """Empty for an empty value."""
    return orjson.dumps(value) if value else ""


def _or_empty(number: int | None) -> int | str:
    return "" if number is None else number


def _raised(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


def _released(answer: Any) -> Released:
    again_ms, overdue, in_flight, *ids = _raised(answer)
    return Released([id.decode() for id in ids], None if again_ms < 0 else again_ms, bool(overdue), in_flight)
