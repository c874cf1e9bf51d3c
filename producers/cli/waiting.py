"""Why what somebody waits for is not sent yet."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ledger.desk_status import DeskStatus, desk_status
from ledger.health import Condition, conditions
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.record import Record
from ledger.states import State
from ledger.store import Store
from ledger.vitals import Vitals
from producers.cli.follow import at_rest
from producers.cli.health_line import LOOK_SECONDS, explained, with_remedy
from producers.cli.language import in_sequence
from producers.cli.spoken_times import moment, told

__all__ = ["Reasons", "WaitingLine"]

#: Conditions that keep nothing from being sent.
_HARMLESS = frozenset({"practice", "not_durable", "redis_full", "clock_off", "all_paused"})


class _Desk(NamedTuple):
    """As it was at a time of the clock."""

    at: float
    status: DeskStatus
    found: Sequence[Condition]


class Reasons:
    """Of notifications, by the state of their desks, which is looked up now and then."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger, self._clock = ledger, clock
        self._known: dict[str, _Desk] = {}

    def of(self, record: Record) -> Iterator[Phrase]:
        """Nothing for one that is being sent. Raises redis-py's errors."""
        if record.progress.state is State.SENDING:
            return
        if record.due_ms:
            yield Phrase("it waits until {time}", time=told(moment(record.due_ms)))
        _, status, found = self._desk(record.notification.desk)
        is_found = bool(record.notification.receiver_id)
        yield from (with_remedy(each.found, each.do) for each in found if each.name != "addresses_held" or not is_found)
        yield from _of_quota(status)
        if not is_found and status.people_hold is None:
            yield Phrase("Feishu has not said yet who its address belongs to")

    def _desk(self, name: str) -> "_Desk":
        known = self._known.get(name)
        if known is None or self._clock() - known.at >= LOOK_SECONDS:
            status = desk_status(self._ledger, self._ledger.settings.desk(name), ())
            found = conditions(_vitals(self._ledger.at(name), name), [status], ())
            harmful = [each for each in found if each.name not in _HARMLESS]
            known = self._known[name] = _Desk(self._clock(), status, explained(harmful, self._ledger.settings))
        return known


class WaitingLine:
    """Says again and again how many are delivered, and why the others wait."""

    def __init__(self, reasons: Reasons, total: int, update: Callable[[Phrase], None]) -> None:
        self._reasons, self._total, self._update = reasons, total, update
        self._records: dict[str, Record] = {}

    def see(self, record: Record) -> None:
        self._records[record.id] = record
        self._tell()

    def sleep(self, seconds: float) -> None:
        """Between two looks at the records."""
        self._tell()
        time.sleep(seconds)

    def _tell(self) -> None:
        delivered = sum(record.progress.state is State.DELIVERED for record in self._records.values())
        told = Phrase("{delivered} of {total} delivered", delivered=delivered, total=self._total)
        waiting = next((record for record in self._records.values() if not at_rest(record)), None)
        self._update(in_sequence([told, *(self._reasons.of(waiting) if waiting else ())]))


def _vitals(store: Store, desk: str) -> Vitals:
    """With no worker at all the desk counts as unserved at once, not only when something is late."""
    vitals = Vitals.ask(store)
    return vitals if vitals.workers else replace(vitals, unserved=(desk,))


def _of_quota(status: DeskStatus) -> Iterator[Phrase]:
    if status.hold and status.hold["kind"] == "throttled":
        until = told(moment(status.hold["until"]))
        yield Phrase("Feishu throttles desk {desk} until {time}", desk=status.name, time=until)
    events = status.lanes[0].waiting - status.lanes[0].timed
    if not status.hold and status.windows and events > 1:
        yield Phrase("{n:,} events of desk {desk} wait for its quota", n=events, desk=status.name)
