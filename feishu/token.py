"""The tenant_access_token: fetched by one worker for all, kept in Redis, and cached in every process."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import LockError, RedisError
from redis.lock import Lock

from feishu.verdict import NoToken
from ledger.connection import text
from ledger.settings import Desk

__all__ = ["TURN_SECONDS", "CachedToken", "NoStore", "RedisTokens", "Token", "TokenStore", "Tokens", "usable_seconds"]

_log = logging.getLogger(__name__)

#: Feishu issues a new token once less than this is left of the old one, and both are valid then
#: (page tenant_access_token_internal). Asking earlier returns the same token.
_RENEWAL_SECONDS = 1800
#: How long a process trusts its own copy, so that a send costs no round trip to Redis.
_CACHED_SECONDS = 60.0
#: How long to wait while another worker fetches. Then each fetches for itself: a second fetch is harmless.
TURN_SECONDS = 2.0
#: Longer than a fetch should take; a fetcher that dies delays the others by at most TURN_SECONDS anyway.
_LOCK_SECONDS = 30.0
_POLL_SECONDS = 0.05


def usable_seconds(life_seconds: float) -> float:
    """How long to use a token that lives `life_seconds` more: not in the last 30 minutes, or quarter if shorter."""
    return life_seconds - min(_RENEWAL_SECONDS, life_seconds / 4)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and how much longer to use it."""

    value: str = field(repr=False)
    seconds_left: float


class TokenStore(Protocol):
    """Where the workers share the token of a desk."""

    def get(self, desk: Desk) -> Token | None: ...

    def put(self, desk: Desk, token: Token) -> None: ...

    def drop(self, desk: Desk, value: str) -> None:
        """Forgets the token if it is still `value`: another worker may have renewed it meanwhile."""

    def turn(self, desk: Desk) -> AbstractContextManager[None]:
        """Entered by one worker at a time, or after TURN_SECONDS at the latest. Look again with `get` inside."""


class RedisTokens:
    """The store in Redis. The key changes with the desk's credentials, so a changed secret starts afresh.

    Keys: `{prefix}:desk:{desk}:token:{fingerprint}` string, the token, expires when it is due for renewal;
    the same with `:turn` appended: the lock of the fetching worker, expires after 30 s.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    def get(self, desk: Desk) -> Token | None:
        pipe = self._redis.pipeline()
        pipe.get(self._key(desk))
        pipe.pttl(self._key(desk))
        value, left_ms = pipe.execute()
        return Token(text(value), left_ms / 1000) if value and left_ms > 0 else None

    def put(self, desk: Desk, token: Token) -> None:
        self._redis.set(self._key(desk), token.value, px=max(1, int(token.seconds_left * 1000)))

    def drop(self, desk: Desk, value: str) -> None:
        key = self._key(desk)

        def forget(pipe: Pipeline) -> None:
            token = pipe.get(key)  # watched: the deletion fails and is tried again if somebody puts a new one
            pipe.multi()
            if token and text(token) == value:
                pipe.delete(key)

        self._redis.transaction(forget, key)

    @contextmanager
    def turn(self, desk: Desk) -> Iterator[None]:
        lock = self._redis.lock(
            f"{self._key(desk)}:turn", timeout=_LOCK_SECONDS, sleep=_POLL_SECONDS, blocking_timeout=TURN_SECONDS
        )
        is_acquired = lock.acquire()
        try:
            yield
        finally:
            if is_acquired:
                _release(lock)

    def _key(self, desk: Desk) -> str:
        return f"{self._prefix}:desk:{desk.name}:token:{desk.fingerprint}"


class NoStore:
    """A token store that forgets, so that the credentials themselves are tried and Redis is not needed."""

    def get(self, desk: Desk) -> Token | None:  # noqa: ARG002  the protocol's signature
        return None

    def put(self, desk: Desk, token: Token) -> None:
        """Forgotten at once; the client has a copy for its next call."""

    def drop(self, desk: Desk, value: str) -> None:
        """There is nothing to forget."""

    @contextmanager
    def turn(self, desk: Desk) -> Iterator[None]:  # noqa: ARG002  the protocol's signature
        yield


@dataclass(frozen=True, slots=True)
class CachedToken:
    """A token in this process. `generation` counts how often the process looked for one."""

    value: str = field(repr=False)
    until: float
    generation: int


class Tokens:
    """One desk's token in this process: a cached copy, the store behind it, and the fetch behind that.

    Errors of Redis pass through `get`: without Redis there is nothing to deliver either.
    """

    def __init__(
        self, desk: Desk, store: TokenStore, fetch: Callable[[], Token], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`fetch` asks Feishu, and raises NoToken."""
        self._desk, self._store, self._fetch, self._clock = desk, store, fetch, clock
        self._looking = threading.Lock()
        self._judging = threading.Lock()  # separate: a verdict must not wait for a fetch
        self._cached: CachedToken | None = None
        self._generation = 0
        self._on_trial_from: int | None = None
        self._failure: tuple[float, NoToken] | None = None

    def get(self, grace_seconds: float = 0.0) -> CachedToken:
        """The token to use now, from the nearest place. Raises NoToken, whose verdict says why there is none.

        With a grace, a cached copy may be this much too old: a token is renewed long before it expires.
        """
        asked_at = self._clock()
        if token := self._fresh(grace_seconds):
            return token
        # Threads queue here, so that one at a time looks further. A failure answers all that waited for it: otherwise
        # each would wait for the fetches of all before it.
        with self._looking:
            if token := self._fresh():
                return token
            if self._failure is not None and self._failure[0] >= asked_at:
                raise NoToken(self._failure[1].verdict)
            return self._look()

    def refused(self, token: CachedToken) -> bool:
        """Forgets a token that Feishu refused, and says whether the next one is worth a try.

        It is not if this token already replaced a refused one. Feishu returns the very same token while it has 30
        minutes left, so the loop would never end.
        """
        with self._judging:
            again = self._on_trial_from is not None and token.generation >= self._on_trial_from
            if not again:
                # Other threads still use the same token and are refused with it too, which says nothing new.
                self._on_trial_from = token.generation + 1
            if self._cached is not None and self._cached.value == token.value:
                self._cached = None
        try:
            self._store.drop(self._desk, token.value)
        except RedisError as error:
            # Feishu's answer must reach the record even now; the next `get` meets the Redis error itself.
            _log.warning("a refused token stays in Redis: %s", error, extra={"desk": self._desk.name})
        return not again

    def accepted(self, token: CachedToken) -> None:
        """Feishu took the token: if it is refused later on, it has expired, and a new one can help."""
        if self._on_trial_from is not None and token.generation >= self._on_trial_from:
            self._on_trial_from = None

    def _fresh(self, grace_seconds: float = 0.0) -> CachedToken | None:
        token = self._cached
        return token if token is not None and self._clock() < token.until + grace_seconds else None

    def _look(self) -> CachedToken:
        token = self._store.get(self._desk) or self._fetched()
        self._generation += 1
        until = self._clock() + min(_CACHED_SECONDS, token.seconds_left)
        self._cached = CachedToken(token.value, until, self._generation)
        return self._cached

    def _fetched(self) -> Token:
        with self._store.turn(self._desk):
            token = self._store.get(self._desk)
            if token is None:
                token = self._ask_feishu()
                self._store.put(self._desk, token)
            return token

    def _ask_feishu(self) -> Token:
        try:
            return self._fetch()
        except NoToken as failure:
            self._failure = (self._clock(), failure)
            raise


def _release(lock: Lock) -> None:
    try:
        lock.release()
    except LockError:
        # It expired: the fetch took longer than the lock lasts, and it is another worker's turn.
        _log.debug("the turn to fetch a token had expired")
