"""Dead letters: failed notifications, found by error and time, and queued again together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger.announcement import RowRecord
from ledger.audit_log import record_action
from ledger.connection import text
from ledger.errors import NotAllowed
from ledger.ids import row_number
from ledger.ledger import Ledger
from ledger.record import Record
from ledger.redis_keys import RedisKeys
from ledger.states import DRAFTED, AnnouncementState, State

__all__ = ["DeadLetters"]

#: Records per round trip.
PORTION = 200


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """A selection: events, or the rows of one announcement. None matches everything; `until` is exclusive."""

    code: int | None = None  #: of the last attempt, which is the error that `show` names
    since: datetime | None = None  #: when it came to rest
    until: datetime | None = None
    desk: str | None = None
    state: State = State.FAILED  #: or unknown
    announcement: str | None = None  #: its rows, and no events

    def find(self, ledger: Ledger) -> Iterator[Record | RowRecord]:
        """Server by server, the oldest failure first. Reads each index once, then record by record."""
        servers = [ledger.with_record(self.announcement)] if self.announcement else ledger.servers_of(self._desks)
        for server in servers:
            yield from self._find(server)

    @property
    def _desks(self) -> list[str] | None:
        return None if self.desk is None else [self.desk]

    def _find(self, ledger: Ledger) -> Iterator[Record | RowRecord]:
        ids = [text(id) for id in ledger.redis.zrange(self._index(ledger.keys), self._from(), self._to(), byscore=True)]
        for start in range(0, len(ids), PORTION):
            for record in self._read(ledger, ids[start : start + PORTION]):
                if self._means(record):
                    yield record

    def retry(self, ledger: Ledger, by: str) -> list[str]:
        """Queues all of them again at the end of their lanes, with a fresh retry budget. Returns their ids.

        Raises NotFound and NotAllowed for an unknown or cancelled announcement, and BadInput for an unknown desk.
        """
        if self.desk is not None:
            ledger.settings.desk(self.desk)
        desk_of_rows = self._desk_of_rows(ledger)
        found: dict[str, list[str]] = {}
        for record in self.find(ledger):
            desk = desk_of_rows if isinstance(record, RowRecord) else record.notification.desk
            found.setdefault(desk, []).append(record.id)
        retried = [id for desk, ids in found.items() for id in self._retry(ledger, by, desk, ids)]
        if retried:
            which = f"code {self.code}" if self.code is not None else self.state
            record_action(ledger, by, f"retry {which}", self.announcement or self.desk or "")
        return retried

    def _desk_of_rows(self, ledger: Ledger) -> str:
        if self.announcement is None:
            return ""
        found = ledger.announcements.get(self.announcement)
        if found.state is AnnouncementState.CANCELLED or found.state in DRAFTED:
            raise NotAllowed(found.id, "retry", found.state)
        return found.spec.desk

    def _index(self, keys: RedisKeys) -> str:
        return keys.row_index(self.announcement, self.state) if self.announcement else keys.index(self.state)

    def _read(self, ledger: Ledger, ids: Sequence[str]) -> Sequence[Record | RowRecord]:
        if self.announcement is None:
            return ledger.get_known(ids)
        return ledger.announcements.some_rows(self.announcement, [row_number(id) for id in ids])

    def _retry(self, ledger: Ledger, by: str, desk: str, ids: list[str]) -> Iterator[str]:
        for start in range(0, len(ids), PORTION):
            portion = ids[start : start + PORTION]
            answers = ledger.durably("retry", desk, by, str(self.state), *portion)
            # Another process may have queued or settled one since it was found.
            yield from (id for id, done in zip(portion, answers[::2], strict=True) if done)

    def _means(self, record: Record | RowRecord) -> bool:
        of_state = record.progress.state is self.state
        of_desk = self.desk is None or (isinstance(record, Record) and self.desk == record.notification.desk)
        codes = [attempt.code for attempt in record.progress.attempts[-1:]]
        return of_state and of_desk and (self.code is None or self.code in codes)

    def _from(self) -> str:
        return str(round(self.since.timestamp() * 1000)) if self.since else "-inf"

    def _to(self) -> str:
        return f"({round(self.until.timestamp() * 1000)}" if self.until else "+inf"
