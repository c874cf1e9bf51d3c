"""The saved templates of a desk: messages that callers send by name, without the text."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import redis

from ledger.audit_log import record_action
from ledger.connection import text
from ledger.damage import whole
from ledger.errors import BadInput
from ledger.messages.column_names import listed, nearest, quoted
from ledger.messages.content import FilledMessage
from ledger.messages.template import Template
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.redis_clock import time_ms
from ledger.saved_template import Reference, SavedTemplate, checked_name
from ledger.store import Store
from ledger.times import iso

__all__ = ["MOST_BYTES", "MOST_NAMES", "MOST_VERSIONS", "SENT_MS", "NoSuchTemplate", "SavedTemplates", "Saving"]

log = logging.getLogger(__name__)

#: Templates of a desk, versions kept of each, and bytes of one: 320 MB at most; usual ones take 1 MB in all.
MOST_NAMES, MOST_VERSIONS, MOST_BYTES = 100, 50, 64 * 1024
#: How many sent variables of a template are remembered: no message has that many.
_MOST_SENT = 200
#: How long a variable counts as one that callers send, ms.
SENT_MS = 30 * 86_400_000
#: A process notes the same variables of a template no more often than this, seconds: a note with each message would
#: add a round trip to it.
_NOTED_EVERY_SECONDS = 60
#: How many notes a process remembers. A caller that keeps sending other variables makes it forget them all.
_MOST_NOTED = 1000


class NoSuchTemplate(BadInput):
    """No template has this name, or it lacks this version. The text lists the existing ones."""

    def __init__(self, problem: Phrase) -> None:
        super().__init__("template", problem)


@dataclass(frozen=True, slots=True)
class Saving:
    """What `save` did. `dropped`: variables that callers send but the template no longer uses, and when each was last
    sent."""

    desk: str
    name: str
    version: int
    is_new: bool  #: False: the last version has the same message
    variables: tuple[str, ...]
    dropped: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "desk": self.desk,
            "name": self.name,
            "version": self.version,
            "is_new": self.is_new,
            "variables": list(self.variables),
        }
        return fields | {"dropped": [{"name": name, "last_sent_at": iso(ms)} for name, ms in self.dropped.items()]}


class SavedTemplates:
    """Of all desks. Thread-safe. Raises redis-py's errors, and BadInput for an unknown desk."""

    def __init__(self, store: Store) -> None:
        self._store, self._keys = store, store.keys
        self._noted: dict[tuple[str, str, frozenset[str]], float] = {}

    def save(self, desk: str, name: str, message: Mapping[str, Any], markdown: str | None, by: str) -> Saving:
        """Saves a version durably. The same message as in the last version makes no new one.

        Raises:
            BadInput: an invalid name or message, or the desk has too many templates.
            NotDurable: the fsync was not confirmed in time: call again.
        """
        self._store.settings.desk(desk)
        variables = tuple(sorted(Template.of(message, may_have_others=True).variables))
        content = orjson.dumps({"message": message, "markdown": markdown})
        if len(content) > MOST_BYTES:
            problem = Phrase("has {n:,} bytes: a template has at most {most:,}", n=len(content), most=MOST_BYTES)
            raise BadInput("message", problem)
        facts = orjson.dumps({"variables": variables, "at": self._now_ms(desk), "by": by})
        most = (MOST_NAMES, MOST_VERSIONS)
        version, is_new = self._store.durably("template", desk, checked_name(name), content, facts, *most)
        if not version:
            problem = Phrase("desk {desk} has {most} templates already: delete one first", desk=desk, most=MOST_NAMES)
            raise BadInput("name", problem)
        if is_new:
            record_action(self._store, by, "save template", f"{name}@{version}")
        dropped = {each: ms for each, ms in self._sent(desk, name).items() if each not in variables}
        return Saving(desk, name, version, bool(is_new), variables, dropped)

    def find(self, desk: str, written: object) -> SavedTemplate:
        """The template that `move` or `move@3` names. Raises NoSuchTemplate."""
        self._store.settings.desk(desk)
        reference = Reference.of(written)
        version = reference.version or self._last(desk, reference.name)
        [found] = self._read(desk, [(reference.name, version)]) if version else [None]
        if found is None:
            raise self._lacks(desk, reference)
        return found

    def list(self, desk: str) -> list[SavedTemplate]:
        """The latest version of each, by name."""
        self._store.settings.desk(desk)
        found = self._read(desk, sorted(self._names(desk).items()))
        return [each for each in found if each]

    def names(self, desk: str) -> "Sequence[str]":
        return sorted(self._names(desk))

    def versions(self, desk: str, name: str) -> "Sequence[int]":
        """Those that are kept, the oldest first; none for an unknown name."""
        found: Any = self._redis(desk).hkeys(self._keys.template(desk, name))
        return sorted(int(each) for each in found if each.isdigit())

    def delete(self, desk: str, name: str, by: str) -> None:
        """With all its versions, for good; what was accepted with it stays as it is. Raises NoSuchTemplate."""
        self._store.settings.desk(desk)
        pipe = self._redis(desk).pipeline()
        pipe.hdel(self._keys.templates(desk), checked_name(name))
        pipe.delete(self._keys.template(desk, name), self._keys.template_variables(desk, name))
        if not pipe.execute()[0]:
            raise self._lacks(desk, Reference(name, None))
        record_action(self._store, by, "delete template", name)

    def note_accepted(self, notifications: Iterable[Notification]) -> None:
        """As `note_sent`, for those of them that were asked for by a template."""
        for each in notifications:
            if isinstance(each.message, FilledMessage):
                self.note_sent(each.desk, *each.message.sent_variables)

    def note_sent(self, desk: str, written: str, variables: frozenset[str]) -> None:
        """Remembers what callers send with a template, unless they name a version: later versions do not affect these.

        A note that fails is only logged, since the notification was accepted.
        """
        name, version = Reference.of(written)
        noted, now = (desk, name, variables), time.monotonic()
        if version or not variables or now - self._noted.get(noted, -_NOTED_EVERY_SECONDS) < _NOTED_EVERY_SECONDS:
            return
        if len(self._noted) >= _MOST_NOTED:
            self._noted.clear()
        self._noted[noted] = now
        try:
            self._note(desk, self._keys.template_variables(desk, name), variables)
        except redis.RedisError as error:
            log.warning("the variables sent with a template were not noted: %s", type(error).__name__)

    def _redis(self, desk: str) -> redis.Redis:
        return self._store.at(desk).redis

    def _note(self, desk: str, sent: str, variables: frozenset[str]) -> None:
        pipe = self._redis(desk).pipeline(transaction=False)
        pipe.zadd(sent, dict.fromkeys(variables, self._now_ms(desk)))
        pipe.zremrangebyrank(sent, 0, -_MOST_SENT - 1)
        pipe.pexpire(sent, SENT_MS)
        pipe.execute()

    def _sent(self, desk: str, name: str) -> dict[str, int]:
        """When each variable was last sent, by its name."""
        sent = self._keys.template_variables(desk, name)
        found: Any = self._redis(desk).zrangebyscore(sent, self._now_ms(desk) - SENT_MS, "+inf", withscores=True)
        return {text(each): int(ms) for each, ms in sorted(found)}

    def _names(self, desk: str) -> dict[str, int]:
        found: Any = self._redis(desk).hgetall(self._keys.templates(desk))
        return {text(name): int(last) for name, last in found.items()}

    def _last(self, desk: str, name: str) -> int:
        found: Any = self._redis(desk).hget(self._keys.templates(desk), name)
        return int(found or 0)

    def _read(self, desk: str, wanted: Sequence[tuple[str, int]]) -> "Sequence[SavedTemplate | None]":
        pipe = self._redis(desk).pipeline(transaction=False)
        for name, version in wanted:
            pipe.hmget(self._keys.template(desk, name), str(version), f"{version}+")
        return [_template(desk, *of, *kept) for of, kept in zip(wanted, pipe.execute(), strict=True)]

    def _lacks(self, desk: str, reference: Reference) -> NoSuchTemplate:
        if kept := self.versions(desk, reference.name):
            problem = Phrase(
                "{name} has no version {version}: it has {first} to {last}",
                name=quoted(reference.name),
                version=reference.version,
                first=kept[0],
                last=kept[-1],
            )
            return NoSuchTemplate(problem)
        names = self.names(desk)
        about = {"name": quoted(reference.name), "desk": desk}
        if not names:
            return NoSuchTemplate(Phrase("desk {desk} has no templates: save {name} first", **about))
        if like := nearest(reference.name, names):
            return NoSuchTemplate(
                Phrase("desk {desk} has no template {name}; did you mean {like}?", **about, like=quoted(like))
            )
        return NoSuchTemplate(
            Phrase("desk {desk} has no template {name}: it has {names}", **about, names=listed(names))
        )

    def _now_ms(self, desk: str) -> int:
        return time_ms(self._redis(desk).time())


def _template(desk: str, name: str, version: int, content: bytes | None, facts: bytes | None) -> SavedTemplate | None:
    if content is None or facts is None:
        return None
    return whole("a template", lambda kept: _of_kept(desk, name, version, *kept), (content, facts))


def _of_kept(desk: str, name: str, version: int, content: bytes, facts: bytes) -> SavedTemplate:
    kept, told = orjson.loads(content), orjson.loads(facts)
    variables = tuple(told["variables"])
    return SavedTemplate(desk, name, version, variables, told["at"], told["by"], kept["message"], kept["markdown"])
