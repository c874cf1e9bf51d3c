"""Viewers of the console and their sessions: one random cookie, one record in Redis."""

import hashlib
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ledger.announcement import Announcement
from ledger.api_key import ApiKey, Scope, digest_of
from ledger.api_keys import ApiKeys
from ledger.connection import text
from ledger.draft import Person
from ledger.errors import NotFound
from ledger.ledger import Ledger
from ledger.redis_when_full import RedisWhenFull
from ledger.sign_in_links import SignInLinks

__all__ = [
    "FAILED_SIGN_INS_A_MINUTE",
    "LOCAL",
    "SESSIONS_OF_A_KEY",
    "SESSION_SECONDS",
    "Sessions",
    "Viewer",
    "anonymous_cookie",
    "csrf_token",
]

#: The length of a session, seconds.
SESSION_SECONDS = 12 * 3600
#: Failed sign-ins per address. Secrets cannot be guessed; this limits the cost of attempts.
FAILED_SIGN_INS_A_MINUTE = 10
#: Sessions per key; beyond that the oldest ends.
SESSIONS_OF_A_KEY = 200


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person signed in with a key, or a local request while no key is configured."""

    name: str
    by: str  #: the name in the audit log
    scopes: frozenset[Scope]
    desks: frozenset[str] | None  #: None: every desk
    digest: str | None = None  #: the hash of the key's secret; None without a key
    session: str | None = None  #: the hash of the cookie; None without a key
    key: ApiKey | None = None

    @classmethod
    def of_key(cls, key: ApiKey, digest: str, session: str) -> "Viewer":
        return cls(key.name, f"key {key.name}", key.scopes, key.desks, digest, session, key)

    @property
    def rated(self) -> ApiKey | None:
        """The key, if it has a rate."""
        return self.key if self.key and self.key.rate else None

    @property
    def may_operate(self) -> bool:
        return Scope.OPERATE in self.scopes

    @property
    def may_manage_keys(self) -> bool:
        return Scope.ADMIN in self.scopes

    @property
    def may_announce(self) -> bool:
        return Scope.ANNOUNCE in self.scopes

    @property
    def may_approve(self) -> bool:
        return Scope.APPROVE in self.scopes

    @property
    def may_change(self) -> bool:
        """Whether it can do more than look."""
        return self.may_announce or self.may_operate or self.may_approve

    @property
    def may_see_messages(self) -> bool:
        """Those of drafts: a key that does no more than look sees none."""
        return self.may_change

    @property
    def person(self) -> Person:
        """Who acts, for the ledger: the key tells authors and approvers apart."""
        return Person(self.key.id if self.key else self.by, self.by)

    @property
    def approver(self) -> Person | None:
        """The viewer, as somebody whom drafts wait for."""
        return self.person if self.may_approve else None

    @property
    def may_see_people(self) -> bool:
        """Names, numbers and addresses of the contacts: a key with read alone sees ids."""
        return self.may_announce or self.may_operate

    @property
    def login(self) -> tuple[str, str] | None:
        """The session and its key; None without a key."""
        return (self.session, self.digest) if self.session and self.digest else None

    def sees(self, desk: str) -> bool:
        return self.desks is None or desk in self.desks

    def seen(self, announcements: Iterable[Announcement]) -> list[Announcement]:
        return [each for each in announcements if self.sees(each.spec.desk)]

    def check_desk(self, desk: str, id: str) -> None:
        """Raises NotFound for another desk, as if the record did not exist."""
        if not self.sees(desk):
            raise NotFound(id)


#: The viewer of local requests while no key is configured.
LOCAL = Viewer("loopback", "loopback", frozenset(Scope), desks=None)


def anonymous_cookie() -> str:
    """For a browser without a cookie: the sign-in form needs one too."""
    return secrets.token_urlsafe(32)


def csrf_token(cookie: str, session: str) -> str:
    """The token in each form. It needs both cookies, which no script and no other site can read.

    Also the session's: an attacker who plants the other cookie from a sibling host does not know that one.
    """
    return hashlib.sha256(f"csrf\0{cookie}\0{session}".encode()).hexdigest()


class Sessions:
    """A session ends at once when its key is revoked, since each page looks the key up.

    Redis keeps only the cookie's hash, so reading Redis does not allow signing in.
    """

    def __init__(self, ledger: Ledger, keys: ApiKeys) -> None:
        # When Redis is full, people sign in to see why. These writes are limited per key and address.
        self._redis, self._names = RedisWhenFull(connection_pool=ledger.redis.connection_pool), ledger.keys
        self._api_keys = keys
        self.links = SignInLinks(ledger, keys)

    def sign_in(self, secret: str) -> tuple[str, Viewer] | None:
        """A new cookie and its viewer; None for an invalid secret, or a key without the scope to read."""
        key = self._api_keys.find(secret)
        return self._begin(digest_of(secret), key) if key and key.may_sign_in else None

    def sign_in_by_link(self, token: str) -> tuple[str, Viewer] | None:
        """As `sign_in`, with a link that works once."""
        used = self.links.use(token)
        return self._begin(*used) if used else None

    def _begin(self, digest: str, key: ApiKey) -> tuple[str, Viewer]:
        cookie = secrets.token_urlsafe(32)
        session = _session_of(cookie)
        self._redis.set(self._names.session(session), digest, ex=SESSION_SECONDS)
        self._end_oldest(digest, session)
        return cookie, Viewer.of_key(key, digest, session)

    def viewer(self, cookie: str) -> Viewer | None:
        """The viewer of a session; None if it ended."""
        session = _session_of(cookie)
        digest = cast(bytes | None, self._redis.get(self._names.session(session)))
        if digest is None:
            return None
        [key] = self._api_keys.find_hashed([text(digest)])
        return Viewer.of_key(key, text(digest), session) if key and key.may_sign_in else None

    def ended(self, viewers: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """The ended ones among these pairs of a session and the hash of its key's secret: signed out, or revoked."""
        if not viewers:
            return frozenset()
        kept: Any = self._redis.mget([self._names.session(session) for session, _ in viewers])
        keys = self._api_keys.find_hashed([digest for _, digest in viewers])
        sessions = zip(viewers, kept, keys, strict=True)
        return frozenset(viewer for viewer, digest, key in sessions if not (digest and key and key.may_sign_in))

    def sign_out(self, cookie: str) -> None:
        self._redis.delete(self._names.session(_session_of(cookie)))

    def are_needed(self) -> bool:
        """Whether any key is configured. Until one is, only local requests are served, without signing in."""
        return self._api_keys.are_configured()

    def fails_too_often(self, address: str) -> bool:
        """Counts a failed sign-in. Returns whether there are too many."""
        name = self._names.sign_ins(address)
        pipe = self._redis.pipeline()
        pipe.set(name, 0, ex=60, nx=True)
        pipe.incr(name)
        _, fails = pipe.execute()
        return int(fails) > FAILED_SIGN_INS_A_MINUTE

    def _end_oldest(self, digest: str, session: str) -> None:
        """Adds a session to those of a key, which are kept in order of their start."""
        name, now = self._names.sessions(digest), time.time()
        pipe = self._redis.pipeline()
        pipe.zadd(name, {session: now})
        pipe.zremrangebyscore(name, "-inf", now - SESSION_SECONDS)
        pipe.expire(name, SESSION_SECONDS)
        pipe.execute()
        oldest: Any = self._redis.zrange(name, 0, -SESSIONS_OF_A_KEY - 1)
        if oldest:
            self._redis.delete(*(self._names.session(text(each)) for each in oldest))
            self._redis.zrem(name, *oldest)


def _session_of(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
