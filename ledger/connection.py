"""Connecting to Redis: clients, timeouts, unsupported servers, and Redis' errors as Deskbell's."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.client import Pipeline
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
    "RedisWhenFull",
    "connect",
    "connect_screen",
    "is_of_wrong_version",
    "is_refusal",
    "naming",
    "reachable",
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
        "retry": RetryInTime(repeat_seconds),
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


class RetryInTime(Retry):
    """redis-py's retry, limited by time too: otherwise each try may take a caller's whole time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(ExponentialWithJitterBackoff(base=0.05, cap=0.5), RETRIES)
        self._seconds = seconds

    def call_with_retry(self, do: Callable[[], Any], fail: Callable[..., Any], *hooks: Any, **more: Any) -> Any:
        ends_at = time.monotonic() + self._seconds

        def failed(error: Exception, *failures: int) -> None:
            fail(error, *failures)  # first: it closes the connection, on which the answer may come yet
            if time.monotonic() >= ends_at:
                raise error

        return super().call_with_retry(do, failed, *hooks, **more)


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
    LedgerUnwritable or LedgerFull; and that of a verb of another version than the ledger is WrongVersion.
    """
    if isinstance(error, redis.ResponseError):
        return _translated_refusal(error, settings)
    if not isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
        return None
    hint = (
        Phrase("start it with `deskbell up`, or set DESKBELL_REDIS_URL")
        if settings.embedded
        else Phrase("check DESKBELL_REDIS_URL and the server")
    )
    return LedgerUnreachable(
        remedied(
            Phrase(
                "Redis at {where} is not reached ({problem})",
                where=str(settings.redis),
                problem=connection_problem(error),
            ),
            hint,
        )
    )


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


#: What workers write outside of verbs: signs of life, caches, turns, Celery's messages. None of it grows with what is
#: accepted. A script is never sent again: those that accept shall be refused.
_SMALL_WRITES = frozenset({"SET", "INCR", "HINCRBY", "HSET", "ZADD", "SADD", "LPUSH", "RPUSH"})
#: What stands beside them in the same pipeline.
_FREEING = frozenset({"DEL", "HDEL", "ZREM", "ZREMRANGEBYSCORE", "ZREMRANGEBYRANK", "LTRIM", "EXPIRE", "PEXPIRE"})

# Arguments, for each command: how many words it has, and the words.
# The first write needs no memory, and the key is never there: it lets all writes after it through.
_SCRIPT = """redis.call('DEL', KEYS[1] .. ':none')
local answers, at = {}, 1
while at <= #ARGV do
  local words = {}
  for index = at + 1, at + ARGV[at] do table.insert(words, ARGV[index]) end
  table.insert(answers, redis.call(unpack(words)) or false)
  at = at + 1 + ARGV[at]
end
return answers"""


class _PipelineWhenFull(Pipeline):
    def execute(self, raise_on_error: bool = True) -> list[Any]:
        commands = [tuple(arguments) for arguments, _ in self.command_stack]  # before it is emptied
        try:
            return super().execute(raise_on_error)
        except OutOfMemoryError:
            if not all(words[0] in _SMALL_WRITES | _FREEING for words in commands):
                raise
            # A transaction was refused as a whole; in a mere pipeline others were done, and may be done twice.
            return _sent_again(self, commands)


class RedisWhenFull(redis.Redis):
    """redis-py's client, whose small writes go through when `maxmemory` is reached: those of workers, and of people who
    sign in to see what is wrong.

    Redis then refuses every command that may need memory. Accepting has to fail, but sending has to go on: it is what
    frees memory in the end. A script may write all the same once its first write was one that needs none
    (`scriptVerifyOOM` in script.c of Redis and Valkey), so a refused command is sent again within one. The flag
    `allow-oom` would say the same more plainly, but Redis 6 and fakeredis do not know it.
    """

    def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except OutOfMemoryError:
            if args[0] not in _SMALL_WRITES:
                raise
            return _sent_again(self, [args])[0]

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        """The server says that a user may not use "a key"; in a log that is too little to act on."""
        try:
            return super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]
        except NoPermissionError as error:
            raise NoPermissionError(f"{error} ({command_name}; ACL LOG on the server names the key)") from error

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        return _PipelineWhenFull(self.connection_pool, self.response_callbacks, transaction, shard_hint)


def _sent_again(client: redis.Redis, commands: list[tuple[Any, ...]]) -> list[Any]:
    flat = [word for words in commands for word in (len(words), *words)]
    plain = redis.Redis(connection_pool=client.connection_pool)
    answers = plain.eval(_SCRIPT, 1, commands[0][1], *flat)
    parsers = client.response_callbacks
    return [
        parsers[words[0]](answer) if words[0] in parsers and answer is not None else answer
        for words, answer in zip(commands, cast(list[Any], answers), strict=True)
    ]
