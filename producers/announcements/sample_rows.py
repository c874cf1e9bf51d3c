"""Rows whose messages are shown: the first, the one with the longest content and the last, of those that are sent."""

import heapq
from collections import deque
from collections.abc import Iterator, Mapping

from producers.announcements.check_store import CheckStore

__all__ = ["SampleRows"]

#: Kept of the longest, and of the last: which of them are duplicates is known at the end of the file alone.
_KEPT = 50


#: Its length; minus its line, as of two as long the first one counts; its values. No line comes twice.
_Seen = tuple[int, int, Mapping[str, str]]


class SampleRows:
    """For one check."""

    def __init__(self) -> None:
        self._first: _Seen | None = None
        self._longest: list[_Seen] = []
        self._last: deque[_Seen] = deque(maxlen=_KEPT)

    def see(self, line: int, values: Mapping[str, str], length: int) -> None:
        """A row that was found to be right, in the order of the lines."""
        seen = (length, -line, values)
        self._first = self._first or seen
        self._last.append(seen)
        if len(self._longest) < _KEPT:
            heapq.heappush(self._longest, seen)
        elif length > self._longest[0][0]:
            heapq.heapreplace(self._longest, seen)

    def of(self, findings: CheckStore) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Lines and values, without the duplicates that are left out."""
        candidates = {-seen[1]: seen for seen in (self._first, *self._longest, *self._last) if seen}
        lines = sorted(findings.kept_among(candidates))
        if lines:
            longest = max(lines, key=lambda line: candidates[line][:2])
            yield from ((line, candidates[line][2]) for line in sorted({lines[0], longest, lines[-1]}))
