"""Compares records that share no code: what producers were told, what the ledger says, what the sandbox received."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ledger.announcement import Announcement
from ledger.errors import NotFound
from ledger.ids import announcement_of, is_row
from ledger.inspection.inspection import broken_invariants
from ledger.ledger import Ledger
from ledger.progress import Progress
from ledger.record import Record
from ledger.states import State
from tests.chaos.approvals import started_wrongly
from tests.chaos.case import Call, Case
from tests.chaos.company import of_an_audience
from tests.chaos.finding import Finding
from tests.chaos.gathering import Gathering
from tests.chaos.notices import asked_by, is_notice, told_wrongly
from tests.chaos.stillness import Stillness
from tests.chaos.traffic import Asked

__all__ = ["Evidence", "Judge"]

#: A pause holds after this, seconds; and what a call takes from its start to the sandbox's first byte of it.
_HOLDS_WITHIN_SECONDS = 1.0
_ON_ITS_WAY_SECONDS = 0.2
_THROTTLED = 99991400
#: From the answer of a throttle to its being known to all, and what was on its way then, seconds.
_KNOWN_WITHIN_SECONDS = 0.3


@dataclass(frozen=True)
class Evidence:
    """The records of a run that is over.

    `asked(key, id)` are the notifications that a key stands for, by id; `calls` are as the sandbox records them.
    """

    ledger: Ledger
    asked_for: int  #: notifications
    asked: Callable[[str, str], Mapping[str, Asked]]
    told: Mapping[str, set[str]]  #: ids that producers were told, by key: `e…` of an event, `a…` of an announcement
    calls: Sequence[dict[str, Any]]
    stillnesses: Sequence[Stillness]
    quota: tuple[float, float]  #: calls in any so many seconds
    throttle_seconds: float  #: of the throttles that were ordered
    in_true_time: Callable[[Progress], Progress] = lambda progress: progress  #: if the ledger's clock was set
    #: By key, of announcements to audiences: whom they must reach, by receiver.
    people: Callable[[str], Mapping[str, Asked]] = lambda key: {}
    approval_above: float = float("inf")  #: announcements of more rows must be drafts that were approved


class Judge:
    """Reads everything once, when all is quiet."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._ledger = evidence.ledger
        self._told = evidence.told
        self.all_calls = evidence.calls

    @property
    def asked_for(self) -> int:
        return self._evidence.asked_for

    @cached_property
    def calls(self) -> dict[str, list[Call]]:
        """By marker, in the order of their start. Those that told of events that joined: by the id of their message."""
        found: dict[str, list[Call]] = defaultdict(list)
        for call in filter(None, map(Call.of, self.all_calls)):
            found[self._message_of.get(call.marker, call.marker)].append(call)
        for calls in found.values():
            calls.sort(key=lambda call: call.started)
        return found

    @cached_property
    def announcements(self) -> dict[str, Announcement | None]:
        """By id; None for what the ledger does not know."""
        return {id: self._announcement(id) for key, ids in self._told.items() if key[0] == "a" for id in ids}

    def _announcement(self, id: str) -> Announcement | None:
        try:
            return self._ledger.announcements.get(id)
        except NotFound:
            return None

    @cached_property
    def cases(self) -> dict[str, Case]:
        """Every notification that was accepted, by id."""
        asked = {case.id: case for key, ids in self._told.items() for id in ids for case in self._cases(key, id)}
        gathered = {
            id: self._case(id, each.asked, each.record and each.record.progress) for id, each in self.gatherings.items()
        }
        notices = {id: self._case(id, asked_by(record), record.progress) for id, record in self.notices.items()}
        return asked | gathered | notices

    @cached_property
    def notices(self) -> dict[str, Record]:
        """By id."""
        return {record.id: record for record in self._on_record if is_notice(record)}

    @cached_property
    def gatherings(self) -> dict[str, Gathering]:
        """Messages that events have joined, by id."""
        joined: dict[str, list[Asked]] = defaultdict(list)
        for key, ids in self._told.items():
            for id in ids if key[0] == "e" else ():
                if into := self._message_of.get(self._asked(key, id)[id].marker):
                    joined[into].append(self._asked(key, id)[id])
        known = {record.id: record for record in self._on_record}
        return {id: Gathering(id, known.get(id), events) for id, events in joined.items()}

    @cached_property
    def _message_of(self) -> dict[str, str]:
        """By marker of an event that joined: the id of the message that tells of it."""
        into = {record.id: record.progress.into for record in self._on_record if record.progress.into}
        return {
            self._asked(key, id)[id].marker: into[id]
            for key, ids in self._told.items()
            if key[0] == "e"
            for id in ids
            if id in into
        }

    @cached_property
    def _on_record(self) -> list[Record]:
        """All events."""
        return list(self._ledger.events())

    def cases_of(self, key: str) -> list[Case]:
        return [case for case in self.cases.values() if case.asked.marker == key]

    def _cases(self, key: str, id: str) -> Iterator[Case]:
        stands = {id: self._event(id)} if key[0] == "e" else self._rows(id)
        for each, asked in self._asked(key, id).items():
            yield self._case(each, asked, stands.get(each))

    def _case(self, id: str, asked: Asked, progress: Progress | None) -> Case:
        told = self._evidence.in_true_time(progress) if progress else None
        return Case(id, asked, told, self.calls.get(asked.marker, []))

    def _asked(self, key: str, id: str) -> Mapping[str, Asked]:
        """Of an audience only the ledger knows which row is whose; `_audiences` judges whom they go to."""
        if people := self._evidence.people(key):
            return {row: people[who] for row, who in self._receivers(id).items() if who in people}
        return self._evidence.asked(key, id)

    def _rows(self, id: str) -> Mapping[str, Progress | None]:
        known = self.announcements[id] is not None
        return {row.id: row.progress for row in self._ledger.announcements.rows(id)} if known else {}

    def _receivers(self, id: str) -> dict[str, str]:
        """By row."""
        known = self.announcements[id] is not None
        return {row.id: row.row.receiver_id for row in self._ledger.announcements.rows(id)} if known else {}

    def _event(self, id: str) -> Progress | None:
        try:
            return self._ledger.get(id).progress
        except NotFound:
            return None

    # -- findings

    def findings(self) -> Iterator[Finding]:
        for case in self.cases.values():
            for what in case.findings():
                yield Finding(what, case.id, str(case))
        yield from self._identities()
        yield from self._gathered()
        yield from self._audiences()
        for id, found in told_wrongly(filter(None, self.announcements.values()), self.notices.values()):
            yield Finding("a starter was not told once of each pause and of the end", id, f"  {found}")
        for id, found in self.announcements.items():
            if found and found.total > self._evidence.approval_above:
                for what in started_wrongly(found.acts):
                    yield Finding(what, id, f"  {found.acts}")
        yield from self._counts()
        yield from self._quota()
        for broken in broken_invariants(self._ledger):
            yield Finding("an invariant of the ledger is broken", broken.id, f"  {broken.invariant}: {broken.found}")
        for stillness in self._evidence.stillnesses:
            yield from self._disturbances(stillness)

    def _identities(self) -> Iterator[Finding]:
        for key, ids in self._told.items():
            if len(ids) > 1:
                yield Finding("one key, told two ids", key, f"  told      {sorted(ids)}")
        known = {case.asked.marker for case in self.cases.values()}
        for marker in self.calls.keys() - known:
            yield Finding("sent, and nobody was told that it was accepted", marker, f"  sandbox   {self.calls[marker]}")
        if (accepted := len(self.cases) - len(self.notices) - len(self.gatherings)) != self.asked_for:
            yield Finding("asked for and never accepted", "", f"  {self.asked_for - accepted} of them")

    def _gathered(self) -> Iterator[Finding]:
        for id, gathering in self.gatherings.items():
            for what in gathering.findings([call.told for call in self.calls.get(id, []) if call.told]):
                yield Finding(what, id, f"{self.cases[id]}\n  joined    {[event.marker for event in gathering.events]}")
        for record in self._on_record:
            if record.progress.gathers and record.id not in self.gatherings:
                yield Finding("a message that nothing joined", record.id, f"  {record.progress}")

    def _audiences(self) -> Iterator[Finding]:
        for key, ids in self._told.items():
            if people := self._evidence.people(key):
                for id in ids:
                    for what, who in of_an_audience(people, [*self._receivers(id).values()]):
                        yield Finding(what, id, f"  {key}: {who}")

    def _counts(self) -> Iterator[Finding]:
        states: dict[str, Counter[State]] = defaultdict(Counter)
        for case in self.cases.values():
            if case.progress:
                states[announcement_of(case.id) if is_row(case.id) else ""][case.progress.state] += 1
        counted = {id: found.counts for id, found in self.announcements.items() if found}
        for lane, counts in {"": self._ledger.counts("default"), **counted}.items():
            if +Counter(counts) != states[lane]:
                yield Finding("counts that differ from the states", lane or "events", f"  {counts}\n  {states[lane]}")
        for id, found in self.announcements.items():
            if found and sum(found.counts.values()) != found.total:
                yield Finding("counts that do not sum to the rows", id, f"  {found.counts}, {found.total} rows")

    def _quota(self) -> Iterator[Finding]:
        if self.most_in_window > self._evidence.quota[0]:
            yield Finding("more calls in a rolling window than the quota", "", f"  {self.most_in_window}")
        if self.throttled:
            yield Finding("calls answered 429", "", f"  {self.throttled}")

    @cached_property
    def most_in_window(self) -> int:
        arrivals = sorted(call["at"] for call in self.all_calls)
        window = self._evidence.quota[1]
        return max((index + 1 - bisect_left(arrivals, at - window) for index, at in enumerate(arrivals)), default=0)

    @property
    def throttled(self) -> int:
        """Calls that the sandbox refused for the quota, not for an order."""
        return sum(call["code"] == _THROTTLED and not call["fault"] for call in self.all_calls)

    def during_throttles(self) -> tuple[int, int]:
        """How many throttles were ordered, and how many calls began while all knew of one."""
        told_at = [call["ended_ms"] / 1000 for call in self.all_calls if call["code"] == _THROTTLED and call["fault"]]
        began = [call["at"] for call in self.all_calls]
        lasts = self._evidence.throttle_seconds
        return len(told_at), sum(told + _KNOWN_WITHIN_SECONDS < at < told + lasts for told in told_at for at in began)

    def _disturbances(self, stillness: Stillness) -> Iterator[Finding]:
        begins = stillness.told_at + _HOLDS_WITHIN_SECONDS + _ON_ITS_WAY_SECONDS
        for case in self.cases.values():
            if stillness.covers(case.id):
                for call in case.calls:
                    if begins < call.started < stillness.until:
                        yield Finding(stillness.what, case.id, f"  {stillness}\n{case}")

    # -- figures

    def killed_in_a_call(self, killed_at: Sequence[float]) -> int:
        """Kills of workers at which a call broke off."""
        broken = sorted(call.ended for calls in self.calls.values() for call in calls if not call.answered)
        return sum(_is_near(broken, at) for at in killed_at)

    def unexplained_calls(self) -> int:
        """Calls that no attempt stands for: made by a worker that had lost its lease before it made them."""
        return sum(
            max(0, len(case.calls) - len(case.progress.attempts)) for case in self.cases.values() if case.progress
        )

    def lost_seconds(self) -> list[float]:
        """From a claim to the moment at which a lost worker's notification was taken back, in order of length."""
        lost = [
            (attempt.ms or 0) / 1000
            for case in self.cases.values()
            for attempt in (case.progress.attempts if case.progress else ())
            if attempt.msg and "worker was lost" in attempt.msg
        ]
        return sorted(lost)


def _is_near(times: Sequence[float], at: float) -> bool:
    index = bisect_left(times, at - 0.15)
    return index < len(times) and times[index] <= at + 0.15
