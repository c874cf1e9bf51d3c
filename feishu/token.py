"""The tenant_access_token: fetched by one worker for all, kept in Redis, and at hand in every process."""

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

from feishu.errors import NoToken
from ledger.settings import Desk

__all__ = ["TURN_SECONDS", "CachedToken", "NoStore", "RedisTokens", "Token", "TokenStore", "Tokens", "usable_seconds"]

_log = logging.getLogger(__name__)

#: Feishu gives out a new token once less than this is left of the old one, and both are valid then
#: (page tenant_access_token_internal). Asking earlier brings the same token back.
_RENEWAL_SECONDS = 1800
#: How long a process trusts its own copy, so that a send costs no round trip to Redis.
_AT_HAND_SECONDS = 60.0
#: How long to wait while another worker fetches. Then each fetches for itself: a second fetch is harmless.
TURN_SECONDS = 2.0
#: Longer than a fetch should take; a fetcher that dies holds the others up for at most TURN_SECONDS anyway.
_LOCK_SECONDS = 30.0
_POLL_SECONDS = 0.05


def usable_seconds(life_seconds: float) -> float:
    """How long to use a token that lives `life_seconds` more: the last 30 minutes, or quarter if shorter, are spare."""
    return life_seconds - min(_RENEWAL_SECONDS, life_seconds / 4)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and how long it is still to be used."""

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
    the same with `:turn` behind it: the lock of the one who fetches, expires after 30 s.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    def get(self, desk: Desk) -> Token | None:
        pipe = self._redis.pipeline()
        pipe.get(self._key(desk))
        pipe.pttl(self._key(desk))
        value, left_ms = pipe.execute()
        return Token(_text(value), left_ms / 1000) if value and left_ms > 0 else None

    def put(self, desk: Desk, token: Token) -> None:
        self._redis.set(self._key(desk), token.value, px=max(1, int(token.seconds_left * 1000)))

    def drop(self, desk: Desk, value: str) -> None:
        key = self._key(desk)

        def forget(pipe: Pipeline) -> None:
            found = pipe.get(key)  # watched: the deletion fails, and is looked at again, if somebody puts a new one
            pipe.multi()
            if found and _text(found) == value:
                pipe.delete(key)

        self._redis.transaction(forget, key)

    @contextmanager
    def turn(self, desk: Desk) -> Iterator[None]:
        lock = self._redis.lock(
            f"{self._key(desk)}:turn", timeout=_LOCK_SECONDS, sleep=_POLL_SECONDS, blocking_timeout=TURN_SECONDS
        )
        held = lock.acquire()
        try:
            yield
        finally:
            if held:
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
    """A token as it is used. `generation` counts how often this process looked for one."""

    value: str = field(repr=False)
    until: float
    generation: int


class Tokens:
    """One desk's token in this process: a copy at hand, the store behind it, and the fetch behind that.

    Errors of Redis pass through `get`: without Redis there is nothing to deliver either.
    """

    def __init__(
        self, desk: Desk, store: TokenStore, fetch: Callable[[], Token], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`fetch` asks Feishu, and raises NoToken."""
        self._desk, self._store, self._fetch, self._clock = desk, store, fetch, clock
        self._looking = threading.Lock()
        self._judging = threading.Lock()  # apart from the other: a verdict must not wait for somebody's fetch
        self._at_hand: CachedToken | None = None
        self._generation = 0
        self._on_trial_from: int | None = None
        self._failure: tuple[float, NoToken] | None = None

    def get(self, grace_seconds: float = 0.0) -> CachedToken:
        """The token to use now, from the nearest place. Raises NoToken, whose verdict says why there is none.

        With a grace, one that was at hand so long ago will do: it is renewed long before it ends.
        """
        asked_at = self._clock()
        if found := self._fresh(grace_seconds):
            return found
        # Threads queue here, so that one of them at a time looks further. A failure answers all who waited for it:
        # else each would wait out the next one's fetch before its own.
        with self._looking:
            if found := self._fresh():
                return found
            if self._failure is not None and self._failure[0] >= asked_at:
                raise NoToken(self._failure[1].verdict)
            return self._look()

    def refused(self, used: CachedToken) -> bool:
        """Forgets a token that Feishu refused, and says whether the next one is worth a try.

        It is not if this one was itself got because one had been refused. Feishu returns the very same token while it
        has 30 minutes left, so without that a loop would never end.
        """
        with self._judging:
            again = self._on_trial_from is not None and used.generation >= self._on_trial_from
            if not again:
                # Threads that still have the same one in use are refused with it too, and that says nothing new.
                self._on_trial_from = used.generation + 1
            if self._at_hand is not None and self._at_hand.value == used.value:
                self._at_hand = None
        try:
            self._store.drop(self._desk, used.value)
        except RedisError as error:
            # What Feishu answered must reach the record even now; the next `get` meets the trouble with Redis itself.
            _log.warning("a refused token stays in Redis: %s", type(error).__name__, extra={"desk": self._desk.name})
        return not again

    def accepted(self, used: CachedToken) -> None:
        """Feishu took the token: if one is refused later on, it has aged, and another can help."""
        if self._on_trial_from is not None and used.generation >= self._on_trial_from:
            self._on_trial_from = None

    def _fresh(self, grace_seconds: float = 0.0) -> CachedToken | None:
        found = self._at_hand
        return found if found is not None and self._clock() < found.until + grace_seconds else None

    def _look(self) -> CachedToken:
        token = self._store.get(self._desk) or self._fetched()
        self._generation += 1
        until = self._clock() + min(_AT_HAND_SECONDS, token.seconds_left)
        self._at_hand = CachedToken(token.value, until, self._generation)
        return self._at_hand

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
        # It expired: the fetch took longer than the lock lasts, and another worker has its turn.
        _log.debug("the turn to fetch a token had expired")


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
