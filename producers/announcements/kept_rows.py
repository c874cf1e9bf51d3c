"""Rows of the ledger as recipients: of a draft that is edited, or of an announcement that is used again."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import orjson

from ledger.announcement import RECEIVER_ID, Spec
from ledger.announcement import Row as KeptRow
from ledger.phrases import Phrase
from producers.announcements.addressing import CHOICES
from producers.announcements.recipients import Recipients, Row

__all__ = ["KeptRows"]


class KeptRows(Recipients):
    """As `Recipients`: receivers by their ids, and lines as they were in the file. Closing it does nothing."""

    is_resolved = True
    told_as = Phrase("rows that were kept")

    def __init__(self, spec: Spec, read: Callable[[], Iterable[KeptRow]]) -> None:
        """`read` is called for each pass; the first one finds which columns there are."""
        self._read = read
        self.name, self.format = "rows", "jsonl"
        self.encoding = self.delimiter = self.sheet = None
        self.is_of_rows = True
        self.people = spec.people
        digest, found = hashlib.sha256(), set[str]()
        for row in read():
            digest.update(orjson.dumps([row.line, row.receiver_id, row.values, row.overrides]))
            found.update(row.overrides)
        self.sha256 = digest.hexdigest()
        self._choices = [name for name in CHOICES if {name, f"{name}_ms"} & found]
        self.columns = (RECEIVER_ID, *spec.columns, *self._choices)

    def rows(self) -> Iterator[Row]:
        for row in self._read():
            yield Row(row.line, (row.receiver_id, *row.values, *(_choice(row, name) for name in self._choices)))

    def close(self) -> None:
        """It has nothing of its own."""


def _choice(row: KeptRow, name: str) -> str | None:
    """A time that has passed is none: such a row is sent in its turn."""
    if name != "send_at":
        return row.overrides.get(name)
    at_ms = row.overrides.get("send_at_ms")
    at = datetime.fromtimestamp(at_ms / 1000, UTC) if at_ms else None
    return at.isoformat() if at and at > datetime.now(UTC) else None
