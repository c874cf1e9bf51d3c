"""The overview: desks, announcements and workers. One a second costs Redis a few commands."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from ledger.announcement import Announcement
from ledger.desk_status import DeskStatus, desk_status
from ledger.draft_verbs import DraftVerbs
from ledger.dropped_messages import unseen_of
from ledger.health import Condition, conditions
from ledger.ledger import Ledger
from ledger.quarters import Counts
from ledger.settling import Settlement
from ledger.states import AnnouncementState, State
from ledger.tally import LATE_MS, MINUTE_MS, MINUTES, Minute, Tally
from ledger.times import iso
from ledger.unread_lists import unread_of
from ledger.vitals import Vitals
from ledger.workers import Worker

__all__ = ["AwayServer", "DeskOverview", "Overview", "Snapshot"]

#: Announcements that one glance reads again, besides those that somebody watches. With one desk a glance then takes
#: some 20 commands, however many announcements there are: the others have their turn in the next ones.
TURNS = 2
#: Announcements that are looked at; the ones before these are long over.
KNOWN = 500
#: Of those, so many of the newest are read by a survey even if they were over before.
SURVEYED = 100
#: Read in one round trip.
AT_ONCE = 50
#: One of this many glances reads the drafts, since each brings its whole message.
DRAFTS_EVERY = 3
_MOVING = (AnnouncementState.SCHEDULED, AnnouncementState.RUNNING, AnnouncementState.PAUSED)


@dataclass(frozen=True, slots=True)
class DeskOverview:
    """A desk now, and the results of its notifications in each of the last sixty minutes, oldest first."""

    status: DeskStatus
    hour: tuple[Minute, ...]
    at_ms: int

    @property
    def last_minute(self) -> int:
        """Notifications delivered in the last full minute."""
        counts = self.hour[-2].counts
        return counts.get("delivered", 0) + counts.get("rerouted", 0)

    def as_json(self) -> dict[str, Any]:
        minutes = [{"at": iso(minute.at_ms), **minute.counts} for minute in self.hour if minute.counts]
        return {**self.status.as_json(), "last_minute": self.last_minute, "hour": minutes}


@dataclass(frozen=True, slots=True)
class AwayServer:
    """A server that could not be read, and its desks."""

    desks: tuple[str, ...]
    condition: Condition


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The result of a survey or glance."""

    where: str  #: the server, as it is shown
    at_ms: int
    desks: Mapping[str, DeskOverview]
    announcements: Mapping[str, Announcement]  #: newest first
    vitals: Vitals
    events_at_rest: Mapping[State, int]  #: events that failed, and those that are unknown
    lost_messages: int = 0  #: dropped messages that nobody has looked at, and lists that nobody reads
    drafts: tuple[Announcement, ...] = ()  #: the last edited first
    past: Mapping[str, Mapping[int, Counts]] = field(default_factory=dict)  #: quarters of an hour, if asked for
    parts: tuple["Snapshot", ...] = ()  #: of the servers that answered, if there are several, the home's first
    away: tuple["AwayServer", ...] = ()

    @property
    def settling(self) -> list[Settlement]:
        """What can still be taken back, the first due one first."""
        found = chain.from_iterable(desk.status.settling for desk in self.desks.values())
        return sorted(found, key=lambda each: each.due_ms)

    @property
    def workers(self) -> tuple[Worker, ...]:
        return tuple(worker for part in self.parts or (self,) for worker in part.vitals.workers)

    def vitals_of(self, desk: str) -> Vitals:
        """Of the server that has this desk."""
        return next((part.vitals for part in self.parts if desk in part.desks), self.vitals)

    def conditions(self, sees: Callable[[str], bool]) -> tuple[Condition, ...]:
        """The health line, for a viewer of these desks."""
        if self.parts:
            away = [server.condition for server in self.away if any(map(sees, server.desks))]
            found = [condition.of_server(part.where) for part in self.parts for condition in part.conditions(sees)]
            return tuple(sorted([*away, *found], key=lambda condition: condition.severity))
        desks = [desk.status for name, desk in self.desks.items() if sees(name)]
        under_way = [each for each in self.under_way() if sees(each.spec.desk)]
        return conditions(self.vitals, desks, under_way)

    def under_way(self) -> list[Announcement]:
        """Scheduled, running and paused announcements."""
        return [each for each in self.announcements.values() if each.state in _MOVING]

    def as_json(self) -> dict[str, Any]:
        """For `deskbell watch --json`."""
        return {
            "at": iso(self.at_ms),
            "conditions": [condition.as_json() for condition in self.conditions(self.desks.__contains__)],
            "desks": [desk.as_json() for desk in self.desks.values()],
            "announcements": [each.as_json() for each in self.under_way()],
            "workers": [worker.as_json() for worker in self.workers],
            "events_at_rest": dict(self.events_at_rest),
        }


class Overview:
    """Caches what it read, so that a glance need not read everything again. Not thread-safe."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tally = Tally(ledger.redis, ledger.keys)
        self._desks: dict[str, DeskOverview] = {}
        self._announcements: dict[str, Announcement] = {}
        self._read_at: dict[str, int] = {}  #: of each announcement, the number of the look that read it
        self._looks = 0
        self._drafts: tuple[Announcement, ...] = ()

    def survey(self) -> Snapshot:
        """The state of everything, now."""
        ids = self._ledger.announcements.ids(KNOWN)
        over = {id for id, each in self._announcements.items() if each.state not in _MOVING}
        again = [id for place, id in enumerate(ids) if place < SURVEYED or id not in over]
        self._read_drafts()
        return self._seen(ids, again, self._ledger.settings.desks_here)

    def forget(self, id: str) -> None:
        """Makes the next glance read this announcement again."""
        self._announcements.pop(id, None)

    def glance(self, watched: Collection[str] = ()) -> Snapshot:
        """The current state of one desk and some announcements, `watched` ones first; the rest from the cache."""
        if not self._looks:
            return self.survey()
        ids = self._ledger.announcements.ids(KNOWN)
        desks = list(self._ledger.settings.desks_here)
        if self._looks % DRAFTS_EVERY == 0:
            self._read_drafts()
        return self._seen(ids, self._turn(ids, watched), [desks[self._looks % len(desks)]])

    def _turn(self, ids: Iterable[str], watched: Collection[str]) -> list[str]:
        """New ones first, then running ones, then those read longest ago."""
        others = sorted((id for id in ids if id not in watched), key=self._precedence)
        return [*watched, *others[:TURNS]]

    def _precedence(self, id: str) -> tuple[bool, int]:
        known = self._announcements.get(id)
        read_at = self._read_at.get(id, 0)
        # What is over may be taken up again (`retry`), so it has its turn too, though a rare one.
        rests = known is not None and known.state not in _MOVING and self._looks - read_at < KNOWN
        return rests, read_at

    def _seen(self, ids: list[str], read: list[str], desks: Iterable[str]) -> Snapshot:
        self._looks += 1
        vitals = Vitals.ask(self._ledger)
        self._read(ids, read, vitals.now_ms)
        before = self._settling()
        for name in desks:
            self._desks[name] = self._sight(name, vitals.now_ms)
        # Those of which a settlement is over have changed, and wait for no turn.
        if over := {id for each in before - self._settling() for id in each.announcements & set(ids)}:
            self._read(ids, list(over), vitals.now_ms)
        at_rest, lost = self._unsettled()
        where, desks, announcements = str(self._ledger.settings.redis), dict(self._desks), dict(self._announcements)
        return Snapshot(where, vitals.now_ms, desks, announcements, vitals, at_rest, lost, self._drafts)

    def _settling(self) -> frozenset[Settlement]:
        return frozenset(chain.from_iterable(desk.status.settling for desk in self._desks.values()))

    def _read_drafts(self) -> None:
        self._drafts = tuple(islice(DraftVerbs(self._ledger).listed(), KNOWN))

    def _unsettled(self) -> tuple[dict[State, int], int]:
        """Events at rest, and lost messages."""
        redis, keys = self._ledger.redis, self._ledger.keys
        pipe = redis.pipeline(transaction=False)
        pipe.zcard(keys.index(State.FAILED))
        pipe.zcard(keys.index(State.UNKNOWN))
        pipe.mget(keys.dropped, keys.dropped_seen, keys.unread_lists)
        failed, unknown, (dropped, seen, unread) = pipe.execute()
        return {State.FAILED: failed, State.UNKNOWN: unknown}, unseen_of(dropped, seen) + len(unread_of(unread))

    def _read(self, ids: list[str], read: list[str], now_ms: int) -> None:
        found: dict[str, Announcement] = {}
        for start in range(0, len(read), AT_ONCE):
            portion = self._ledger.announcements.several(read[start : start + AT_ONCE], now_ms)
            found |= {each.id: each for each in portion}
        # A draft whose page is open is looked at as often as an announcement's.
        drafts = {id: each for id, each in found.items() if each.draft}
        self._drafts = (*drafts.values(), *(each for each in self._drafts if each.id not in found))
        self._read_at = {id: self._looks if id in read else self._read_at.get(id, 0) for id in ids}
        known = {**self._announcements, **found}
        self._announcements = {id: known[id] for id in ids if id in known}

    def _sight(self, name: str, now_ms: int) -> DeskOverview:
        desk = self._ledger.settings.desk(name)
        status = desk_status(self._ledger, desk, self._announcements.values(), now_ms)
        return DeskOverview(status, self._hour(name, now_ms), now_ms)

    def _hour(self, name: str, now_ms: int) -> tuple[Minute, ...]:
        """A minute that was over for LATE_MS when it was read does not change."""
        last = now_ms // MINUTE_MS
        known = self._desks.get(name)
        begins = last - MINUTES + 1
        old = {} if known is None else {minute.at_ms // MINUTE_MS: minute for minute in known.hour}
        over = 0 if known is None else (min(known.at_ms, now_ms) - LATE_MS) // MINUTE_MS
        # Not seen yet is also the beginning, after a clock was set back.
        stale = [minute for minute in range(begins, last + 1) if minute not in old or minute >= over]
        new = {each.at_ms // MINUTE_MS: each for each in self._tally.minutes(name, range(stale[0], last + 1))}
        return tuple((old | new)[minute] for minute in range(begins, last + 1))
