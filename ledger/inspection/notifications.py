"""Looking at notifications: by their records, and by what stands in lanes, due ones, leases and indexes.

A first look is cheap, and not at one moment. What may still change, or looks wrong, is read at one moment.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ledger.connection import text
from ledger.ids import announcement_of, is_row, row_id, row_number
from ledger.inspection.invariants import Finding, Invariant
from ledger.inspection.joined_invariants import judge_joined
from ledger.inspection.moving import SETTLED, Moving
from ledger.inspection.notification_invariants import judge_notification
from ledger.inspection.notification_reading import state_of
from ledger.inspection.reading import Standings
from ledger.inspection.suspicions import Suspicions
from ledger.phrases import Phrase
from ledger.states import State
from ledger.store import Store

__all__ = ["Notifications"]

#: Notifications that are read at one moment; and rows, or ids of a lane, to one round trip.
AT_ONCE, PAGE = 100, 500
#: In a list that is no longer than this the server looks for any id at once; a longer one is read in pages.
SHORT = 1000
#: Queued ones that were found nowhere yet, before their lanes are read; and others that need not be read again.
MOST_MISSED = MOST_KEPT_IN_MIND = 50_000
#: So many of one lane are looked for by the server in a long list, which takes some ms each.
MOST_SOUGHT = 50


class Notifications:
    """Adds what looks broken to the suspicions. `moving` has, by lane, what may still change."""

    def __init__(self, store: Store, suspicions: Suspicions, now_ms: Callable[[], int]) -> None:
        self._redis, self._keys, self._standings = store.redis, store.keys, Standings(store)
        self._suspicions, self._now_ms = suspicions, now_ms
        self._missed: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._examined: set[str] = set()
        self.moving: dict[str, Moving] = {}
        self.number = 0

    # -- by their records

    def look_at_events(self, ids: Sequence[str], since_ms: int) -> None:
        """`since_ms`: of those accepted later others will know."""
        pipe = self._redis.pipeline(transaction=False)
        for id in ids:
            pipe.hmget(self._keys.notification(id), "progress", "desk")
            pipe.pttl(self._keys.notification(id))
            pipe.zscore(self._keys.events, id)
        answers, desks = iter(pipe.execute()), {}
        for id, (kept, desk), ttl, listed in zip(ids, answers, answers, answers, strict=False):
            if ttl == -2:
                continue  # it has expired
            if desk is None:
                self._suspicions.add([Finding(Invariant.READABLE, id, Phrase("its record has no desk"))], _as_it_is)
                continue
            state = state_of(kept)
            if state is not None:
                self.moving_of(f"e_{text(desk)}", text(desk), since_ms).note(id, state)
            if state not in SETTLED or state is State.JOINED or ttl == -1 or listed is None:
                desks[id] = text(desk)
        self.number += len(ids)
        self._examine(desks)

    def look_at_rows(self, announcement: str, desk: str, rows: range) -> None:
        for first in range(rows.start, rows.stop, PAGE):
            numbers = range(first, min(first + PAGE, rows.stop))
            next_row, kept = self._read_rows(announcement, numbers)
            if next_row is None:
                return  # it has expired
            self._look_at_page(announcement, desk, next_row, zip(numbers, kept[::2], kept[1::2], strict=True))
            self.number += len(numbers)

    def _read_rows(self, announcement: str, numbers: Iterable[int]) -> tuple[int | None, list[bytes | None]]:
        """The first row that was never released, and of each row its input and its progress."""
        pipe = self._redis.pipeline()
        pipe.hget(self._keys.lane(announcement), "next")
        pipe.hmget(self._keys.rows(announcement), [name for n in numbers for name in (str(n), f"{n}+")])
        next_row, kept = pipe.execute()
        return None if next_row is None else int(next_row), kept

    def _look_at_page(self, announcement: str, desk: str, next_row: int, page: Iterable[tuple[int, Any, Any]]) -> None:
        moving, desks = self.moving[announcement], {}
        for number, row, kept in page:
            id, is_released = row_id(announcement, number), number < next_row
            state = state_of(kept) if kept else State.QUEUED
            if row is None or (kept and not is_released and state is not State.CANCELLED):
                self._suspicions.judge(self._judge_row, announcement, number)
            if is_released and state and number < moving.since:
                moving.note(id, state)
            if state not in SETTLED and (kept or is_released):
                desks[id] = desk
        self._examine(desks)

    def _judge_row(self, announcement: str, number: int) -> Iterator[Finding]:
        next_row, (row, kept) = self._read_rows(announcement, [number])
        if next_row is None:
            return
        id = row_id(announcement, number)
        if row is None:
            yield Finding(Invariant.ROWS_PRESENT, id, Phrase("its row is not there"))
        if kept and number >= next_row and state_of(kept) is not State.CANCELLED:
            yield Finding(Invariant.ROWS_PRESENT, id, Phrase("was never released, and has a progress"))

    def moving_of(self, lane: str, desk: str, since: int) -> Moving:
        return self.moving.setdefault(lane, Moving(desk, since))

    # -- by what they stand in

    def look_at_members(self, zset: str, desk: str | None) -> None:
        """The ids in a set, as far as they were not read for their records already. Without a desk, those without a
        record are left out."""
        for members in self.members(zset):
            ids = [id for id in members if id not in self._examined]
            desks = self._standings.desks_of(ids) if ids else {}
            self._examine(desks if desk is None else {id: desks.get(id, desk) for id in ids})

    def members(self, zset: str) -> Iterator[list[str]]:
        cursor = 0
        while True:
            cursor, found = self._redis.zscan(zset, cursor, count=AT_ONCE)
            if found:
                yield [text(member) for member, _ in found]
            if cursor == 0:
                return

    def look_at_lane(self, lane: str, desk: str) -> None:
        """Nothing in the list may have a lease or a due time; and what was missed may be here."""
        missed, sought = self._missed.pop((lane, desk), set()), 0
        for ids in self._from_the_end(lane):
            missed.difference_update(ids)
            for id in self._elsewhere(ids, lane, desk):
                sought += 1
                if sought <= MOST_SOUGHT:
                    self._suspicions.judge(self._judge_one, id, desk)
        # Most have been released meanwhile.
        for some in _portions(sorted(missed), AT_ONCE):
            standings = self._standings.notifications(dict.fromkeys(some, desk))
            for id in (it.id for it in standings if it.state is State.QUEUED and not it.places):
                sought += 1
                if sought <= MOST_SOUGHT:
                    self._suspicions.judge(self._judge_one, id, desk)

    def _from_the_end(self, lane: str) -> Iterator[list[str]]:
        """The list in pages, from its end to its front: so nothing that stays is missed when others leave at the front.
        Some come twice when others join at the end."""
        last = -1
        while found := self._redis.lrange(self._keys.waiting(lane), last - PAGE + 1, last):
            yield [text(id) for id in found]
            last -= len(found)

    def _elsewhere(self, ids: list[str], lane: str, desk: str) -> list[str]:
        """Those with a lease, a due time or no receiver, and rows that were never released."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hget(self._keys.lane(lane), "next")
        for zset in (self._keys.leases(desk), self._keys("lane", lane, "due"), self._keys.unresolved(desk)):
            pipe.zmscore(zset, ids)
        next_row, *scores = pipe.execute()
        placed = {id for of_zset in scores for id, score in zip(ids, of_zset, strict=True) if score is not None}
        return [id for id in ids if id in placed or (is_row(id) and row_number(id) >= int(next_row or 0))]

    def look_at_missed(self) -> None:
        for lane, desk in list(self._missed):
            self.look_at_lane(lane, desk)

    # -- at one moment

    def _examine(self, desks: Mapping[str, str]) -> None:
        if not desks:
            return
        if len(self._examined) < MOST_KEPT_IN_MIND:
            self._examined.update(desks)
        lanes = {id: announcement_of(id) if is_row(id) else f"e_{desk}" for id, desk in desks.items()}
        lengths = self._lengths(set(lanes.values()))
        for in_lanes in (True, False):
            chosen = [id for id in desks if (lengths[lanes[id]] <= SHORT) is in_lanes]
            for some in _portions(chosen, AT_ONCE):
                of_some = {id: desks[id] for id in some}
                again = self._judge_notifications(of_some, in_lanes=in_lanes)
                self._suspicions.add(again, lambda found: partial(self._judge_one, found.id, desks[found.id]))
        if sum(map(len, self._missed.values())) > MOST_MISSED:
            self.look_at_missed()

    def _lengths(self, lanes: Iterable[str]) -> dict[str, int]:
        pipe, names = self._redis.pipeline(transaction=False), list(lanes)
        for lane in names:
            pipe.llen(self._keys.waiting(lane))
        return dict(zip(names, pipe.execute(), strict=True))

    def _judge_notifications(self, desks: Mapping[str, str], *, in_lanes: bool) -> Iterator[Finding]:
        now_ms = self._now_ms()
        for it in self._standings.notifications(desks, in_lanes=in_lanes):
            yield from judge_notification(it, now_ms)
            yield from judge_joined(it)
            if it.state is State.QUEUED and not in_lanes and not it.places:
                self._missed[it.lane, desks[it.id]].add(it.id)

    def _judge_one(self, id: str, desk: str) -> Iterator[Finding]:
        return self._judge_notifications({id: desk}, in_lanes=True)


def _as_it_is(finding: Finding) -> Callable[[], Iterable[Finding]]:
    return lambda: [finding]


def _portions(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for first in range(0, len(ids), size):
        yield ids[first : first + size]
