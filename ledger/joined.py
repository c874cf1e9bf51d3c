"""What a message keeps of the events that joined it, and the message made from that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import orjson
import redis

from ledger.connection import text
from ledger.messages.content import Message
from ledger.messages.joined_message import Line, Told, joined_message
from ledger.messages.joined_texts import Fired, Wording
from ledger.messages.last_line import with_last_line
from ledger.notification import Notification
from ledger.redis_keys import RedisKeys
from ledger.times import zone_of

__all__ = ["Joined", "told_of_alert"]

#: The prefix of a group's count among the fields of the hash.
_OF_GROUP = "of "


@dataclass(frozen=True, slots=True)
class Joined:
    """The events of one message. They no longer change once its window is closed."""

    kind: str  #: throttle or digest
    since_ms: int
    count: int
    zone: str
    groups: dict[str, int]
    lines: Sequence[tuple[Line, int]]  #: newest first, each with the ms at which it expires, or 0
    language: str

    @classmethod
    def read(cls, client: redis.Redis, keys: RedisKeys, id: str, kind: str, language: str) -> Self:
        """In one round trip; `language` is its desk's. Raises one of UNREADABLE if the record is damaged."""
        pipe = client.pipeline(transaction=True)
        pipe.hgetall(keys.joined(id))
        pipe.lrange(keys.joined_lines(id), 0, -1)
        pipe.hgetall(keys.joined_fired(id))
        fields, lines, ended = pipe.execute()
        kept = {text(name): value for name, value in fields.items()}
        fired = {int(number): Fired(*map(int, span.split())) for number, span in ended.items()}
        count = int(kept["count"])
        return cls(
            kind=kind,
            since_ms=int(kept["since"]),
            count=count,
            zone=text(kept["zone"]),
            groups={name[len(_OF_GROUP) :]: int(kept[name]) for name in kept if name.startswith(_OF_GROUP)},
            lines=[_line(fired.get(count - index), *orjson.loads(line)) for index, line in enumerate(lines)],
            language=language,
        )

    def in_place_of(self, notification: Notification, now_ms: int) -> Notification:
        """The notification with its message. A digest of one event is sent as that event came. Raises BadInput."""
        if self.count == 1 and self.kind == "digest":
            line = self.lines[0][0] if self.lines else None
            return _with_fired(notification, line.fired, line.at_ms, self._wording) if line else notification
        return notification.model_copy(update={"message": self.message(now_ms)})

    def message(self, now_ms: int) -> Message:
        """Leaves out what has expired. If everything has, the ledger ends the message without sending it."""
        lines = [line for line, expires_ms in self.lines if not 0 < expires_ms <= now_ms]
        gone = [line for line, expires_ms in self.lines if 0 < expires_ms <= now_ms] if lines else []
        groups = dict(self.groups)
        for line in gone:
            groups[line.group] = groups.get(line.group, 1) - 1
        return joined_message(
            Told(
                is_throttled=self.kind == "throttle",
                since_ms=self.since_ms,
                count=self.count - len(gone),
                lines=lines or [line for line, _ in self.lines],
                groups={group: count for group, count in groups.items() if count > 0},
                expired=len(gone),
                wording=self._wording,
            )
        )

    @property
    def _wording(self) -> Wording:
        return _wording(self.language, self.zone)


def told_of_alert(notification: Notification, fired: Fired | None, accepted_ms: int, language: str) -> Notification:
    """With a line that says for how long the alert fired whose end it tells of, if it tells of one."""
    alert = notification.alert
    return _with_fired(notification, fired, accepted_ms, _wording(language, alert.zone if alert else ""))


def _with_fired(notification: Notification, fired: Fired | None, told_ms: int, wording: Wording) -> Notification:
    if fired is None:
        return notification
    message = with_last_line(notification.message, wording.fired(fired, told_ms))
    return notification.model_copy(update={"message": message})


def _line(fired: Fired | None, at_ms: int, group: str, line: str, expires: Any) -> tuple[Line, int]:
    return Line(int(at_ms), str(group), str(line), fired), int(expires)


def _wording(language: str, zone: str) -> Wording:
    return Wording(language, zone_of(zone) if zone else None)
