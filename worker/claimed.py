"""One claimed notification, in the worker that may send it, and the hold of its desk when none can be sent."""

import logging
import threading
from dataclasses import replace
from typing import Any, Self

import redis

from feishu.codes import Kind
from feishu.verdict import Verdict
from ledger.claim import Claim
from ledger.delivery_options import ReceiveType
from ledger.endings import HAD_LEFT
from ledger.leases import Leases, Result
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.rate import AHEAD_TRIPS, SPAN_TRIPS, Slot, late_after_ms
from ledger.settings import Desk
from ledger.states import Outcome, State
from worker.retries import is_redis_away, retry_while_redis_is_away

__all__ = ["ClaimedNotification", "DeskHold", "NotNow"]

#: A thread waits this long for a slot, ms. A slot farther away is waited for in the lane.
LONGEST_SLOT_WAIT_MS = 1500
#: Slots that are tried for one call. A slot is missed when Redis or this machine stalls; after these it is another
#: worker's turn.
SLOT_TRIES = 3

#: A claim or a renewal older than this, ms, is renewed before the call: its announcement may have been paused since.
#: With a far Redis it may be older, by as much as a slot is granted ahead.
PAUSE_HOLDS_WITHIN_MS = 1000
#: The most that it is, in round trips.
AHEAD_AT_MOST_TRIPS = AHEAD_TRIPS + SPAN_TRIPS

#: What a call says about its desk. A throttle or wrong credentials say nothing about whether the API is up.
_HEALTH = {
    Kind.TRANSIENT: "down",
    Kind.UNKNOWN: "down",
    Kind.DELIVERED: "up",
    Kind.REFUSED: "up",
    Kind.TICKET_OPEN: "up",
}


class NotNow(Exception):
    """It cannot be sent now, and nothing is wrong with it: no slot, a held desk, a ticket to wait for, a shutdown."""

    def __init__(self, wait_ms: int = 0) -> None:
        super().__init__(wait_ms)
        self.wait_ms = wait_ms


class ClaimedNotification:
    """Holds the slot, the lease and the attempts that are not on record yet.

    Slots are by Redis time (`leases.clock`). The lease counts from `leased_at`, a time of the monotonic clock before
    the lease was requested, so setting a clock cannot make it longer.
    """

    def __init__(
        self,
        claim: Claim,
        desk: Desk,
        leases: Leases,
        token: str,
        stopping: threading.Event,
        leased_at: float,
    ) -> None:
        self.claim = claim
        self.verdict: Verdict | None = None
        self.health = ""
        self.desk_held = False
        self.via = claim.progress.via
        self._desk = desk
        self._leases = leases
        self._token = token
        self._stopping = stopping
        self._clock = leases.clock
        self._slot: Slot | None = claim.slot
        self._leased_at = leased_at
        self._late_after_ms = late_after_ms(desk.rate)
        self._times_set = leases.clock.times_set
        self._earlier: list[Attempt] = []
        self._attempts: list[Attempt] = []

    @property
    def id(self) -> str:
        return self.claim.id

    @property
    def notification(self) -> Notification:
        return self.claim.notification

    @property
    def attempts(self) -> list[Attempt]:
        """All attempts made here, on record or not yet."""
        return [*self._earlier, *self._attempts]

    @property
    def is_rerouted(self) -> bool:
        return self.via is not None

    def redis_now_ms(self) -> int:
        return self._clock.now_ms()

    # -- the right to call

    def take_slot(self) -> None:
        """Waits for the slot and uses it up, after reserving another one if it is used or too old.

        Raises:
            NotNow: no slot is near, or the worker stops.
            LeaseLost: another worker may be sending it now.
        """
        self._wait_for_good_slot()
        if 0 < self.notification.expires_ms <= self.redis_now_ms():
            raise NotNow  # and not later either: the next release ends it as expired
        self._slot = None

    def _wait_for_good_slot(self) -> None:
        for _ in range(SLOT_TRIES):
            if self._stopping.is_set():
                raise NotNow
            slot = self._slot if self._slot and self._is_good(self._slot) else self._reserve()
            if self._desk.rate and self._stops_before(slot.at_ms):
                raise NotNow
            if self._is_good(slot):
                return
        raise NotNow

    def _stops_before(self, at_ms: int) -> bool:
        """Waits for that moment, if it is to come."""
        wait_ms = at_ms - self.redis_now_ms()
        return wait_ms > 0 and self._stopping.wait(wait_ms / 1000)

    def _is_good(self, slot: Slot) -> bool:
        """Whether neither the slot nor the lease is too old: this process may have been frozen since it got them, or
        took long to get ready. A slot from before Redis' clock was set names another moment now."""
        if self._desk.rate and self._clock.times_set != self._times_set:
            return False
        is_late = self._late_after_ms is not None and self.redis_now_ms() - slot.at_ms > self._late_after_ms
        return not is_late and (self._clock.monotonic() - self._leased_at) * 1000 <= self._renew_after_ms

    @property
    def _renew_after_ms(self) -> float:
        ahead_ms = AHEAD_AT_MOST_TRIPS * self._clock.round_trip_ms
        return min(self._leases.begin_within_ms, PAUSE_HOLDS_WITHIN_MS + ahead_ms)

    def _reserve(self) -> Slot:
        pending = self._attempts[-1] if self._attempts else None
        unused_ms = self._slot.at_ms if self._slot else None
        leased_at = self._clock.monotonic()
        try:
            slot = self._leases.renew(
                self._desk, self._token, self.id, LONGEST_SLOT_WAIT_MS, pending, unused_ms, self._extra()
            )
        except redis.RedisError as error:
            if not is_redis_away(error):
                raise
            raise NotNow from error
        self._earlier += self._attempts
        self._attempts.clear()
        self._slot = slot
        if slot is None:
            raise NotNow
        self._leased_at = leased_at
        self._times_set = self._clock.times_set
        return slot

    # -- what happened

    def note(self, verdict: Verdict, via: ReceiveType | None = None) -> None:
        """A call was made; without `via`, one before the send, such as for a token."""
        self.verdict = verdict
        self._attempts.append(self._attempt(verdict, via))
        self.health = _HEALTH.get(verdict.kind, self.health)

    def note_no_call(self, why: str) -> None:
        """It ended before any call."""
        self._attempts.append(Attempt(at_ms=self.redis_now_ms(), via=None, outcome=Outcome.REFUSED, msg=why))

    def note_ticket(self) -> None:
        """The last call was refused because of an open ticket: that is its outcome, and the desk is up.

        An attempt that is already on record (a slot was reserved since) keeps its first outcome there.
        """
        self.health = "up"
        if self._attempts:
            self._attempts[-1] = replace(self._attempts[-1], outcome=Outcome.TICKET_OPEN)

    def rerouted(self) -> Self:
        """From now on it is sent to `user`, also after a restart."""
        self.via = ReceiveType.USER
        return self

    def _attempt(self, verdict: Verdict, via: ReceiveType | None) -> Attempt:
        return Attempt(
            at_ms=max(self.redis_now_ms() - verdict.elapsed_ms, self._after_the_last_ms()),
            via=via,
            outcome=verdict.outcome,
            code=verdict.code,
            http_status=verdict.http_status,
            log_id=verdict.log_id,
            ms=verdict.elapsed_ms,
            message_id=verdict.message_id,
            msg=_what_is_known(verdict),
        )

    def _after_the_last_ms(self) -> int:
        # The ledger recognises a replay by its attempt's time, so no two may have the same.
        attempts = [*self.claim.progress.attempts, *self.attempts]
        return attempts[-1].at_ms + 1 if attempts else 0

    # -- the result

    def _extra(self) -> dict[str, Any]:
        return {"via": self.via} if self.via else {}

    def result(self, to: State, *, wait_ms: int = 0, **extra: Any) -> Result:
        """The result, with the attempts that are not on record yet and the slot that was not used."""
        unused_ms = self._slot.at_ms if self._slot else None
        return Result(self.id, to, self._attempts, wait_ms, {**self._extra(), **extra}, unused_ms)

    def deferred(self, wait_ms: int, **extra: Any) -> Result:
        return self.result(State.DEFERRED, wait_ms=wait_ms, **extra)

    def set_aside(self, wait_ms: int = 0) -> Result:
        """Nothing is spent: to the front of its lane, or due later if there is a ticket to wait for."""
        if not wait_ms:
            return self.result(State.QUEUED)
        return self.deferred(wait_ms, awaits=self.notification.receiver_id)


def _what_is_known(verdict: Verdict) -> str | None:
    """For the record, in words: what Feishu said, else how it ended. Every byte of a maybe-sent call has left, or it
    would count as not sent (`http_client.connection`)."""
    if verdict.kind is Kind.DELIVERED:
        return None
    ending = verdict.msg or verdict.ended
    return f"{HAD_LEFT}{ending}" if verdict.kind is Kind.UNKNOWN else ending


log = logging.getLogger(__name__)

#: How long all hold back when a throttle does not say how long.
THROTTLE_SECONDS = 5.0
#: When a held desk is probed: after wrong credentials, after a spent monthly quota, ms.
CREDENTIALS_HOLD_MS, QUOTA_HOLD_MS = 60_000, 3_600_000


class DeskHold:
    """Of one desk. Each method holds the desk, and returns what happens to the notification whose call was refused."""

    def __init__(self, desk: Desk, leases: Leases) -> None:
        self._desk = desk
        self._leases = leases

    def for_throttle(self, claimed: ClaimedNotification, verdict: Verdict) -> Result:
        hold_seconds = verdict.retry_after_seconds or THROTTLE_SECONDS
        self._hold(claimed, "throttled", round(hold_seconds * 1000), verdict)
        return claimed.result(State.QUEUED)

    def for_credentials(self, claimed: ClaimedNotification, verdict: Verdict) -> Result:
        self._hold(claimed, "credentials", CREDENTIALS_HOLD_MS, verdict)
        return claimed.deferred(CREDENTIALS_HOLD_MS, held=True)

    def for_quota(self, claimed: ClaimedNotification, verdict: Verdict) -> Result:
        self._hold(claimed, "quota", QUOTA_HOLD_MS, verdict)
        return claimed.deferred(QUOTA_HOLD_MS, held=True)

    def note_change(self, lasted_seconds: float | None) -> None:
        """One line when an outage begins, and one when a hold ends, in the log of the worker whose call showed it."""
        desk = {"desk": self._desk.name}
        if lasted_seconds is None:
            log.error(
                "desk held (outage): Feishu does not answer, or answers with errors; one probe at a time", extra=desk
            )
        else:
            log.warning("the desk is no longer held, after %.0f s", lasted_seconds, extra=desk)

    def _hold(self, claimed: ClaimedNotification, kind: str, hold_ms: int, verdict: Verdict) -> None:
        claimed.desk_held = True
        answer = (verdict.code, verdict.http_status)
        hold = retry_while_redis_is_away(
            self._leases.hold, self._desk, kind, hold_ms, verdict.reason, verdict.rate_limit, answer
        )
        if hold.lowered_to:
            log.error(
                "throttled again: the desk uses %s of its configured rate for a day, or until `deskbell resume --desk`",
                f"{hold.lowered_to:.0%}",
                extra={"desk": self._desk.name},
            )
        if hold.is_new:
            level = logging.INFO if kind == "throttled" else logging.ERROR
            log.log(level, "desk held (%s): %s", kind, verdict.reason, extra={"desk": self._desk.name})
