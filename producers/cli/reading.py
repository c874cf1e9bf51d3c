"""Reading a recipient file, with progress on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.phrases import Phrase
from producers.announcements.recipients import Recipients, Row
from producers.announcements.recipients.reading_options import ReadingOptions
from producers.cli.tables import progress

__all__ = ["RecipientsFile"]

#: Rows between two updates of the progress line.
_TOLD_ROWS = 1000


class RecipientsFile:
    """The file at a path, or stdin for `-`, whose rows are counted on a terminal while `told` runs. None: there is only
    an audience, which is walked meanwhile."""

    def __init__(self, path: str | None) -> None:
        self.path = path
        self.tell: Callable[[int], None] | None = None
        self._show: Callable[[str], None] = lambda _: None

    def open(self, options: ReadingOptions) -> Recipients:
        """Raises BadInput."""
        recipients = _CountedRecipients.open(self.path or "-", options=options)
        recipients.file = self
        return recipients

    def walked(self, people: int, answered: int, known: int) -> None:
        """How far the walk through the contacts is."""
        found = Phrase("{n:,} person | {n:,} people", n=people)
        self._show(f"reading the contacts: {found} found, {answered:,} of {known:,} calls or more")

    @contextmanager
    def told(self, doing: str) -> Iterator[None]:
        """While the body runs, a line counts the rows that are read."""
        what = f"{doing} {self._name}"
        with progress(what) as status:
            if status:
                self._show = status.update
                self.tell = lambda rows: status.update(f"{what}: {Phrase('{n:,} row | {n:,} rows', n=rows)}")
            try:
                yield
            finally:
                self.tell, self._show = None, lambda _: None

    @property
    def _name(self) -> str:
        if self.path is None:
            return "the audience"
        return "stdin" if self.path == "-" else Path(self.path).name


class _CountedRecipients(Recipients):
    file: RecipientsFile

    def rows(self) -> Iterator[Row]:
        return super().rows() if self.file.tell is None else self._counted(self.file.tell)

    def _counted(self, tell: Callable[[int], None]) -> Iterator[Row]:
        for number, row in enumerate(super().rows(), start=1):
            if number % _TOLD_ROWS == 0:
                tell(number)
            yield row
