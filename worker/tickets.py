"""Who has an open ticket, and so cannot be reached by `chat`."""

from typing import Protocol

import redis

from ledger.connection import text
from ledger.keys import Keys
from ledger.models import Notification, UserIdType
from ledger.settings import Desk

__all__ = ["Tickets"]

#: How long an open ticket that was seen is believed without asking again, seconds. Believed too long, it sends to
#: the bot's chat instead of the group; asked about again and again, it would cost calls.
BELIEVED_SECONDS = 600
#: An open_id never changes for an app, seconds.
OPEN_ID_SECONDS = 30 * 86400


class _Feishu(Protocol):
    def has_open_ticket(self, open_id: str) -> bool: ...

    def open_id_of(self, user_id: str, user_id_type: str) -> str: ...


class Tickets:
    """The evidence for a reroute: the ticket list, and what it said of late, shared by all workers."""

    def __init__(self, client: redis.Redis, keys: Keys, desk: Desk, feishu: _Feishu) -> None:
        self._redis = client
        self._keys = keys
        self._desk = desk
        self._feishu = feishu

    def known_open(self, notification: Notification) -> bool:
        """Whether an open ticket was seen lately. Costs no call."""
        return bool(self._redis.exists(self._key(notification)))

    def is_open(self, notification: Notification) -> bool:
        """Asks the ticket list. Raises AskFailed."""
        found = self._feishu.has_open_ticket(self._open_id(notification))
        if found:
            self.note_open(notification)
        else:
            self._redis.delete(self._key(notification))
        return found

    def note_open(self, notification: Notification) -> None:
        """An open ticket was seen, by whatever evidence."""
        self._redis.set(self._key(notification), 1, ex=BELIEVED_SECONDS)

    def _open_id(self, notification: Notification) -> str:
        if notification.user_id_type == UserIdType.OPEN_ID:
            return notification.receiver_id
        key = self._keys.open_id(self._desk.name, notification.user_id_type, notification.receiver_id)
        known = self._redis.get(key)
        if known:
            return text(known)
        open_id = self._feishu.open_id_of(notification.receiver_id, notification.user_id_type)
        self._redis.set(key, open_id, ex=OPEN_ID_SECONDS)
        return open_id

    def _key(self, notification: Notification) -> str:
        return self._keys.ticket(self._desk.name, notification.receiver_id)
