"""Dead letters: events that failed, found by what they failed of and when, and taken back to their lanes together."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ledger.connection import text
from ledger.models import Record
from ledger.states import State

if TYPE_CHECKING:
    from ledger.ledger import Ledger

__all__ = ["DeadLetters"]

#: Records that are read, or taken back, in one round trip.
PORTION = 200


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Which are meant. Whatever is None does not matter; `until` itself is not in the range."""

    code: int | None = None  #: of the last attempt, which is the error that `show` names
    since: datetime | None = None  #: when it came to rest
    until: datetime | None = None
    desk: str | None = None
    state: State = State.FAILED  #: or unknown

    def find(self, ledger: "Ledger") -> Iterator[Record]:
        """In the order in which they came to rest, the longest first. Reads the index once, then record by record."""
        ids = ledger.redis.zrange(ledger.keys.index(self.state), self._from(), self._to(), byscore=True)
        for start in range(0, len(ids), PORTION):
            for record in ledger.get_known([text(id) for id in ids[start : start + PORTION]]):
                if self._means(record):
                    yield record

    def retry(self, ledger: "Ledger", by: str) -> list[str]:
        """Takes all of them back to the ends of their lanes, with a fresh retry budget. Returns the ids that were."""
        found: dict[str, list[str]] = {}
        for record in self.find(ledger):
            found.setdefault(record.notification.desk, []).append(record.id)
        return [id for desk, ids in found.items() for id in self._retry(ledger, by, desk, ids)]

    def _retry(self, ledger: "Ledger", by: str, desk: str, ids: list[str]) -> Iterator[str]:
        for start in range(0, len(ids), PORTION):
            portion = ids[start : start + PORTION]
            answers = ledger.durably("retry", desk, by, str(self.state), *portion)
            # Somebody else may have taken one back, or settled it, since it was found.
            yield from (id for id, done in zip(portion, answers[::2], strict=True) if done)

    def _means(self, record: Record) -> bool:
        of_state = record.progress.state is self.state
        of_desk = self.desk in (None, record.notification.desk)
        return of_state and of_desk and (self.code is None or bool(record.last and record.last.code == self.code))

    def _from(self) -> str:
        return str(round(self.since.timestamp() * 1000)) if self.since else "-inf"

    def _to(self) -> str:
        return f"({round(self.until.timestamp() * 1000)}" if self.until else "+inf"
