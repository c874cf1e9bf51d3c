"""The receivers with an open ticket, whom `chat` cannot reach: an index that all workers share, fed by the ticket list.

The whole list is fetched every few minutes while `chat` messages are sent; refused sends feed the index too.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import redis

from feishu.client import FeishuClient
from feishu.open_tickets import ticket_pages
from ledger.connection import text
from ledger.delivery_options import ReceiveType, UserIdType
from ledger.notification import Notification
from ledger.redis_clock import time_ms
from ledger.redis_keys import RedisKeys
from ledger.settings import Desk
from ledger.ticket_codes import learnt_ticket_codes
from ledger.tickets import BELIEVED_MS

__all__ = ["Tickets"]

log = logging.getLogger(__name__)

#: Between two fetches of the whole list, ms. Asking is cheap (1,000 calls a minute, 200 tickets a page), a refused send
#: is expensive.
REFRESH_MS = 120_000
#: How often one process checks whether it is time, seconds.
LOOK_SECONDS = 15.0
#: An open_id never changes for an app, seconds.
OPEN_ID_SECONDS = 30 * 86400


class Tickets:
    """The evidence for a reroute. Threads share it."""

    def __init__(
        self,
        client: redis.Redis,
        keys: RedisKeys,
        desk: Desk,
        feishu: FeishuClient,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = client
        self._keys = keys
        self._desk = desk
        self._feishu = feishu
        self._clock = clock
        self._index = keys.tickets(desk.name)
        self._look_again = 0.0
        self._looking = threading.Lock()

    def known_open(self, notifications: Collection[Notification], now_ms: int) -> frozenset[str]:
        """The receivers that had an open ticket when last seen. One round trip for all of them, and no call.

        `now_ms` is Redis time. Empty while Redis is away: then a call may be refused, nothing worse.
        """
        receivers = [each.receiver_id for each in notifications if each.receive_type == ReceiveType.CHAT]
        if not receivers:
            return frozenset()
        seen: list[float | None] = [None] * len(receivers)
        with self._if_redis_is_there():
            seen = self._redis.zmscore(self._index, receivers)
        return frozenset(
            receiver
            for receiver, seen_ms in zip(receivers, seen, strict=True)
            if seen_ms is not None and seen_ms > now_ms - BELIEVED_MS
        )

    def is_open(self, notification: Notification) -> bool:
        """Asks the ticket list about this receiver. Raises AskFailed."""
        is_open = self._feishu.has_open_ticket(self._open_id(notification))
        if is_open:
            self.note_open(notification)
        else:
            with self._if_redis_is_there():
                self._redis.zrem(self._index, notification.receiver_id)
        return is_open

    def is_learnt(self, code: int | None) -> bool:
        """Whether `deskbell probe` found that this code means an open ticket. False while Redis is away."""
        with self._if_redis_is_there():
            return code is not None and code in learnt_ticket_codes(self._redis, self._keys, self._desk.name)
        return False

    def note_open(self, notification: Notification) -> None:
        """An open ticket was seen, in the list or by a refused send."""
        with self._if_redis_is_there():
            self._redis.zadd(self._index, {notification.receiver_id: self._now_ms()})

    @contextmanager
    def _if_redis_is_there(self) -> Iterator[None]:
        """Around what only saves calls. An error would end a delivery between its claim and its record, as `unknown`
        although everything is known."""
        try:
            yield
        except (redis.ConnectionError, redis.TimeoutError) as error:
            log.warning("going on without the index of open tickets: %s", error, extra={"desk": self._desk.name})

    def refresh_if_due(self) -> None:
        """Fetches the whole list, if no worker has for some minutes. Raises AskFailed."""
        if not self._is_time_to_look():
            return
        turn = self._keys.tickets_turn(self._desk.name)
        if self._redis.set(turn, 1, nx=True, px=REFRESH_MS):
            self._refresh()

    def _is_time_to_look(self) -> bool:
        with self._looking:
            due = self._clock() >= self._look_again
            if due:
                self._look_again = self._clock() + LOOK_SECONDS
            return due

    def _refresh(self) -> None:
        started_ms, is_cut = self._now_ms(), False
        for page in ticket_pages(self._feishu):
            guests = {ticket.guest_open_id: started_ms for ticket in page.tickets if ticket.guest_open_id}
            if guests:
                # GT: a refused send may have noted a newer time meanwhile.
                self._redis.zadd(self._index, guests, gt=True)
            is_cut = page.cut
        if not is_cut:
            # A receiver who is not on a complete list has no open ticket any more.
            self._redis.zremrangebyscore(self._index, "-inf", f"({started_ms}")
        self._redis.pexpire(self._index, BELIEVED_MS)
        self._redis.hset(self._keys.desk(self._desk.name), "tickets_at", started_ms)

    def _now_ms(self) -> int:
        return time_ms(self._redis.time())

    def _open_id(self, notification: Notification) -> str:
        if notification.user_id_type == UserIdType.OPEN_ID:
            return notification.receiver_id
        key = self._keys.open_id(self._desk.fingerprint, notification.user_id_type, notification.receiver_id)
        with self._if_redis_is_there():
            if cached := self._redis.get(key):
                return text(cached)
        open_id = self._feishu.open_id_of(notification.receiver_id, notification.user_id_type)
        with self._if_redis_is_there():
            self._redis.set(key, open_id, ex=OPEN_ID_SECONDS)
        return open_id
