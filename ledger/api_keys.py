"""The keys of the HTTP API, with their scopes, desks and rates.

A secret is 256 random bits, so only its SHA-256 is kept: stretching (scrypt, argon2) protects secrets that can be
guessed, and these cannot. Secrets are looked up by their hash. The time of a lookup reveals at most the beginning of
a hash, which does not lead to a secret, so no comparison needs constant time.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

import orjson
import redis

from ledger.audit_log import record_action
from ledger.connection import is_refusal, text
from ledger.damage import whole
from ledger.errors import BadInput, NotDurable, NotFound
from ledger.rate import parse_rate
from ledger.store import FSYNC_TIMEOUT_MS, Store
from ledger.times import iso, unix_ms

__all__ = ["KEY_MARK", "ApiKey", "ApiKeys", "KeyLimits", "Scope", "check_name", "digest_of", "keys_of_variable"]

#: The prefix of every secret, so that people and scanners recognise it.
KEY_MARK = "dbk_"
#: Shortest secret in DESKBELL_API_KEYS: it is hashed without stretching, so it must not be guessable.
_LEAST_SECRET_CHARACTERS = 32
#: Each process writes the last use of a key at most this often.
_USE_NOTED_EVERY_SECONDS = 60
#: Active keys, and revoked ones that are kept, at most: listing reads all of them.
MOST_KEYS, REVOKED_KEYS = 1000, 1000
#: The fields of a key that are times.
_TIMES = ("created_at", "last_used_at", "revoked_at")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}", re.ASCII)


class Scope(StrEnum):
    """A permission of a key. None includes another: a key has a set of them."""

    SEND = "send"  #: submit notifications, also through hooks
    ANNOUNCE = "announce"  #: submit announcements
    READ = "read"  #: see their results
    APPROVE = "approve"  #: let announcements of others start
    OPERATE = "operate"  #: pause, resume, cancel, retry, resolve
    ADMIN = "admin"  #: manage keys


_SCOPES = frozenset(map(str, Scope))
_NEWER_SCOPES = frozenset({Scope.ANNOUNCE, Scope.APPROVE, Scope.ADMIN})


def _as_before(scopes: frozenset[Scope]) -> frozenset[Scope]:
    return scopes | {Scope.ANNOUNCE} if Scope.SEND in scopes else scopes


class KeyLimits(NamedTuple):
    """What a key can have sent, at most."""

    max_rows: int | None = None  #: of one announcement
    daily: int | None = None  #: notifications that are accepted on one day (UTC), rows included


NO_LIMITS = KeyLimits()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, without its secret."""

    id: str  #: `k_…`; of one from DESKBELL_API_KEYS `variable:` and its name
    name: str
    scopes: frozenset[Scope]
    desks: frozenset[str] | None = None  #: None: every desk
    rate: str | None = None  #: in the notation of DESKBELL_RATE; None: as often as it likes
    created_at: datetime | None = None
    created_by: str | None = None
    last_used_at: datetime | None = None  #: within a minute
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    max_rows: int | None = None
    daily: int | None = None

    def as_json(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields |= {name: iso(unix_ms(fields[name])) for name in _TIMES}
        fields |= {"scopes": sorted(self.scopes), "desks": None if self.desks is None else sorted(self.desks)}
        return fields

    @classmethod
    def of_json(cls, raw: bytes | str) -> "ApiKey":
        """Ignores fields and scopes of newer versions. Without `daily` it was made when `send` was to announce, too."""
        written = orjson.loads(raw)
        fields = {name: written[name] for name in cls.__slots__ if name in written}
        scopes = frozenset(Scope(scope) for scope in fields["scopes"] if scope in _SCOPES)
        fields |= {"scopes": scopes if "daily" in written else _as_before(scopes)}
        fields |= {"desks": None if fields["desks"] is None else frozenset(fields["desks"])}
        for name in _TIMES:
            fields[name] = datetime.fromisoformat(fields[name]) if fields[name] else None
        return cls(**fields)


def _read(raw: bytes) -> ApiKey | None:
    return whole("an API key", ApiKey.of_json, raw)


class ApiKeys:
    """The keys of this ledger: those of `deskbell key create`, and those of DESKBELL_API_KEYS.

    Thread-safe. Raises redis-py's errors; the constructor raises BadInput for an invalid variable.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._redis, self._keys = store.redis, store.keys
        self._fixed = keys_of_variable(store.settings.api_keys.get_secret_value())
        self._noted: dict[str, float] = {}

    def create(
        self,
        name: str,
        scopes: frozenset[Scope],
        desks: frozenset[str] | None,
        rate: str | None,
        by: str,
        limits: KeyLimits = NO_LIMITS,
    ) -> tuple[ApiKey, str]:
        """Creates a key. Its secret is returned once and stored nowhere. Raises BadInput, also for a name in use."""
        check_name(name)
        if not scopes:
            raise BadInput("scope", f"give at least one of {', '.join(Scope)}")
        _check_rate(rate)
        for desk in desks or ():
            self._store.settings.desk(desk)
        secret = KEY_MARK + secrets.token_urlsafe(32)
        key = ApiKey(f"k_{secrets.token_hex(6)}", name, scopes, desks, rate, _now(), by, **limits._asdict())
        with self._turn():
            usable = [other for other in self.list() if other.revoked_at is None]
            if any(other.name == name for other in usable):
                raise BadInput("name", f"a key is named {name!r} already: revoke it first, or choose another name")
            if len(usable) >= MOST_KEYS:
                problem = f"there are {MOST_KEYS:,} keys: revoke the ones that `deskbell key list` shows as unused"
                raise BadInput("name", problem)
            self._forget_revoked()
            self._write(digest_of(secret), key)
        record_action(self._store, by, "create key", name)
        return key, secret

    def find(self, secret: str) -> ApiKey | None:
        """The key of this secret, or None if it is unknown or revoked."""
        return self.find_many([secret])[0]

    def find_many(self, given: Sequence[str]) -> list[ApiKey | None]:
        """As `find`, for several secrets in one round trip. Notes their use."""
        return self.find_hashed([digest_of(secret) for secret in given])

    def find_hashed(self, digests: Sequence[str]) -> list[ApiKey | None]:
        """As `find_many`, by the hashes of the secrets (`digest_of`), which console sessions keep."""
        stored: Any = self._redis.hmget(self._keys.api_keys, digests) if digests else []
        found = [
            self._fixed.get(digest) or (_read(raw) if raw else None)
            for digest, raw in zip(digests, stored, strict=True)
        ]
        usable = [key if key and key.revoked_at is None else None for key in found]
        self._note_use({key.id for key in usable if key})
        return usable

    def are_configured(self) -> bool:
        """Whether there was ever a key. Revoking the last key does not admit requests without one."""
        return bool(self._fixed) or bool(self._redis.exists(self._keys.api_keys))

    def list(self) -> list[ApiKey]:
        """All keys, revoked ones included, in order of creation; those of the variable first."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hvals(self._keys.api_keys)
        pipe.hgetall(self._keys.api_key_uses)
        stored, uses = pipe.execute()
        made = sorted(filter(None, map(_read, stored)), key=lambda key: (key.created_at, key.id))
        times = {text(id): datetime.fromtimestamp(int(ms) / 1000, UTC) for id, ms in uses.items()}
        return [replace(key, last_used_at=times.get(key.id)) for key in (*self._fixed.values(), *made)]

    def revoke(self, id_or_name: str, by: str) -> ApiKey:
        """Ends a key at once, for all processes. A repeat changes nothing. Raises NotFound, or BadInput for a key of
        the variable."""
        with self._turn():
            stored: Any = self._redis.hgetall(self._keys.api_keys)
            found = {text(digest): key for digest, raw in stored.items() if (key := _read(raw))}
            digest, key = self._named(id_or_name, found)
            if key.revoked_at is None:
                key = replace(key, revoked_at=_now(), revoked_by=by)
                record_action(self._store, by, "revoke key", key.name)
            # Also for an earlier revocation: it may not be fsynced yet.
            self._write(digest, key)
        return key

    def _named(self, id_or_name: str, found: dict[str, ApiKey]) -> tuple[str, ApiKey]:
        """The key of this name. Active keys come first: a name may have been used before."""
        matches = [pair for pair in found.items() if id_or_name in (pair[1].id, pair[1].name)]
        if matches:
            return min(matches, key=lambda pair: pair[1].revoked_at is not None)
        if any(id_or_name in (key.id, key.name) for key in self._fixed.values()):
            raise BadInput(
                "key", f"{id_or_name} comes from DESKBELL_API_KEYS: remove it there and restart the web side"
            )
        raise NotFound(id_or_name)

    def _forget_revoked(self) -> None:
        """Keeps only the latest: a forgotten secret is as unknown as a revoked one."""
        stored: Any = self._redis.hgetall(self._keys.api_keys)
        found = [(digest, ApiKey.of_json(raw)) for digest, raw in stored.items()]
        revoked = [(key.revoked_at, digest, key.id) for digest, key in found if key.revoked_at]
        forgotten = sorted(revoked, reverse=True)[REVOKED_KEYS:]
        if forgotten:
            pipe = self._redis.pipeline()
            pipe.hdel(self._keys.api_keys, *(digest for _, digest, _ in forgotten))
            pipe.hdel(self._keys.api_key_uses, *(id for _, _, id in forgotten))
            pipe.execute()

    def _turn(self) -> Any:
        return self._redis.lock(f"{self._keys.api_keys}:turn", timeout=10, blocking_timeout=10)

    def _write(self, digest: str, key: ApiKey) -> None:
        """Waits for the fsync: a power cut must not restore a revoked key."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hset(self._keys.api_keys, digest, orjson.dumps(key.as_json()))
        waits = self._store.assurance.waits
        waits.ask(pipe, FSYNC_TIMEOUT_MS)
        if not waits.are_over(pipe.execute()[1:]):
            raise NotDurable(
                f"Redis did not confirm the write within {FSYNC_TIMEOUT_MS} ms: check with `deskbell key list`"
            )

    def _note_use(self, ids: set[str]) -> None:
        now = time.time()
        due = [id for id in ids if now - self._noted.get(id, 0) >= _USE_NOTED_EVERY_SECONDS]
        if not due:
            return
        self._noted |= dict.fromkeys(due, now)
        try:
            self._redis.hset(self._keys.api_key_uses, mapping=dict.fromkeys(due, round(now * 1000)))
        except redis.ResponseError as error:
            if not is_refusal(error):
                raise
            # A Redis that refuses writes can still be read, so readers are not refused.


def keys_of_variable(value: str) -> dict[str, ApiKey]:
    """Reads DESKBELL_API_KEYS into keys by the hash of their secret: `name:secret:scope+scope[:desk+desk[:rate]]`,
    several joined by commas. Raises BadInput, which repeats no secret."""
    found: dict[str, ApiKey] = {}
    for number, entry in enumerate(filter(None, map(str.strip, value.split(","))), 1):
        digest, key = _key_of_entry(entry, f"entry {number}")
        if digest in found or any(key.name == other.name for other in found.values()):
            raise BadInput("DESKBELL_API_KEYS", f"entry {number} has the name or the secret of one before it")
        found[digest] = key
    return found


def _key_of_entry(entry: str, which: str) -> tuple[str, ApiKey]:
    name, _, rest = entry.partition(":")
    secret, scopes, desks, rate, *more = [*rest.split(":"), "", "", ""]
    if any(more) or not scopes:
        raise BadInput(
            "DESKBELL_API_KEYS", f"{which}: use name:secret:scope+scope, optionally followed by :desk+desk and :rate"
        )
    if len(secret) < _LEAST_SECRET_CHARACTERS:
        raise BadInput(
            "DESKBELL_API_KEYS", f"{which}: a secret must have at least {_LEAST_SECRET_CHARACTERS} characters"
        )
    try:
        check_name(name)
        key = ApiKey(
            f"variable:{name}", name, _scopes(scopes), frozenset(desks.split("+")) if desks else None, rate or None
        )
        _check_rate(key.rate)
    except BadInput as error:
        raise BadInput("DESKBELL_API_KEYS", f"{which}: {error.problem}") from None
    return digest_of(secret), key


def _scopes(joined: str) -> frozenset[Scope]:
    parts = joined.split("+")
    unknown = [part for part in parts if part not in set(Scope)]
    if unknown:
        raise BadInput("scope", f"a scope is one of {', '.join(Scope)}")
    scopes = frozenset(map(Scope, parts))
    # Nobody can tell when an entry was written: one with none but the older scopes counts as older.
    return scopes if scopes & _NEWER_SCOPES else _as_before(scopes)


def check_name(name: str) -> None:
    """Raises BadInput for an invalid name."""
    if not _NAME.fullmatch(name):
        raise BadInput("name", "must be 1 to 64 letters, digits and _ . @ -, and start with a letter or digit")


def _check_rate(rate: str | None) -> None:
    try:
        parse_rate(rate or "unlimited")
    except ValueError as error:
        raise BadInput("rate", str(error)) from None


def digest_of(secret: str) -> str:
    """Under which a key is found."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _now() -> datetime:
    """To the ms, as it is stored."""
    return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)
