"""A walk over the whole ledger that finds what is broken, while producers and workers go on.

Work is done in small steps, and memory does not grow with the ledger. Whatever looks broken is read once more at one
moment, after a pause: what was only between two readings is not told.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.connection import text
from ledger.inspection.announcement_invariants import judge_announcement
from ledger.inspection.callback_invariants import judge_callback, judge_queue
from ledger.inspection.desk_invariants import judge_desk
from ledger.inspection.draft_invariants import judge_draft
from ledger.inspection.invariants import Finding
from ledger.inspection.key_invariants import judge_key
from ledger.inspection.lane_invariants import judge_counts
from ledger.inspection.notifications import Notifications
from ledger.inspection.quarter_invariants import judge_quarters
from ledger.inspection.reading import Standings
from ledger.inspection.suspicions import Suspicions
from ledger.redis_clock import time_ms
from ledger.states import INDEXED, State
from ledger.store import Store

__all__ = ["Inspected", "broken_invariants", "inspect_ledger"]

#: Before a suspicion is looked at again, seconds.
PAUSE_SECONDS = 0.2
#: Names of keys to one step of SCAN, and things to one round trip.
STEP, AT_ONCE = 500, 100
#: Before the counts are compared, those that came later are looked at until so few are left.
FEW = 500
#: The keys of a desk that say that there is one with work.
_OF_DESK = frozenset({"leases", "due", "turns", "slots", "unresolved", "quarters"})


@dataclass(frozen=True, slots=True)
class Inspected:
    """What came of a walk."""

    findings: list[Finding]
    notifications: int
    uncounted: list[str]  #: lanes with too many notifications in motion to compare each count


def broken_invariants(store: Store, now_ms: Callable[[], int] | None = None) -> list[Finding]:
    """What is broken in the ledger, by invariant and id; empty when it is whole. `now_ms`: of a simulated clock."""
    return inspect_ledger(store, now_ms=now_ms).findings


def inspect_ledger(
    store: Store, tell: Callable[[int], None] | None = None, *, now_ms: Callable[[], int] | None = None
) -> Inspected:
    """`tell` gets the number of notifications that were looked at so far."""
    return _Inspection(store, tell or (lambda _: None), now_ms or (lambda: time_ms(store.redis.time()))).run()


class _Inspection:
    def __init__(self, store: Store, tell: Callable[[int], None], now_ms: Callable[[], int]) -> None:
        self._store, self._keys, self._tell, self._now_ms = store, store.keys, tell, now_ms
        self._standings = Standings(store)
        self._suspicions = Suspicions()
        self._notifications = Notifications(store, self._suspicions, now_ms)
        self._announcements: set[str] = set()
        self._desks: set[str] = set()
        self._owners: set[str] = set()
        self._since_ms = now_ms()

    def run(self) -> Inspected:
        self._owners.update(map(text, self._store.redis.zrange(self._keys.callback_owners, 0, -1)))
        for names in self._scanned():
            self._look_at(names)
        desks = self._standings.desks_of(sorted(self._announcements))
        self._desks.update(desks.values())
        for announcement in sorted(self._announcements):
            self._look_at_announcement(announcement, desks.get(announcement))
        for desk in sorted(self._desks):
            self._look_at_desk(desk)
        for index in sorted(INDEXED):
            self._notifications.look_at_members(self._keys.index(index), None)
        self._notifications.look_at_missed()
        for owner in sorted(self._owners):
            self._look_at_queue(owner)
        for lane in self._notifications.moving:
            self._suspicions.judge(self._judge_counts, lane)
        if self._suspicions:
            time.sleep(PAUSE_SECONDS)
        uncounted = sorted(lane for lane, moving in self._notifications.moving.items() if moving.is_too_many)
        return Inspected(self._suspicions.confirmed(), self._notifications.number, uncounted)

    def _scanned(self) -> Iterator[list[str]]:
        pattern = "".join(f"\\{letter}" if letter in "\\[]*?" else letter for letter in self._keys("")) + "*"
        cursor = 0
        while True:
            cursor, found = self._store.redis.scan(cursor, match=pattern, count=STEP)
            yield [text(name).removeprefix(self._keys("")) for name in found]
            if cursor == 0:
                return

    def _look_at(self, names: Iterable[str]) -> None:
        kinds: dict[str, list[str]] = {}
        for name in names:
            kind, rest = _kind_of(name)
            kinds.setdefault(kind, []).append(rest)
        self._announcements.update(kinds.get("announcement", ()))
        self._desks.update(kinds.get("desk", ()))
        self._owners.update(kinds.get("owner", ()))
        for kind, look in (
            ("event", lambda ids: self._notifications.look_at_events(ids, self._since_ms)),
            ("callback", self._look_at_callbacks),
            ("key", self._look_at_keys),
        ):
            of_kind = kinds.get(kind, [])
            for first in range(0, len(of_kind), AT_ONCE):
                look(of_kind[first : first + AT_ONCE])
        self._tell(self._notifications.number)

    # -- announcements and desks

    def _look_at_announcement(self, id: str, desk: str | None) -> None:
        it = self._standings.announcement(id, desk)
        if it is None or it.is_absent or desk is None or it.is_damaged:
            self._suspicions.judge(self._judge_announcement, id, desk)
            return
        self._notifications.moving_of(id, desk, it.next_row)
        for first in range(0, it.total, STEP):
            rows = range(first, min(first + STEP, it.total))
            self._notifications.look_at_rows(id, desk, rows)
            self._tell(self._notifications.number)
        self._notifications.look_at_lane(id, desk)
        for zset in (self._keys("lane", id, "due"), *(self._keys.row_index(id, index) for index in sorted(INDEXED))):
            self._notifications.look_at_members(zset, desk)
        self._suspicions.judge(self._judge_announcement, id, desk)

    def _judge_announcement(self, id: str, desk: str | None) -> Iterator[Finding]:
        now_ms = self._now_ms()
        it = self._standings.announcement(id, desk)
        draft = None if it else self._standings.draft(id, desk)
        if draft:
            return judge_draft(draft)
        return judge_announcement(it, now_ms) if it else iter(())

    def _look_at_desk(self, name: str) -> None:
        self._notifications.moving_of(f"e_{name}", name, self._since_ms)
        self._notifications.look_at_lane(f"e_{name}", name)
        due = self._keys("lane", f"e_{name}", "due")
        for zset in (self._keys.leases(name), due, self._keys.unresolved(name)):
            self._notifications.look_at_members(zset, name)
        self._suspicions.judge(lambda: judge_desk(self._standings.desk(name)))
        self._suspicions.judge(lambda: judge_quarters(self._standings.quarters(name)))

    # -- counts

    def _judge_counts(self, lane: str) -> Iterator[Finding]:
        moving = self._notifications.moving[lane]
        self._catch_up(lane)
        if moving.is_too_many:
            return iter(())
        answer = self._store.verbs.call("recount", moving.desk, lane, moving.since, *moving.ids)
        if not answer:
            return iter(())  # an announcement that has expired meanwhile
        states = [State(text(state)) for state in answer[::3]]
        found = {state: n + moving.settled[state] for state, n in zip(states, answer[2::3], strict=True)}
        return judge_counts(lane, dict(zip(states, answer[1::3], strict=True)), found)

    def _catch_up(self, lane: str) -> None:
        """Looks at what was accepted or released since, so that the verb, which stops the server, has little to do."""
        moving = self._notifications.moving[lane]
        while not moving.is_too_many and lane.startswith("a_"):
            next_row = int(self._store.redis.hget(self._keys.lane(lane), "next") or 0)
            if next_row - moving.since <= FEW:
                return
            before, moving.since = moving.since, next_row
            self._notifications.look_at_rows(lane, moving.desk, range(before, next_row))
        while not moving.is_too_many:
            new: Any = self._store.redis.zrange(
                self._keys.events, moving.since, "+inf", byscore=True, offset=0, num=FEW + 1, withscores=True
            )
            if len(new) <= FEW or int(new[-1][1]) == moving.since:
                return
            self._notifications.look_at_events([text(id) for id, _ in new], moving.since)
            moving.since = int(new[-1][1])

    # -- callbacks and keys

    def _look_at_queue(self, owner: str) -> None:
        self._suspicions.judge(lambda: judge_queue(self._standings.queue(owner), self._now_ms()))
        for names in self._notifications.members(self._keys.callbacks_of(owner)):
            self._look_at_callbacks(names)

    def _look_at_callbacks(self, names: Sequence[str]) -> None:
        def judge(some: Sequence[str]) -> Iterator[Finding]:
            now_ms = self._now_ms()
            owners = {*self._owners, *map(text, self._store.redis.zrange(self._keys.callback_owners, 0, -1))}
            for it in self._standings.callbacks(some, owners):
                yield from judge_callback(it, now_ms)

        self._suspicions.add(judge(names), lambda found: lambda: judge([found.id]))

    def _look_at_keys(self, names: Sequence[str]) -> None:
        def judge(some: Sequence[str]) -> Iterator[Finding]:
            for it in self._standings.keys(some):
                yield from judge_key(it)

        self._suspicions.add(judge(names), lambda found: lambda: judge([found.id]))


def _kind_of(name: str) -> tuple[str, str]:
    """What a key is of, without its prefix, and the name of that; an empty kind for all that is not looked at."""
    match name.split(":"):
        case ["n" | "callback" | "key" as head, *rest]:
            return {"n": "event"}.get(head, head), ":".join(rest)
        case ["callbacks", "of", *rest]:
            return "owner", ":".join(rest)
        case ["lane" | "rows", lane, *_] if lane.startswith("a_"):
            return "announcement", lane
        case ["lane", lane, *_] if lane.startswith("e_"):
            return "desk", lane.removeprefix("e_")
        case ["desk", desk, part] if part in _OF_DESK:
            return "desk", desk
    return "", name
