"""Rows whose messages are shown: the first, the one with the longest content and the last, of those that are sent."""

import heapq
from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from producers.announcements.check_store import CheckStore

__all__ = ["SampleRows"]

#: Kept of the longest, and of the last: which of them are duplicates is known at the end of the file alone.
_KEPT = 50


class _Seen(NamedTuple):
    length: int
    before: int  #: minus its line: of two as long, the one that came first is the longer
    values: Mapping[str, str]

    @property
    def line(self) -> int:
        return -self.before


class SampleRows:
    """For one check."""

    def __init__(self) -> None:
        self._first: _Seen | None = None
        self._longest: list[_Seen] = []
        self._last: deque[_Seen] = deque(maxlen=_KEPT)

    def see(self, line: int, values: Mapping[str, str], length: int) -> None:
        """A row that was found to be right, in the order of the lines."""
        seen = _Seen(length, -line, values)
        self._first = self._first or seen
        self._last.append(seen)
        if len(self._longest) < _KEPT:
            heapq.heappush(self._longest, seen)
        elif length > self._longest[0].length:
            heapq.heapreplace(self._longest, seen)

    def of(self, findings: CheckStore) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Lines and values, without the duplicates that are left out."""
        candidates = {seen.line: seen for seen in (self._first, *self._longest, *self._last) if seen}
        sent = [candidates[line] for line in findings.kept_among(candidates)]
        if not sent:
            return
        by_line = sorted(sent, key=lambda seen: seen.line)
        shown = {seen.line: seen.values for seen in (by_line[0], max(sent), by_line[-1])}
        yield from sorted(shown.items())
