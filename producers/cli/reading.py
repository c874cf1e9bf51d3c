"""Reading a recipients file where a person can follow it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from producers.announcements.recipients import Recipients, Row
from producers.cli.tables import progress

__all__ = ["ToldRecipients"]

#: Rows between two updates of the progress line.
_TOLD_ROWS = 1000


class ToldRecipients(Recipients):
    """Recipients that count their rows on a terminal, where they are told to."""

    _tell: Callable[[int], None] | None = None

    @contextmanager
    def told(self, doing: str) -> Iterator[None]:
        """While the body runs, a line counts the rows that are read."""
        with progress(f"{doing} {self.name}") as status:
            if status:
                self._tell = lambda rows: status.update(f"{doing} {self.name}: {rows:,} rows")
            try:
                yield
            finally:
                self._tell = None

    def rows(self) -> Iterator[Row]:
        return super().rows() if self._tell is None else self._counted(self._tell)

    def _counted(self, tell: Callable[[int], None]) -> Iterator[Row]:
        for number, row in enumerate(super().rows(), start=1):
            if number % _TOLD_ROWS == 0:
                tell(number)
            yield row
