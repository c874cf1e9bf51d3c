"""The keys of the HTTP API, with their scopes, desks and rates.

A secret is 256 random bits, so only its SHA-256 is kept: stretching (scrypt, argon2) protects secrets that can be
guessed, and these cannot. Secrets are looked up by their hash. The time of a lookup reveals at most the beginning of
a hash, which does not lead to a secret, so no comparison needs constant time.
"""

import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import redis

from ledger.api_key import (
    NO_LIMITS,
    ApiKey,
    KeyLimits,
    Scope,
    check_limits,
    check_name,
    check_rate,
    checked_addresses,
    digest_of,
)
from ledger.api_key_variable import keys_of_variable
from ledger.audit_log import record_action
from ledger.connection import is_refusal, text
from ledger.damage import whole
from ledger.errors import BadInput, NotAllowed, NotDurable, NotFound
from ledger.key_grants import check_grant, covers
from ledger.phrases import Phrase
from ledger.store import FSYNC_TIMEOUT_MS, Store

__all__ = ["KEY_MARK", "ApiKeys"]

#: The prefix of every secret, so that people and scanners recognise it.
KEY_MARK = "dbk_"
#: Each process writes the last use of a key at most this often.
_USE_NOTED_EVERY_SECONDS = 60
#: Active keys, and revoked ones that are kept, at most: listing reads all of them.
MOST_KEYS, REVOKED_KEYS = 1000, 1000


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
        grantor: ApiKey | None = None,
    ) -> tuple[ApiKey, str]:
        """Creates a key. Its secret is returned once and stored nowhere.

        `grantor` is the key that asks for it; None means direct access to Redis, which is not limited. Raises BadInput,
        also for a name in use, and GrantRefused for more than the grantor has.
        """
        id = f"k_{secrets.token_hex(6)}"
        key = self._checked(ApiKey(id, name, scopes, desks, rate, _now(), by, **limits._asdict()))
        check_grant(grantor, key)
        secret = KEY_MARK + secrets.token_urlsafe(32)
        with self._turn():
            self._check_room(name)
            self._forget_revoked()
            self._write(digest_of(secret), key)
        record_action(self._store, by, "create key", name)
        return key, secret

    def _check_room(self, name: str) -> None:
        """Raises BadInput."""
        usable = self.usable()
        problem = None
        if any(other.name == name for other in usable):
            problem = Phrase("a key is named {name} already: revoke it first, or choose another name", name=repr(name))
        elif len(usable) >= MOST_KEYS:
            problem = Phrase(
                "there are {most:,} keys: revoke the ones that `deskbell key list` shows as unused", most=MOST_KEYS
            )
        if problem:
            raise BadInput("name", problem)

    def _checked(self, key: ApiKey) -> ApiKey:
        """With each of its addresses once, as `--to` reads it. Raises BadInput."""
        check_name(key.name)
        if not key.scopes:
            raise BadInput("scopes", Phrase("give at least one of {scopes}", scopes=", ".join(Scope)))
        check_rate(key.rate)
        if key.only is not None:
            key = replace(key, only=checked_addresses(key.only))
        check_limits(key)
        for desk in key.desks or ():
            self._store.settings.desk(desk)
        return key

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

    def usable(self) -> list[ApiKey]:
        """As `list`, without revoked ones."""
        return [key for key in self.list() if key.revoked_at is None]

    def refuse_approvals_without(self) -> None:
        """Raises BadInput if approvals are required and no key was ever made, since keys tell people apart."""
        if self._store.settings.approval_above is not None and not self.are_configured():
            problem = Phrase(
                "needs API keys, which tell author and approver apart: create them with `deskbell key create`"
            )
            raise BadInput("DESKBELL_APPROVAL_ABOVE", problem)

    def list(self) -> list[ApiKey]:
        """All keys, revoked ones included, in order of creation; those of the variable first."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hvals(self._keys.api_keys)
        pipe.hgetall(self._keys.api_key_uses)
        stored, uses = pipe.execute()
        made = sorted(filter(None, map(_read, stored)), key=lambda key: (key.created_at, key.id))
        times = {text(id): datetime.fromtimestamp(int(ms) / 1000, UTC) for id, ms in uses.items()}
        return [replace(key, last_used_at=times.get(key.id)) for key in (*self._fixed.values(), *made)]

    def named(self, id_or_name: str) -> tuple[str, ApiKey]:
        """A key and the hash of its secret: the usable one before revoked ones, since a name may be used again.

        Raises NotFound.
        """
        stored: Any = self._redis.hgetall(self._keys.api_keys)
        found = {text(digest): key for digest, raw in stored.items() if (key := _read(raw))} | self._fixed
        for attribute in ("id", "name"):
            if matches := [pair for pair in found.items() if getattr(pair[1], attribute) == id_or_name]:
                return min(matches, key=lambda pair: pair[1].revoked_at is not None)
        raise NotFound(id_or_name)

    def revoke(self, id_or_name: str, by: str, admin: ApiKey | None = None) -> ApiKey:
        """Ends a key at once, for all processes. A repeat changes nothing.

        `admin` is the key that asks for it; None means direct access to Redis. Raises NotFound, BadInput for a key of
        the variable, and NotAllowed for the last key with which `admin` or another could manage keys.
        """
        with self._turn():
            digest, key = self.named(id_or_name)
            if digest in self._fixed:
                problem = Phrase(
                    "{key} comes from DESKBELL_API_KEYS: remove it there and restart the web side", key=id_or_name
                )
                raise BadInput("key", problem)
            if key.revoked_at is None:
                if admin:
                    self._keep_an_admin(key)
                key = replace(key, revoked_at=_now(), revoked_by=by)
                record_action(self._store, by, "revoke key", key.name)
            # Also for an earlier revocation: it may not be fsynced yet.
            self._write(digest, key)
        return key

    def _keep_an_admin(self, key: ApiKey) -> None:
        """Under the lock: of two admins who revoke each other's key at once, one is refused."""
        others = (other for other in self.usable() if other.id != key.id and Scope.ADMIN in other.scopes)
        if Scope.ADMIN in key.scopes and not any(covers(other.desks, key.desks) for other in others):
            last = Phrase("the last key with the scope admin: create another one first, or use `deskbell key revoke`")
            raise NotAllowed(key.id, "revoke", last)

    def _forget_revoked(self) -> None:
        """Keeps only the latest: a forgotten secret is as unknown as a revoked one."""
        stored: Any = self._redis.hgetall(self._keys.api_keys)
        found = [(digest, _read(raw)) for digest, raw in stored.items()]
        revoked = [(key.revoked_at, digest, key.id) for digest, key in found if key and key.revoked_at]
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
                Phrase(
                    "Redis did not confirm the write within {most} ms: check with `deskbell key list`",
                    most=FSYNC_TIMEOUT_MS,
                )
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


def _now() -> datetime:
    """To the ms, as it is stored."""
    return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)
