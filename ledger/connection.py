"""Connecting to Redis: clients, timeouts, unsupported servers, and Redis' errors as Deskbell's."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.connection import AbstractConnection
from redis.exceptions import (
    AskError,
    ClusterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
)
from redis.retry import Retry

from ledger.errors import DeskbellError, LedgerFull, LedgerUnreachable, LedgerUnwritable, WrongVersion
from ledger.phrases import Phrase, remedied
from ledger.private import OwnSocketConnection
from ledger.redis_problems import connection_problem
from ledger.redis_url import RedisUrl
from ledger.sentinels import Sentinels
from ledger.settings import Settings

__all__ = [
    "NO_ROOM",
    "SCHEMA",
    "connect",
    "connect_screen",
    "is_of_wrong_version",
    "is_refusal",
    "naming",
    "note_server",
    "reachable",
    "server_of",
    "text",
    "translated",
]

#: Goes up by one with every change that an older Deskbell would misread, together with a step in
#: `ledger.schema.MIGRATIONS`. Adding a field that older versions can ignore does not count.
SCHEMA = 1
#: Seconds to connect and to answer. Without them a half-open connection hangs its thread for ever.
CONNECT_SECONDS = 3
ANSWER_SECONDS = 8
#: Where people look: longer than a slow disk holds up a server, and short enough to be waited for.
SCREEN_SECONDS = 4
#: A connection that was idle this long is pinged before it is used again.
IDLE_SECONDS = 10
#: Retries. Every verb may be replayed, so a lost answer does no harm.
RETRIES = 2
#: Prefixes of errors of a server that refuses all writes: it cannot write its files, or lacks required replicas.
_REFUSALS = ("MISCONF", "NOREPLICAS")
#: A node of a cluster that does not serve its slots yet, a few seconds after its start, or no longer has them.
_NOT_SERVED = (ClusterDownError, AskError)
#: Its error for a database number that is too large.
_NO_DATABASE = ("DB index is out of range", "invalid DB index", "SELECT is not allowed in cluster mode")
#: The prefix of errors of Deskbell's own scripts, see ledger/lua/shared/keys.lua.
_WRONG_VERSION = "SCHEMA "
#: What strerror says for ENOSPC, EDQUOT and EFBIG; the server repeats it.
NO_ROOM = ("No space left on device", "Disk quota exceeded", "File too large")


def connect(
    settings: Settings,
    *,
    answer_seconds: float = ANSWER_SECONDS,
    repeat_seconds: float = float("inf"),
    kind: type[redis.Redis] = redis.Redis,
) -> redis.Redis:
    """A client of this kind, with timeouts everywhere. Sends nothing yet. Raises BadInput for an invalid URL.

    A failed call is not repeated later than `repeat_seconds` after its start.
    """
    url = settings.redis
    options: dict[str, Any] = {
        "socket_connect_timeout": min(CONNECT_SECONDS, answer_seconds),
        "socket_timeout": answer_seconds,
        "health_check_interval": IDLE_SECONDS,
        "retry": RetryInTime(repeat_seconds, settings),
        "redis_connect_func": naming(settings.prefix),
        **url.arguments,
    }
    if url.service:
        sentinels = Sentinels(url, settings.sentinel_password.get_secret_value())
        client: redis.Redis = sentinels.master_for(url.service, kind, ssl=url.tls, **options)  # type: ignore[no-untyped-call]
        return client
    if settings.embedded:
        options |= {"connection_class": OwnSocketConnection, "data_dir": settings.data_dir.absolute()}
    return kind.from_pool(redis.ConnectionPool(**{"connection_class": connection_class(url), **options}))


def naming(name: str) -> Callable[[Any], None]:
    """redis-py's `redis_connect_func`: makes a connection ready, and gives it a name for CLIENT LIST.

    With redis-py's own `client_name` no connection stands where CLIENT is refused, by a managed server or by rights.
    """

    def connected(connection: Any) -> None:
        # Without its PING: where that is refused, it would connect again, and so on without end.
        connection.on_connect_check_health(check_health=False)
        with suppress(redis.ResponseError):
            connection.send_command("CLIENT", "SETNAME", name, check_health=False)
            connection.read_response()

    return connected


def connect_screen(settings: Settings) -> redis.Redis:
    """A client for pages and other screens: they say within SCREEN_SECONDS that Redis does not answer."""
    return connect(settings, answer_seconds=SCREEN_SECONDS, repeat_seconds=0)


#: The attribute of redis-py's errors with the settings of the server that they came from: there may be several.
_SETTINGS = "settings_of_server"


def note_server(error: redis.RedisError, settings: Settings) -> None:
    """For `translated`: which server it is about."""
    setattr(error, _SETTINGS, settings)


def server_of(error: BaseException | None) -> Settings | None:
    """The settings of the server that redis-py's error, or ours made from it, is about, if it says so."""
    found: Settings | None = getattr(error, _SETTINGS, None) or getattr(error and error.__cause__, _SETTINGS, None)
    return found


class RetryInTime(Retry):
    """redis-py's retry, limited by time too: otherwise each try may take a caller's whole time."""

    def __init__(self, seconds: float, settings: Settings) -> None:
        super().__init__(ExponentialWithJitterBackoff(base=0.05, cap=0.5), RETRIES)
        self._seconds, self._settings = seconds, settings

    def __deepcopy__(self, _: object) -> Self:
        """redis-py makes one for each connection; the settings are the same for all."""
        return type(self)(self._seconds, self._settings)

    def call_with_retry(self, do: Callable[[], Any], fail: Callable[..., Any], *hooks: Any, **more: Any) -> Any:
        ends_at = time.monotonic() + self._seconds

        def failed(error: Exception, *failures: int) -> None:
            fail(error, *failures)  # first: it closes the connection, on which the answer may come yet
            if time.monotonic() >= ends_at:
                raise error

        try:
            return super().call_with_retry(do, failed, *hooks, **more)
        except redis.RedisError as error:
            note_server(error, self._settings)
            raise


def connection_class(url: RedisUrl) -> type[AbstractConnection]:
    """redis-py's class for this kind of URL."""
    if url.path:
        return redis.UnixDomainSocketConnection
    return redis.SSLConnection if url.tls else redis.Connection


@contextmanager
def reachable(settings: Settings) -> Iterator[None]:
    """Turns redis-py's errors into Deskbell's, as `translated` says; the others pass through."""
    try:
        yield
    except redis.RedisError as error:
        ours = translated(error, settings)
        if ours is None:
            raise
        raise ours from error


def translated(error: BaseException, settings: Settings) -> DeskbellError | None:
    """redis-py's error as one of Deskbell's; None for one that has no such meaning.

    Connection errors are LedgerUnreachable, with where Redis is and what to do; the refusal of all writes is
    LedgerUnwritable or LedgerFull; and that of a verb of another version than the ledger is WrongVersion. `settings`
    are of the server where the error does not say from which it came.
    """
    settings = getattr(error, _SETTINGS, settings)
    if isinstance(error, redis.ResponseError):
        return _translated_refusal(error, settings)
    if not isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
        return None
    where, problem = str(settings.redis), connection_problem(error)
    found = Phrase("Redis at {where} is not reached ({problem})", where=where, problem=problem)
    return LedgerUnreachable(remedied(found, _hint(settings)))


def _hint(settings: Settings) -> Phrase:
    if settings.server:
        desks = ", ".join(settings.desks_here)
        return Phrase("check the server, and `redis` in the desks file; it has {desks}", desks=desks)
    if settings.embedded:
        return Phrase("start it with `deskbell up`, or set DESKBELL_REDIS_URL")
    return Phrase("check DESKBELL_REDIS_URL and the server")


def _translated_refusal(error: redis.ResponseError, settings: Settings) -> DeskbellError | None:
    where = str(settings.redis)
    if is_of_wrong_version(error):
        return WrongVersion.of(str(error).removeprefix(_WRONG_VERSION), SCHEMA)
    if isinstance(error, _NOT_SERVED):
        do = Phrase("run `deskbell doctor`, and look at CLUSTER INFO on the server")
        return LedgerUnreachable(remedied(Phrase("Redis at {where} does not serve the ledger's slot", where=where), do))
    if isinstance(error, NoPermissionError):
        return _forbidden(where, error)
    if str(error).startswith(_NO_DATABASE):
        found = Phrase("Redis at {where} has no such database", where=where)
        return LedgerUnreachable(remedied(found, Phrase("set DESKBELL_REDIS_URL")))
    return _unwritable(where, error) if is_refusal(error) else None


def is_refusal(error: redis.ResponseError) -> bool:
    """Whether the server refuses all writes for now: no memory, no disk, no slots, a replica, or too few replicas."""
    return isinstance(error, (OutOfMemoryError, ReadOnlyError, *_NOT_SERVED)) or str(error).startswith(_REFUSALS)


def is_of_wrong_version(error: redis.ResponseError) -> bool:
    """Whether a verb was refused because this process is older or newer than the ledger."""
    return str(error).startswith(_WRONG_VERSION)


def _forbidden(where: str, error: redis.ResponseError) -> LedgerUnwritable:
    """The server names a command, but no key; `ACL LOG` does."""
    problem = str(error).split(" script: ")[0]
    return LedgerUnwritable(
        Phrase(
            "Redis at {where} does not allow this to its user ({problem}): give it the rights that "
            "docs/deploy.md lists; ACL LOG on the server names what was refused",
            where=where,
            problem=problem,
        )
    )


def _unwritable(where: str, error: redis.ResponseError) -> LedgerUnwritable:
    problem = str(error).split(" script: ")[0]
    if isinstance(error, OutOfMemoryError):
        do = Phrase("raise maxmemory, or wait until results are older than DESKBELL_RESULTS_FOR")
        return LedgerFull(Phrase("Redis at {where} is full, nothing was accepted: {do}", where=where, do=do))
    if problem.endswith(NO_ROOM):
        return LedgerFull(
            Phrase("the disk of Redis at {where} is full, nothing was accepted: free some space", where=where)
        )
    return LedgerUnwritable(
        Phrase(
            "Redis at {where} accepts no writes, nothing was accepted ({problem}): run `deskbell doctor`",
            where=where,
            problem=problem,
        )
    )


def text(value: Any) -> str:
    """A string from Redis. The clients return bytes; their annotations leave it open."""
    return value.decode() if isinstance(value, bytes) else str(value)
