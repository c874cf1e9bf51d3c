"""Delivers what was released: claim, then for each notification render, choose, send, conclude; then record.

If you read one function, read `Delivery._deliver_one`; the rest are its steps.
"""

import logging
import threading
import uuid
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import compress
from typing import assert_never

import orjson
import redis
from tenacity import (
    Retrying,
    retry_if_result,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_random_exponential,
)

from feishu.client import FeishuClient
from feishu.codes import Kind
from feishu.images import ImageGone, Images
from feishu.verdict import AskFailed, Verdict
from ledger.claim import Claim
from ledger.delivery_options import OnOpenTicket, OnUnknown, ReceiveType
from ledger.errors import BadInput
from ledger.leases import LeaseLost, Leases, Result
from ledger.settings import Desk
from ledger.states import State
from worker.claimed import ClaimedNotification, DeskHold, NotNow
from worker.metrics import DeskMetrics
from worker.release import CallDurations
from worker.retries import RetryPolicy, is_redis_away, retry_while_redis_is_away
from worker.tickets import Tickets
from worker.tracing import delivering

__all__ = ["Delivery"]

log = logging.getLogger(__name__)

#: What is claimed together is sent one by one: what has not started after this goes back, so that a pause takes effect
#: and no claim grows old, seconds.
START_WITHIN_SECONDS = 0.7
#: Calls in a row for one transient fault, the first one included. What outlives them is deferred by the ledger.
INLINE_TRIES = 3
#: Seconds before the second call, doubling, each with full jitter up to the last number.
INLINE_WAIT_SECONDS = (0.5, 4.0)
#: When an open ticket is asked about again, ms.
TICKET_WAIT_MS = 60_000


class Delivery:
    """Delivers the notifications of one desk. Threads share it."""

    def __init__(
        self,
        desk: Desk,
        leases: Leases,
        feishu: FeishuClient,
        tickets: Tickets,
        images: Images,
        policy: RetryPolicy,
        metrics: DeskMetrics,
        stopping: threading.Event,
    ) -> None:
        self.desk = desk
        self._leases = leases
        self._feishu = feishu
        self._tickets = tickets
        self._images = images
        self._policy = policy
        self._hold = DeskHold(desk, leases)
        self._metrics = metrics
        self._stopping = stopping
        self._monotonic = leases.clock.monotonic
        self.durations = CallDurations()
        first, longest = INLINE_WAIT_SECONDS
        self._retrying = Retrying(
            retry=retry_if_result(_is_fleeting),
            stop=stop_after_attempt(INLINE_TRIES) | stop_when_event_set(stopping),
            wait=wait_random_exponential(multiplier=first, max=longest),
            sleep=sleep_using_event(stopping),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )

    def deliver(self, ids: Sequence[str]) -> None:
        """Delivers the `ids` that can be claimed, and records their results."""
        token = uuid.uuid4().hex
        leased_at = self._monotonic()
        now_ms, claims = retry_while_redis_is_away(self._leases.claim, self.desk, token, ids, self._apart_ms(ids))
        started = self._monotonic()
        batch = [
            ClaimedNotification(claim, self.desk, self._leases, token, self._stopping, leased_at) for claim in claims
        ]
        with_tickets = self._with_tickets(claims, now_ms)
        results: list[Result] = []
        for claimed in batch:
            too_late = self._monotonic() - started > START_WITHIN_SECONDS
            if too_late or self._stopping.is_set() or any(each.desk_held for each in batch):
                results.append(claimed.set_aside())
            elif result := self._try_one(claimed, with_tickets):
                results.append(result)
        health = {claimed.health for claimed in batch}
        recorded = self._record(token, results, health)
        self._metrics.deliveries(batch, recorded)
        if "up" in health and any(claim.notification.receive_type == ReceiveType.CHAT for claim in claims):
            self._refresh_tickets()

    def _apart_ms(self, ids: Sequence[str]) -> int:
        """How long each is expected to take, within the time in which all must start: a call that hangs in another
        thread must not move the slots of these."""
        if len(ids) <= 1:
            return 0
        return round(min(self.durations.recent_ms or 0, START_WITHIN_SECONDS * 1000 / len(ids)))

    def _with_tickets(self, claims: Sequence[Claim], now_ms: int) -> AbstractSet[str]:
        if not any(claim.some_have_tickets for claim in claims):
            return frozenset()  # a round trip that would find nothing
        return self._tickets.known_open([claim.notification for claim in claims], now_ms)

    def _try_one(self, claimed: ClaimedNotification, with_tickets: AbstractSet[str]) -> Result | None:
        """None leaves the notification until its lease ends: then the sweep decides by what is on record."""
        try:
            with delivering(claimed.claim) as note:
                result = self._deliver_one(claimed, with_tickets)
                note(result)
            return result
        except LeaseLost:
            log.warning("lease lost, another worker decides", extra=self._extra(claimed))
        except Exception:  # one notification must not harm those claimed with it
            log.exception("delivery failed", extra=self._extra(claimed))
        return None

    def _extra(self, claimed: ClaimedNotification) -> dict[str, str]:
        return {"id": claimed.id, "desk": self.desk.name}

    def _deliver_one(self, claimed: ClaimedNotification, with_tickets: AbstractSet[str]) -> Result:
        """One notification, step by step. `with_tickets`: receivers known to have an open ticket. Raises LeaseLost."""
        try:
            if no_token := self._feishu.ready():
                return self._conclude(claimed, no_token)
            content = self._render(claimed)
            via = self._choose(claimed, with_tickets)
            verdict = self._send(claimed, via, content)
            if self._has_open_ticket(claimed, via, verdict):
                if claimed.notification.on_open_ticket != OnOpenTicket.REROUTE:
                    return self._without_reroute(claimed)
                verdict = self._send(claimed.rerouted(), ReceiveType.USER, content)
            return self._conclude(claimed, verdict)
        except NotNow as reason:
            return claimed.set_aside(reason.wait_ms)
        except redis.RedisError as error:
            if not is_redis_away(error):
                raise
            # No call is under way: Redis is asked before a call, or after its answer was noted. So nothing is unknown.
            log.warning("Redis is away, it goes back to its lane: %s", error, extra=self._extra(claimed))
            return claimed.set_aside()
        except AskFailed as failure:
            return self._conclude(claimed, failure.verdict)
        except (ImageGone, BadInput) as error:
            claimed.note_no_call(str(error))
            return claimed.result(State.FAILED)

    # -- the steps

    def _render(self, claimed: ClaimedNotification) -> str:
        """The content as the API takes it; a local image is uploaded here. Raises BadInput, ImageGone, AskFailed."""
        message = claimed.claim.message()
        if message.image_sha256 is None:
            return message.wire_content()
        return orjson.dumps({"image_key": self._images.key_of(message.image_sha256)}).decode()

    def _choose(self, claimed: ClaimedNotification, with_tickets: AbstractSet[str]) -> ReceiveType:
        """`chat` or `user`: a receiver known to have an open ticket costs one call, not two."""
        notification = claimed.notification
        if claimed.via or notification.receive_type == ReceiveType.USER:
            return ReceiveType.USER
        if notification.on_open_ticket == OnOpenTicket.FAIL or notification.receiver_id not in with_tickets:
            return ReceiveType.CHAT
        if notification.on_open_ticket == OnOpenTicket.REROUTE:
            claimed.rerouted()
            return ReceiveType.USER
        if self._tickets.is_open(notification):
            raise NotNow(TICKET_WAIT_MS)
        return ReceiveType.CHAT

    def _send(self, claimed: ClaimedNotification, via: ReceiveType, content: str) -> Verdict:
        """An image that is in the ledger, and whose key Feishu no longer knows, goes out once more under a new one."""
        verdict = self._tries(claimed, via, content)
        renewed = self._with_new_image(claimed, verdict, content)
        return self._tries(claimed, via, renewed) if renewed else verdict

    def _with_new_image(self, claimed: ClaimedNotification, verdict: Verdict, content: str) -> str | None:
        sha256 = claimed.notification.message.image_sha256
        if sha256 is None or verdict.kind is not Kind.REFUSED:
            return None
        image_key = self._images.renewed(sha256, orjson.loads(content)["image_key"], verdict.code)
        return orjson.dumps({"image_key": image_key}).decode() if image_key else None

    def _tries(self, claimed: ClaimedNotification, via: ReceiveType, content: str) -> Verdict:
        """One call, and for a transient fault a few more, each in its own slot. Raises NotNow, LeaseLost.

        Retries within seconds are tenacity's, here; retries within minutes are the ledger's (`deferred`).
        """
        claimed.verdict = None
        try:
            verdict = self._call(claimed, via, content)
            if _is_fleeting(verdict):
                # The first try, made without tenacity, which costs more than all other steps: it counts as its first.
                made = iter([verdict])
                verdict = self._retrying(lambda: next(made, None) or self._call(claimed, via, content))
        except NotNow:
            if claimed.verdict is None:
                raise
            return claimed.verdict  # no slot for another try: the last verdict counts
        return verdict

    def _call(self, claimed: ClaimedNotification, via: ReceiveType, content: str) -> Verdict:
        notification = claimed.notification
        claimed.take_slot()
        with self.durations.call():
            verdict = self._feishu.send(
                notification.receiver_id, via, notification.user_id_type, notification.message.msg_type, content
            )
        claimed.note(verdict, via if verdict.call == "send" else None)
        log.debug("attempt: %s", verdict, extra=self._extra(claimed))
        return verdict

    def _has_open_ticket(self, claimed: ClaimedNotification, via: ReceiveType, verdict: Verdict) -> bool:
        """Whether a `chat` was refused because of a ticket: by a code known to mean that, else by the ticket list.

        Raises AskFailed when the list does not answer now. If the app may not ask for it, the code's own class counts.
        """
        if via is not ReceiveType.CHAT or verdict.kind is Kind.DELIVERED:
            return False
        known = verdict.kind is Kind.TICKET_OPEN or verdict.code in self.desk.ticket_codes
        if known or self._tickets.is_learnt(verdict.code):
            self._tickets.note_open(claimed.notification)
        elif not verdict.may_mean_ticket or not self._list_shows_ticket(claimed):
            return False
        claimed.note_ticket()
        return True

    def _list_shows_ticket(self, claimed: ClaimedNotification) -> bool:
        try:
            return self._tickets.is_open(claimed.notification)
        except AskFailed as failure:
            if failure.verdict.kind not in (Kind.REFUSED, Kind.DESK):
                raise
            log.warning("the ticket list may not be asked: %s", failure.verdict, extra=self._extra(claimed))
            return False

    def _without_reroute(self, claimed: ClaimedNotification) -> Result:
        if claimed.notification.on_open_ticket == OnOpenTicket.WAIT:
            return claimed.set_aside(TICKET_WAIT_MS)
        return claimed.result(State.FAILED)

    def _conclude(self, claimed: ClaimedNotification, verdict: Verdict) -> Result:
        """From the last call's verdict to the state. Waiting is free; failing is charged to the retry budget."""
        if verdict is not claimed.verdict:
            claimed.note(verdict)
        match verdict.kind:
            case Kind.DELIVERED:
                return claimed.result(State.DELIVERED)
            case Kind.REFUSED | Kind.TICKET_OPEN:
                return claimed.result(State.FAILED)
            case Kind.UNKNOWN if verdict.call == "send" and claimed.notification.on_unknown == OnUnknown.HOLD:
                return claimed.result(State.UNKNOWN)
            case Kind.THROTTLED if verdict.call == "send":
                return self._hold.for_throttle(claimed, verdict)
            case Kind.DESK:
                return self._hold.for_credentials(claimed, verdict)
            case Kind.QUOTA_SPENT:
                return self._hold.for_quota(claimed, verdict)
            case Kind.TRANSIENT | Kind.TOKEN | Kind.UNKNOWN | Kind.THROTTLED:
                return self._defer(claimed)
            case _ as never:
                assert_never(never)

    def _defer(self, claimed: ClaimedNotification) -> Result:
        progress = claimed.claim.progress
        wait_ms = self._policy.deferral_ms(progress.deferrals)
        if claimed.claim.probing:  # the desk is down, not the notification
            return claimed.deferred(wait_ms)
        if self._policy.is_spent(progress.failing_ms):
            return claimed.result(State.FAILED)
        return claimed.deferred(wait_ms, deferrals=progress.deferrals + 1, failing_ms=progress.failing_ms + wait_ms)

    def _refresh_tickets(self) -> None:
        """After the sends, not before them: an event must not wait for a list."""
        try:
            self._tickets.refresh_if_due()
        except AskFailed as failure:
            log.warning("the ticket list could not be fetched: %s", failure.verdict, extra={"desk": self.desk.name})

    def _record(self, token: str, results: Sequence[Result], health: AbstractSet[str]) -> list[Result]:
        """Records the results, also through an outage of Redis: a result that is not on record becomes `unknown`.

        Returns the ones that are on record now.
        """
        if not results:
            return []
        desk_health = "up" if "up" in health else "down" if "down" in health else ""
        recorded = retry_while_redis_is_away(
            self._leases.record, self.desk, token, results, desk_health, self._hold.note_change
        )  # fmt: skip
        for result, is_recorded in zip(results, recorded, strict=True):
            if not is_recorded:
                log.warning("came too late to record", extra={"id": result.id, "desk": self.desk.name})
        return list(compress(results, recorded))


def _is_fleeting(verdict: Verdict) -> bool:
    """Whether another call, seconds later, may end otherwise."""
    return verdict.kind in (Kind.TRANSIENT, Kind.TOKEN)
