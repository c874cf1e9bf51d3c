"""The ledgers of several servers as one, where the file of desks spreads desks over them.

Each desk is on one server with all its keys; what belongs to no desk is on the home. So a verb runs on the server of
its desk, and an id, which does not tell its desk, is looked for on one server after the other.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property

import redis

from ledger.announcements import Announcements
from ledger.connection import connect
from ledger.delivery_options import DEFAULT_DESK
from ledger.ids import announcement_of, is_announcement, is_row
from ledger.ledger import AcceptResult, Ledger
from ledger.notification import Notification
from ledger.record import Accepted, Record
from ledger.search import newest_events
from ledger.settings import Settings
from ledger.spread_announcements import SpreadAnnouncements
from ledger.states import State
from ledger.store import Argument, Verbs

__all__ = ["SpreadLedger", "open_ledgers"]

#: How many ids a process remembers the servers of: a page asks several times about the same ones.
_REMEMBERED = 10_000


def open_ledgers(
    settings: Settings,
    connecting: Callable[[Settings], redis.Redis] = connect,
    *,
    most_fsync_ms: int | None = None,
) -> Ledger:
    """The ledger of an installation: of one server, or of all. Opens no connection yet."""
    ledgers = [Ledger(each, connecting(each), most_fsync_ms=most_fsync_ms) for each in settings.servers]
    return ledgers[0] if len(ledgers) == 1 else SpreadLedger(ledgers)


class SpreadLedger(Ledger):
    """The home's ledger for all that belongs to no desk, and for the rest those of all servers."""

    def __init__(self, servers: Sequence[Ledger]) -> None:
        home = servers[0]
        super().__init__(home.settings, home.redis)
        self._servers = tuple(servers)
        self._by_name = {str(each.settings.redis): each for each in servers}
        self._known: dict[str, Ledger] = {}
        self.verbs = _SpreadVerbs(self)
        for each in servers:
            each.home = home

    @property
    def servers(self) -> tuple[Ledger, ...]:  # type: ignore[override]
        return self._servers

    def at(self, desk: str) -> Ledger:  # type: ignore[override]
        return self._by_name[str(self.settings.placement.of_desk(desk))]

    def with_record(self, id: str) -> Ledger:  # type: ignore[override]
        if known := self._known.get(id):  # asked once: another thread may clear them
            return known
        of = announcement_of(id) if is_row(id) else id
        key = self.keys.lane(of) if is_announcement(of) else self.keys.notification(of)
        found = first_that_has(self._servers, lambda server: bool(server.redis.exists(key)))
        if found is None:
            return self._servers[0]
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[id] = found
        return found

    def servers_of(self, desks: Collection[str] | None) -> Sequence[Ledger]:  # type: ignore[override]
        meant = None if desks is None else [self.at(desk) for desk in desks]
        return [server for server in self._servers if meant is None or server in meant]

    def close(self) -> None:
        for server in self._servers:
            server.close()

    @cached_property
    def announcements(self) -> Announcements:
        return SpreadAnnouncements(self)

    def durably_each(self, verb: str, calls: Iterable[tuple[str, tuple[Argument, ...]]]) -> list[object]:
        """One after the other: with one fsync for each call, not for each server."""
        return [result for call in calls for result in self.at(call[0]).durably_each(verb, [call])]

    def accept(self, notifications: Sequence[Notification]) -> list[Accepted]:
        return self.at(notifications[0].desk if notifications else DEFAULT_DESK).accept(notifications)

    def accept_each(self, notifications: Sequence[Notification]) -> list[AcceptResult]:
        """Server by server: what raises may have been accepted by those before it."""
        self._check_desks({each.desk for each in notifications})
        results: dict[int, AcceptResult] = {}
        for server, places in self.by_server([each.desk for each in notifications]):
            accepted = server.accept_each([notifications[place] for place in places])
            results.update(zip(places, accepted, strict=True))
        return [results[place] for place in range(len(notifications))]

    def is_known(self, desk: str, key: str | None) -> bool:
        return self.at(desk).is_known(desk, key)

    def keep_image(self, sha256: str, data: bytes, needed_by: Sequence[Notification]) -> None:
        self._check_desks({each.desk for each in needed_by})
        for server, places in self.by_server([each.desk for each in needed_by]):
            server.keep_image(sha256, data, [needed_by[place] for place in places])

    def _read(self, ids: Sequence[str]) -> list[Record | None]:
        found: dict[str, Record] = {}

        def completes(server: Ledger) -> bool:
            missing = [id for id in ids if id not in found]
            found.update({record.id: record for record in server.get_known(missing)} if missing else {})
            return all(id in found for id in ids)

        first_that_has(self._servers, completes)
        return [found.get(id) for id in ids]

    def events(self, state: State | None = None) -> Iterator[Record]:
        for _, record in newest_events(self, state, None):
            if record and state in (None, record.progress.state):
                yield record

    def counts(self, desk: str = DEFAULT_DESK) -> dict[State, int]:
        return self.at(desk).counts(desk)

    def resume_desk(self, desk: str, by: str) -> bool:
        return self.at(desk).resume_desk(desk, by)

    def _steer(self, verb: str, ids: Sequence[str], arguments: tuple[Argument, ...], by: str, did: str) -> list[State]:
        return [self.with_record(id)._steer(verb, [id], arguments, by, did)[0] for id in ids]


class _SpreadVerbs(Verbs):
    """Runs each verb on the server of its desk."""

    def __init__(self, ledger: SpreadLedger) -> None:
        super().__init__(ledger.redis, ledger.settings.prefix)
        self._ledger = ledger

    def call(self, name: str, desk: str, *arguments: Argument) -> object:
        return self._ledger.at(desk).verbs.call(name, desk, *arguments)


def first_that_has(servers: Sequence[Ledger], look: Callable[[Ledger], bool]) -> Ledger | None:
    """The first server where the look finds it all. Where none does, a server that could not be asked may have it: then
    its error is raised."""
    errors: list[redis.RedisError] = []
    for server in servers:
        try:
            if look(server):
                return server
        except (redis.ConnectionError, redis.TimeoutError) as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return None
