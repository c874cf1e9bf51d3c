"""How Deskbell reaches its Redis: URLs, timeouts, and what the server can promise about durability."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.retry import Retry
from redis.sentinel import Sentinel

from ledger.errors import BadInput, LedgerFull, LedgerUnreachable, LedgerUnwritable, WrongVersion
from ledger.settings import Settings, masked
from ledger.version import SCHEMA

__all__ = [
    "NO_ROOM",
    "Durability",
    "connect",
    "durability",
    "is_of_wrong_version",
    "is_refusal",
    "reachable",
    "sentinels",
    "text",
    "wanted_replicas",
]

#: Seconds to connect and to answer. Without them a half-open connection hangs its thread for ever.
CONNECT_SECONDS = 3
ANSWER_SECONDS = 8
#: A connection that was idle this long is pinged before it is used again.
IDLE_SECONDS = 10
#: Tries after the first. Every verb may be replayed, so a lost answer is no harm.
RETRIES = 2
#: How a server's answers begin that refuses all writes: it cannot write its files, or has fewer replicas than it wants.
_REFUSALS = ("MISCONF", "NOREPLICAS")
#: And those of our own scripts, see ledger/lua/prelude.lua.
_WRONG_VERSION = "SCHEMA "
#: What strerror says for ENOSPC, EDQUOT and EFBIG; the server repeats it.
NO_ROOM = ("No space left on device", "Disk quota exceeded", "File too large")


class Durability(StrEnum):
    """What an acceptance is worth when the Redis process, or its machine, dies the moment after."""

    CONFIRMED = "confirmed"  #: WAITAOF confirms each fsync
    ALWAYS = "always"  #: no WAITAOF, but `appendfsync always` has the same effect
    EVERY_SECOND = "every_second"  #: no WAITAOF: a power cut can take the last second
    NONE = "none"  #: append-only files are off: a restart takes everything


def sentinels(url: str) -> tuple[list[tuple[str, int]], str, dict[str, str | int]]:
    """Reads `sentinel://[:password@]host:port,host:port/service[/db]`.

    Returns the sentinels' addresses, the service name, and the connection arguments of the primary.
    Raises BadInput.
    """
    parts = urlsplit(url)
    service, _, db = parts.path.strip("/").partition("/")
    credentials, _, hosts = parts.netloc.rpartition("@")
    if not service or not hosts:
        raise BadInput("DESKBELL_REDIS_URL", "write sentinel://host:26379,host:26379/service-name/0")
    arguments: dict[str, str | int] = {"db": int(db or 0)}
    if credentials:
        user, _, password = credentials.rpartition(":")
        arguments["password"] = unquote(password)
        if user:
            arguments["username"] = unquote(user)
    addresses = []
    for address in hosts.split(","):
        host, _, port = address.partition(":")
        addresses.append((host, int(port or 26379)))
    return addresses, service, arguments


def connect(
    settings: Settings, *, answer_seconds: float = ANSWER_SECONDS, kind: type[redis.Redis] = redis.Redis
) -> redis.Redis:
    """A client, of this kind, with timeouts everywhere. Nothing is sent yet. Raises BadInput for a URL that is none."""
    options = {
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": answer_seconds,
        "health_check_interval": IDLE_SECONDS,
        "retry": Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), RETRIES),
        "client_name": settings.prefix,
    }
    url = settings.ledger_url
    if url.startswith("sentinel://"):
        addresses, service, arguments = sentinels(url)
        watchers = Sentinel(  # type: ignore[no-untyped-call]
            addresses, socket_timeout=CONNECT_SECONDS, socket_connect_timeout=CONNECT_SECONDS
        )
        client: redis.Redis = watchers.master_for(service, kind, **options, **arguments)  # type: ignore[no-untyped-call]
        return client
    try:
        return kind.from_url(url, **options)
    except ValueError as error:
        raise BadInput("DESKBELL_REDIS_URL", str(error)) from None


@contextmanager
def reachable(settings: Settings) -> Iterator[None]:
    """Turns redis-py's connection errors into LedgerUnreachable, with the URL (masked) and what to do.

    Also the refusal of all writes into LedgerUnwritable or LedgerFull, and of a verb's that is of another version than
    the ledger into WrongVersion. Other refusals pass through.
    """
    try:
        yield
    except redis.ResponseError as error:
        if is_of_wrong_version(error):
            raise WrongVersion(str(error).removeprefix(_WRONG_VERSION), SCHEMA) from error
        if not is_refusal(error):
            raise
        raise _unwritable(masked(settings.ledger_url), error) from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        hint = (
            "start it with `deskbell up`, or set DESKBELL_REDIS_URL"
            if settings.embedded
            else "check DESKBELL_REDIS_URL and the server"
        )
        problem = str(error).split(". ")[0].split("\n")[0]
        raise LedgerUnreachable(f"Redis at {masked(settings.ledger_url)} is not reached ({problem}): {hint}") from error


def is_refusal(error: redis.ResponseError) -> bool:
    """Whether the server takes no writes at all for now: no memory, no disk, a replica, or too few of them."""
    return isinstance(error, (OutOfMemoryError, ReadOnlyError)) or str(error).startswith(_REFUSALS)


def is_of_wrong_version(error: redis.ResponseError) -> bool:
    """Whether a verb was refused because we are older or newer than the ledger."""
    return str(error).startswith(_WRONG_VERSION)


def _unwritable(where: str, error: redis.ResponseError) -> LedgerUnwritable:
    problem = str(error).split(" script: ")[0]
    if isinstance(error, OutOfMemoryError):
        do = "raise maxmemory, or wait until results are older than DESKBELL_RESULTS_FOR"
        return LedgerFull(f"Redis at {where} is full, nothing was accepted: {do}")
    if problem.endswith(NO_ROOM):
        return LedgerFull(f"the disk of Redis at {where} is full, nothing was accepted: make room on it")
    return LedgerUnwritable(
        f"Redis at {where} takes no writes, nothing was accepted ({problem}): see `deskbell doctor`"
    )


def text(value: Any) -> str:
    """A string that Redis keeps. Our clients give bytes; their annotations leave it open."""
    return value.decode() if isinstance(value, bytes) else str(value)


def durability(client: redis.Redis) -> Durability:
    """Asks the server what it can promise. WAITAOF came with Redis 7.2 and every Valkey."""
    try:
        client.execute_command("WAITAOF", 1, 0, 1)  # type: ignore[no-untyped-call]
    except redis.ResponseError as error:
        if "appendonly" in str(error):
            return Durability.NONE
        return _durability_by_settings(client)
    return Durability.CONFIRMED


def _durability_by_settings(client: redis.Redis) -> Durability:
    try:
        found = client.config_get("append*")
    except redis.ResponseError:  # managed servers forbid CONFIG: promise no more than is known
        return Durability.EVERY_SECOND
    if found.get("appendonly") != "yes":
        return Durability.NONE
    return Durability.ALWAYS if found.get("appendfsync") == "always" else Durability.EVERY_SECOND


def wanted_replicas(client: redis.Redis) -> int:
    """How many replicas must have what is accepted: 1 where the operator has set `min-replicas-to-write`, else 0.

    That setting alone does not do it: the server then refuses writes while replicas lag, but confirms a write before
    they have it.
    """
    try:
        info: Any = client.info("replication")
    except redis.ResponseError:  # INFO is forbidden to this user
        return 0
    return int("min_slaves_good_slaves" in info)  # which is told only where the setting is not 0
