"""The record of a notification, and the answer to who handed it in."""

from dataclasses import dataclass
from typing import Any

from ledger.notification import Notification
from ledger.progress import Attempt, Progress
from ledger.states import FINAL, Outcome, State
from ledger.times import iso

__all__ = ["Accepted", "Record"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a producer: the id it can ask about, and whether an earlier call with this key had made it."""

    id: str
    duplicate: bool
    state: State

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "state": self.state, "duplicate": self.duplicate}


@dataclass(frozen=True, slots=True)
class Record:
    """All that is known of one notification."""

    id: str
    notification: Notification
    progress: Progress
    created_ms: int
    announcement: str | None = None
    damage: str | None = None  #: what of it cannot be read, in words

    @property
    def last(self) -> Attempt | None:
        return self.progress.attempts[-1] if self.progress.attempts else None

    def as_json(self) -> dict[str, Any]:
        """The JSON of the outside contract. The message itself is not in it."""
        progress, last = self.progress, self.last
        return {
            "id": self.id,
            "state": progress.state,
            "desk": self.notification.desk,
            "receiver_id": self.notification.receiver_id,
            "receive_type": self.notification.receive_type,
            "user_id_type": self.notification.user_id_type,
            "msg_type": self.notification.message.msg_type,
            "via": last.via if last else progress.via,
            "message_id": last.message_id if last else None,
            "attempts": [attempt.as_json() for attempt in progress.attempts],
            "acts": [{"at": iso(at), "by": by, "did": did} for at, by, did in progress.acts],
            "error": self._error(),
            "announcement": self.announcement,
            "key": self.notification.key,
            "created_at": iso(self.created_ms),
            "due_at": iso(progress.due_ms),
            "expires_at": iso(self.notification.expires_ms),
            "finished_at": iso(progress.at_ms) if progress.state in FINAL else None,
            **({"damaged": self.damage} if self.damage else {}),
        }

    def _error(self) -> dict[str, Any] | None:
        if self.last is None or self.last.outcome is Outcome.DELIVERED:
            return None
        return {"code": self.last.code, "msg": self.last.msg}
