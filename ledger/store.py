"""The store under the ledger: one Redis with its keys and verbs, and durable writes."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple, Self

import redis
from redis.client import Pipeline

from ledger.cluster import refuse_cluster
from ledger.connection import SCHEMA, connect, note_server
from ledger.durability import Assurance, Waits
from ledger.errors import NotDurable
from ledger.phrases import Phrase
from ledger.redis_keys import RedisKeys
from ledger.settings import Settings
from ledger.states import FINAL, INDEXED, TRANSITIONS

__all__ = ["ADDING", "FSYNC_TIMEOUT_MS", "NAMES", "SHARED", "Store", "Verbs", "source"]

#: The verbs, each a file of `ledger/lua/`.
NAMES = (
    *("accept", "announce", "answer", "ask", "callbacks", "cancel", "claim", "contact", "draft", "hold", "lead"),
    *("record", "recount", "release", "renew", "reschedule", "resolve", "resume", "retry", "review", "roll", "spend"),
    *("start", "settle", "steer", "step", "sweep", "template", "ticket"),
)

#: What all verbs share, in `ledger/lua/shared/`: each file uses only those before it.
SHARED = ("keys", "callbacks", "announcements", "people", "records", "joining", "slots")

#: What some verbs share beside that, in the same folder. Others go without, since a script has 200 local names at most.
SHARED_BY_SOME = {
    "resolving": ("answer", "ask"),
    "settling": ("release", "resolve", "settle"),
    "drafts": ("announce", "draft", "reschedule", "review", "start", "steer"),
}

#: The verbs that put something new into the ledger. When Redis is full it refuses them, at their first write and so as
#: a whole; all others go on, since sending is what frees memory in the end.
ADDING = frozenset({"accept", "announce", "draft", "start", "template"})
#: How all others read the version first. To the server this is a write that needs no memory, and a script that has made
#: one may go on writing when the server is full.
UNREFUSED_GET = "GETEX"

Argument = str | bytes | int | float
#: A verb, its desk, and its further arguments.
Call = tuple[str, str, tuple[Argument, ...]]


class _Script(NamedTuple):
    """A Lua script, and its SHA-1 by which a server that has seen it knows it. All share most of their parts: whole,
    the texts take three MiB."""

    parts: tuple[str, ...]
    sha: str

    @classmethod
    def of(cls, *parts: str) -> "_Script":
        return cls(parts, hashlib.sha1("\n".join(parts).encode(), usedforsecurity=False).hexdigest())

    @property
    def source(self) -> str:
        return "\n".join(self.parts)


def source(name: str) -> str:
    """The whole script of a verb: the version, the tables of the states, what all share, and the verb's own file."""
    return _scripts()[name].source


def _sha(name: str) -> str:
    return _scripts()[name].sha


@cache
def _scripts() -> dict[str, _Script]:
    """All of them, read at once and kept: a process goes on with those of its own version when an upgrade exchanges the
    files under it, or when it may open no more of them."""
    folder = files("ledger.lua")
    parts = {name: (folder / "shared" / f"{name}.lua").read_text("utf-8") for name in (*SHARED, *SHARED_BY_SOME)}
    tables, scripts = _tables(), {}
    for name in NAMES:
        read_schema = f"local READ_SCHEMA = '{'GET' if name in ADDING else UNREFUSED_GET}'"
        shared = (*SHARED, *(part for part, verbs in SHARED_BY_SOME.items() if name in verbs))
        verb = (folder / f"{name}.lua").read_text("utf-8")
        scripts[name] = _Script.of(read_schema, tables, *(parts[part] for part in shared), verb)
    return scripts


def _tables() -> str:
    allowed = ", ".join(
        f"{state} = {{{', '.join(f'{to} = true' for to in sorted(targets))}}}" for state, targets in TRANSITIONS.items()
    )
    final, indexed = (", ".join(f"{state} = true" for state in sorted(states)) for states in (FINAL, INDEXED))
    tables = {"ALLOWED": allowed, "FINAL": final, "INDEXED": indexed}
    return "\n".join((f"local SCHEMA = '{SCHEMA}'", *(f"local {name} = {{{table}}}" for name, table in tables.items())))


class Verbs:
    """Calls verbs on one Redis. Raises redis-py's errors; every verb may be called again after a lost answer."""

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        _scripts()

    def call(self, name: str, desk: str, *arguments: Argument) -> Any:
        """Runs one verb, in one round trip. Its return value is described in its Lua file."""
        try:
            return self._client.evalsha(_sha(name), 1, self._prefix, desk, *arguments)
        except redis.exceptions.NoScriptError:  # a new server, or one that was restarted
            return self._client.eval(source(name), 1, self._prefix, desk, *arguments)

    def call_many_durably(self, calls: Sequence[Call], waits: Waits, *, timeout_ms: int) -> tuple[list[Any], bool]:
        """Runs several verbs in one round trip, and waits once until the writes of all are safe.

        Returns also whether they are. The first error of one is raised; the others may have been done.
        """
        pipe = self._pipeline(calls)
        waits.ask(pipe, timeout_ms)
        answers = pipe.execute(raise_on_error=False)
        if _lack_scripts(answers):
            for name in {name for name, _, _ in calls}:
                self._client.script_load(source(name))
            return self.call_many_durably(calls, waits, timeout_ms=timeout_ms)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers[: len(calls)], waits.are_over(answers[len(calls) :])

    def call_many(self, calls: Sequence[Call]) -> list[Any]:
        """Runs several verbs in one round trip. An error of one is its answer, not raised."""
        answers = self._pipeline(calls).execute(raise_on_error=False)
        if _lack_scripts(answers):
            return [self.call(name, desk, *arguments) for name, desk, arguments in calls]
        return answers

    def _pipeline(self, calls: Sequence[Call]) -> Pipeline:
        pipe = self._client.pipeline(transaction=False)
        for name, desk, arguments in calls:
            pipe.evalsha(_sha(name), 1, self._prefix, desk, *arguments)
        return pipe


def _lack_scripts(answers: Sequence[Any]) -> bool:
    return any(isinstance(answer, redis.exceptions.NoScriptError) for answer in answers)


#: How long a durable write waits for the disk before it is an error, ms. The caller repeats it with the same key.
FSYNC_TIMEOUT_MS = 5000


class Store:
    """Shared by `Ledger`, its announcements and everything else that reads or writes the record."""

    def __init__(
        self, settings: Settings, client: redis.Redis | None = None, *, most_fsync_ms: int | None = None
    ) -> None:
        """`most_fsync_ms` is for callers that have less time than FSYNC_TIMEOUT_MS."""
        self.settings = settings
        self._most_fsync_ms = most_fsync_ms
        self.redis = client or connect(settings)
        self.keys = RedisKeys(settings.prefix)
        self.verbs = Verbs(self.redis, settings.prefix)
        self.assurance = Assurance(self.redis, self.keys)
        self.results_for_ms = settings.results_for // timedelta(milliseconds=1)
        self.retry_for_ms = settings.retry_for // timedelta(milliseconds=1)
        self._server_is_fit = False  # not asked yet
        self.home: Store = self  #: of what belongs to no desk

    @classmethod
    def from_env(cls) -> Self:
        return cls(Settings.from_env())

    # -- several servers: see `ledger.spread_ledger`

    @property
    def servers(self) -> tuple[Self, ...]:
        """The store of each server, the home first."""
        return (self,)

    def at(self, desk: str) -> Self:  # noqa: ARG002  one server has every desk
        """The store of the server that has this desk."""
        return self

    def with_record(self, id: str) -> Self:  # noqa: ARG002  and every record
        """The store of the server that has the record of this notification or announcement, or the home."""
        return self

    def servers_of(self, desks: Collection[str] | None) -> Sequence[Self]:  # noqa: ARG002
        """Those of `servers` that have these desks; of None all."""
        return self.servers

    def by_server(self, desks: Sequence[str]) -> list[tuple[Self, list[int]]]:
        """Each server that has some of these desks, with the places of those."""
        places: dict[Self, list[int]] = {}
        for place, desk in enumerate(desks):
            places.setdefault(self.at(desk), []).append(place)
        return list(places.items())

    def close(self) -> None:
        self.redis.close()

    def key_ttl_ms(self, *times: datetime | None) -> int:
        """A key is kept while its notification can still be sent, until the last of `times`, and while its result is on
        record."""
        ahead = 0
        if last := max((time for time in times if time), default=None):
            ahead = max(0, (last - datetime.now(UTC)) // timedelta(milliseconds=1))
        return ahead + self.retry_for_ms + self.results_for_ms

    def durably(self, verb: str, desk: str, *arguments: Argument) -> Any:
        """Calls a verb, and returns when its writes are fsynced, as far as the server can confirm it. Raises
        NotDurable.

        If the server requires replicas (`min-replicas-to-write`), also waits until one has them.
        """
        [result] = self.durably_each(verb, [(desk, arguments)])
        return result

    def durably_each(self, verb: str, calls: Iterable[tuple[str, tuple[Argument, ...]]]) -> list[Any]:
        """As `durably`, for several desks with one fsync."""
        self._check_server()
        named = [(verb, desk, arguments) for desk, arguments in calls]
        timeout_ms = min(FSYNC_TIMEOUT_MS, self._most_fsync_ms or FSYNC_TIMEOUT_MS)
        try:
            results, safe = self.verbs.call_many_durably(named, self.assurance.waits, timeout_ms=timeout_ms)
        except redis.RedisError as error:
            note_server(error, self.settings)
            raise
        if not safe:
            raise NotDurable(
                Phrase("Redis did not confirm the write within {most} ms: repeat with the same key", most=timeout_ms)
            )
        return results

    def _check_server(self) -> None:
        if not self._server_is_fit:
            refuse_cluster(self.redis, self.settings)
            self._server_is_fit = True
