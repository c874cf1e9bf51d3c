"""The hook log: recent requests with their results, and refusals. Never payloads.

Refusals have a list of their own, so that requests without a key cannot push out accepted ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Self

import orjson
import redis

from ledger.damage import whole
from ledger.phrases import Phrase, phrase_json, phrase_of
from ledger.redis_keys import RedisKeys
from ledger.times import iso

__all__ = ["KEPT", "HookEntry", "HookLog", "HookOutcome", "HookTally", "tallies_of"]

#: Entries kept in each of the two lists.
KEPT = 500
#: Ids in one entry; the others are counted.
IDS = 20
#: Characters of a reason, which may name a path in the payload.
REASON_CHARACTERS = 500


class HookOutcome(StrEnum):
    """The result of a request to a hook."""

    ACCEPTED = "accepted"
    SKIPPED = "skipped"  #: no condition held, or `to` was empty
    FAILED = "failed"  #: the body was invalid, or a template failed on it
    REFUSED = "refused"  #: no key or signature, or a wrong one


@dataclass(frozen=True, slots=True)
class HookEntry:
    """One request. `reason` repeats nothing of the payload."""

    at_ms: int
    hook: str
    outcome: HookOutcome
    by: str | None = None  #: the name of the key, or how it was signed; None where neither was right
    ids: Sequence[str] = ()  #: of the notifications, the first twenty
    accepted: int = 0
    duplicates: int = 0  #: of those accepted
    joined: int = 0  #: of those accepted, new ones that another message tells of: by a throttle or a digest
    throttled: int = 0  #: of those joined, by a throttle
    skipped: int = 0
    reason: str | None = None

    def to_json(self) -> bytes:
        values = {name: getattr(self, name) for name in self.__slots__} | {"outcome": self.outcome.value}
        reason = None if self.reason is None else str(self.reason)[:REASON_CHARACTERS]
        # Beside it, for screens in other languages: a version that does not know it reads the English.
        phrase = (
            {"phrase": phrase_json(self.reason)} if isinstance(self.reason, Phrase) and reason == self.reason else {}
        )
        written = {**values, "ids": list(self.ids[:IDS]), "reason": reason, **phrase}
        return orjson.dumps(written, default=phrase_json, option=orjson.OPT_PASSTHROUGH_SUBCLASS)

    @classmethod
    def of_json(cls, text: bytes) -> Self:
        """Ignores fields of newer versions."""
        written = orjson.loads(text)
        raw = {name: written[name] for name in cls.__slots__ if name in written}
        if "phrase" in written:
            raw["reason"] = phrase_of(written["phrase"])
        return cls(**{**raw, "outcome": HookOutcome(raw["outcome"]), "ids": tuple(raw["ids"])})

    def as_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.__slots__ if name != "at_ms"}
        return {"at": iso(self.at_ms), **values, "ids": list(self.ids)}


@dataclass(slots=True)
class HookTally:
    """What one hook did with the requests that are still in the log."""

    posts: dict[HookOutcome, int]
    messages: int = 0  #: new ones
    throttled: int = 0  #: of them, told of by the message of a throttle
    digested: int = 0  #: of them, told of by a digest
    duplicates: int = 0
    skipped: int = 0
    latest: HookEntry | None = None
    trouble: HookEntry | None = None  #: the latest that failed or was refused, with its reason


def tallies_of(entries: Sequence[HookEntry]) -> dict[str, HookTally]:
    """By hook. The entries come latest first."""
    found: dict[str, HookTally] = {}
    for entry in entries:
        tally = found.setdefault(entry.hook, HookTally(dict.fromkeys(HookOutcome, 0)))
        tally.posts[entry.outcome] += 1
        tally.messages += entry.accepted - entry.duplicates
        tally.duplicates += entry.duplicates
        tally.throttled += entry.throttled
        tally.digested += entry.joined - entry.throttled
        tally.skipped += entry.skipped
        tally.latest = tally.latest or entry
        if entry.outcome in (HookOutcome.FAILED, HookOutcome.REFUSED):
            tally.trouble = tally.trouble or entry
    return found


class HookLog:
    """Two capped lists in Redis, latest first."""

    def __init__(self, client: redis.Redis, keys: RedisKeys) -> None:
        self._redis = client
        self._keys = keys

    def add(self, entry: HookEntry) -> None:
        """One round trip. It does not wait for the disk: the notifications themselves do, and they are the record."""
        key = self._key(refused=entry.outcome is HookOutcome.REFUSED)
        pipe = self._redis.pipeline(transaction=False)
        pipe.lpush(key, entry.to_json())
        pipe.ltrim(key, 0, KEPT - 1)
        pipe.execute()

    def latest(self, count: int = 100, *, hook: str | None = None) -> list[HookEntry]:
        """At most `count` of each list, of one hook or of all, latest first. One round trip."""
        pipe = self._redis.pipeline(transaction=False)
        for refused in (False, True):
            pipe.lrange(self._key(refused=refused), 0, KEPT - 1)
        read = partial(whole, "an entry of a hook", HookEntry.of_json)
        lists = [[entry for entry in map(read, texts) if entry] for texts in pipe.execute()]
        wanted = [each for entries in lists for each in [one for one in entries if hook in (None, one.hook)][:count]]
        return sorted(wanted, key=lambda entry: entry.at_ms, reverse=True)[:count]

    def _key(self, *, refused: bool) -> str:
        return self._keys.hook_refusals if refused else self._keys.hook_log
