"""The rows of an announcement with an audience: those of its file, then the people whom no row of it names."""

from collections.abc import Collection, Iterator, Sequence

from feishu.member import SCOPES
from ledger.announcement import RECEIVER_ID
from ledger.errors import BadInput
from ledger.messages.column_names import folded
from ledger.phrases import Phrase
from producers.announcements.addressing import RowError
from producers.announcements.audience.selection import Going, Selection
from producers.announcements.recipients import Recipients, Row

__all__ = ["PeopleRows"]

#: Receivers stand in the first column by their open_ids, whatever the file named them by.
_REPLACED = (RECEIVER_ID, "user_id_type")


class PeopleRows(Recipients):
    """As `Recipients`. Lines of people follow those of the file, which whoever opened it closes.

    Of people only the fields that the message uses are columns, so that nothing else is kept of them.
    """

    is_resolved = True

    def __init__(
        self,
        file: Recipients | None,
        selection: Selection,
        *,
        names: Sequence[str],
        used: Collection[str],
        given: Collection[str],
        sha256: str,
    ) -> None:
        """`names` are the fields of the walk, in their order; `used` those that the message uses; `given` those that
        Feishu tells of somebody."""
        self._file, self._selection, self._given = file, selection, given
        self._names = [*names]
        self.name = file.name if file else "audience"
        self.format = file.format if file else "jsonl"
        self.encoding = file.encoding if file else None
        self.delimiter = file.delimiter if file else None
        self.sheet = file.sheet if file else None
        self.is_of_rows = file.is_of_rows if file else True
        self.told_as = Phrase("audience") if self.is_of_rows else None
        self.sha256 = sha256
        columns = [(at, name) for at, name in enumerate(file.columns if file else ()) if folded(name) not in _REPLACED]
        self._from_file = [at for at, _ in columns]
        own = [name for _, name in columns]
        added = [name for name in used if name not in map(folded, own)]
        self.columns = (RECEIVER_ID, *own, *added)
        #: Where the fields of people stand among the columns.
        self._places = {name: [folded(each) for each in self.columns].index(name) for name in used}
        self.people = tuple(self.columns[at] for at in sorted(self._places.values()))

    def rows(self) -> Iterator[Row]:
        if self._file:
            yield from filter(None, map(self._of_file, self._file.rows()))
            self.typed_lines = self._file.typed_lines
        first = line = self._selection.last_line() + 1
        for line, going in enumerate(self._selection.going(), start=first):
            values: list[str | None] = [None] * len(self.columns)
            values[0] = going.person
            self._fill(values, going)
            yield Row(line, tuple(values))
        self.people_lines = (first, line)

    def lacking(self, row: Row, name: str) -> Phrase:
        """Raises BadInput for a field that Feishu tells of nobody: every row would have the same problem."""
        if row.line <= self._selection.last_line():
            return super().lacking(row, name)
        if problem := not_told(name, self._given):
            raise BadInput("message", problem)
        return Phrase("has no value for {id}, but the message needs one", id=row.values[0])

    def fields_of(self, person: Going) -> dict[str, str]:
        """What a message may say of a person, as far as it uses it."""
        fields = self._fields(person)
        return {RECEIVER_ID: person.person, **{name: fields[name] for name in self._places if fields[name]}}

    def name_of(self, person: Going) -> str:
        return self._fields(person).get("name", "")

    def close(self) -> None:
        """It has nothing of its own."""

    def _of_file(self, row: Row) -> Row | None:
        """None for somebody who is left out."""
        found = self._selection.named(row.line)
        if isinstance(found, RowError):
            cells = tuple(row.values[at] for at in self._from_file) if row.values else ()
            return Row(row.line, (None, *cells), found.problem, found.column, (), row.text)
        if self._selection.is_left_out(found):
            return None
        values: list[str | None] = [found, *(row.values[at] for at in self._from_file)]
        values += [None] * (len(self.columns) - len(values))
        if known := self._selection.known(found):
            self._fill(values, known)
        places = {at: place for place, at in enumerate(self._from_file, start=1)}
        unusable = tuple((places[at], problem) for at, problem in row.unusable if at in places)
        return Row(row.line, tuple(values), unusable=unusable)

    def _fill(self, values: list[str | None], person: Going) -> None:
        """What the file says counts first."""
        fields = self._fields(person)
        for name, at in self._places.items():
            values[at] = values[at] or fields[name] or None

    def _fields(self, person: Going) -> dict[str, str]:
        names = [name for name in self._names if name != "department"]
        return {**dict(zip(names, person.values, strict=True)), "department": person.department}


def not_told(name: str, given: Collection[str]) -> Phrase | None:
    """Why nobody has this field, if it is one of people and nobody has it."""
    field = folded(name)
    if field not in SCOPES or field in given:
        return None
    return Phrase(
        "needs {name}, which Feishu returned for nobody here: grant the app the scope {scope}, unless nobody has one",
        name=field,
        scope=SCOPES[field],
    )
