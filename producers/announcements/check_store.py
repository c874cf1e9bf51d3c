"""What a check found about each line, kept on disk: a million lines must not be held in memory.

The file has no name and goes when it is closed, or when the process dies.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from producers.announcements.addressing import RowError
from producers.announcements.recipients.header import AddressKind

__all__ = ["CheckStore", "Duplicate"]

#: Written at once: the rows wait in memory until then.
_BATCH_ROWS = 1000
_SETUP = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -8000;  -- KiB when negative
CREATE TABLE kept (line INTEGER PRIMARY KEY, receiver TEXT NOT NULL, digest BLOB NOT NULL);
CREATE TABLE doubled (line INTEGER PRIMARY KEY, first_line INTEGER NOT NULL);
CREATE TABLE marked (line INTEGER PRIMARY KEY, kind TEXT NOT NULL, send_at INTEGER);
CREATE TABLE problems (line INTEGER NOT NULL, name TEXT, problem TEXT NOT NULL);
BEGIN;
"""
# Sorting once at the end is several times faster than an index that grows row by row in random order.
_FIND_DOUBLED = """
CREATE INDEX by_receiver ON kept (receiver, line);
INSERT INTO doubled
  SELECT kept.line, firsts.line
  FROM (SELECT receiver, min(line) AS line FROM kept GROUP BY receiver HAVING count(*) > 1) AS firsts
  JOIN kept ON kept.receiver = firsts.receiver AND kept.line > firsts.line;
DROP INDEX by_receiver;
"""


class Duplicate(NamedTuple):
    """A row whose receiver has an earlier row, `first_line`."""

    line: int
    first_line: int


class CheckStore:
    """Rows must be given in the order of their lines."""

    def __init__(self) -> None:
        # Whoever loads the rows may do so in another thread than the one that checked them.
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._database.executescript(_SETUP)
        self._kept: list[tuple[int, str, bytes]] = []
        self._marked: list[tuple[int, str, int | None]] = []
        self._problems: list[RowError] = []

    def keep(self, line: int, receiver_id: str, digest: bytes) -> None:
        """`digest` is of the content for this receiver."""
        self._kept.append((line, receiver_id, digest))
        if len(self._kept) == _BATCH_ROWS:
            self._flush()

    def mark(self, line: int, kind: AddressKind, send_at_ms: int | None) -> None:
        """Of a row that was kept: what named its receiver, unless that was receiver_id, and when it is sent."""
        self._marked.append((line, kind, send_at_ms))
        if len(self._marked) == _BATCH_ROWS:
            self._flush()

    def reject(self, problem: RowError) -> None:
        self._problems.append(problem)
        if len(self._problems) == _BATCH_ROWS:
            self._flush()

    def find_duplicates(self) -> None:
        """Among the rows that were kept. Call it once, after the last."""
        self._flush()
        self._database.executescript(_FIND_DOUBLED)

    def drop_duplicates(self) -> None:
        self._database.execute("DELETE FROM kept WHERE line IN (SELECT line FROM doubled)")

    def kept_count(self) -> int:
        return self._count("SELECT count(*) FROM kept")

    def duplicate_count(self) -> int:
        return self._count("SELECT count(*) FROM doubled")

    def kept(self) -> Iterator[tuple[int, str]]:
        """Line and receiver_id, in the order of the lines."""
        yield from self._database.execute("SELECT line, receiver FROM kept ORDER BY line")

    def kept_among(self, lines: Iterable[int]) -> list[int]:
        """Those that were kept, and not dropped since."""
        query = "SELECT line FROM kept WHERE line = ?"
        return [line for line in lines if self._database.execute(query, (line,)).fetchone()]

    def addressed(self) -> dict[AddressKind, int]:
        """How many of those that were kept each kind of address named."""
        counts: dict[AddressKind, int] = dict(
            self._database.execute("SELECT kind, count(*) FROM marked JOIN kept USING (line) GROUP BY kind")
        )
        by_id = self.kept_count() - sum(counts.values())
        return {"receiver_id": by_id + counts.pop("receiver_id", 0), **counts}

    def due(self, most: int) -> list[tuple[int, int]]:
        """Of those that were kept and have a time, at most so many times, and the rows that are due then or later."""
        query = "FROM marked JOIN kept USING (line) WHERE send_at IS NOT NULL"
        first, last = self._database.execute(f"SELECT min(send_at), max(send_at) {query}").fetchone()
        if first is None:
            return []
        width = max(1, -(-(last - first + 1) // most))
        grouped = f"SELECT max(send_at), count(*) {query} GROUP BY (send_at - ?) / ? ORDER BY 1 DESC"
        found, left = [], 0
        for at_ms, count in self._database.execute(grouped, (first, width)):
            left += count
            found.append((at_ms, left))
        return found[::-1]

    def duplicates(self, most: int) -> list[Duplicate]:
        rows = self._database.execute("SELECT line, first_line FROM doubled ORDER BY line LIMIT ?", (most,))
        return [Duplicate(*row) for row in rows]

    def problems(self) -> Iterator[RowError]:
        """In the order of the lines."""
        yield from (RowError(*row) for row in self._database.execute("SELECT * FROM problems ORDER BY rowid"))

    def content_hash(self) -> str:
        """Of the contents that were kept, whatever order the rows stand in. 64 hexadecimal digits."""
        count = total = 0
        for (digest,) in self._database.execute("SELECT digest FROM kept"):
            count += 1
            total += int.from_bytes(digest, "big")
        return hashlib.sha256(f"{count} {total}".encode()).hexdigest()

    def close(self) -> None:
        self._database.close()

    def _flush(self) -> None:
        self._database.executemany("INSERT INTO kept VALUES (?, ?, ?)", self._kept)
        self._database.executemany("INSERT INTO problems VALUES (?, ?, ?)", self._problems)
        self._database.executemany("INSERT INTO marked VALUES (?, ?, ?)", self._marked)
        self._kept.clear()
        self._marked.clear()
        self._problems.clear()

    def _count(self, query: str) -> int:
        found: int = self._database.execute(query).fetchone()[0]
        return found
