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
        self._show: Callable[[Phrase], None] = lambda _: None

    def open(self, options: ReadingOptions) -> Recipients:
        """Raises BadInput."""
        recipients = _CountedRecipients.open(self.path or "-", options=options)
        recipients.file = self
        return recipients

    def walked(self, people: int, answered: int, known: int) -> None:
        """How far the walk through the contacts is."""
        self._show(
            Phrase(
                "reading the contacts: {n:,} person found, {answered:,} of {known:,} calls or more"
                " | reading the contacts: {n:,} people found, {answered:,} of {known:,} calls or more",
                n=people,
                answered=answered,
                known=known,
            )
        )

    @contextmanager
    def told(self, doing: Phrase) -> Iterator[None]:
        """While the body runs, a line counts the rows that are read."""
        with progress(doing) as update:
            if update:
                self._show = update
                self.tell = lambda rows: update(Phrase("{doing}: {n:,} row | {doing}: {n:,} rows", doing=doing, n=rows))
            try:
                yield
            finally:
                self.tell, self._show = None, lambda _: None

    @property
    def name(self) -> str:
        if self.path is None:
            return Phrase("the audience")
        return Phrase("stdin") if self.path == "-" else Path(self.path).name


class _CountedRecipients(Recipients):
    file: RecipientsFile

    def rows(self) -> Iterator[Row]:
        return super().rows() if self.file.tell is None else self._counted(self.file.tell)

    def _counted(self, tell: Callable[[int], None]) -> Iterator[Row]:
        for number, row in enumerate(super().rows(), start=1):
            if number % _TOLD_ROWS == 0:
                tell(number)
            yield row
