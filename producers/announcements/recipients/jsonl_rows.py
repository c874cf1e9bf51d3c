"""Rows of a JSONL file: one object per line. The columns are the names of all objects, in order of first use."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ledger.errors import BadInput
from ledger.messages.json_fields import LONE_SURROGATE, kind_of
from ledger.messages.strict_json import NameTwiceError, object_of, syntax_problem
from ledger.phrases import Phrase
from producers.announcements.recipients.bounds import CELL_CHARACTERS, MOST_COLUMNS, cell_problem
from producers.announcements.recipients.encoding import codec_of, encoding_of
from producers.announcements.recipients.header import checked_columns
from producers.announcements.recipients.reading_options import ReadingOptions
from producers.announcements.recipients.row import Row, place
from producers.announcements.recipients.source import Source

__all__ = ["JsonlRows"]

_SURROGATE = re.compile("[\ud800-\udfff]")


def _no_number(_: str) -> Any:
    raise ValueError


#: Numbers stay as they are written: an id of twenty digits, and the last zero of 1.50, would be lost in a float.
_DECODER = json.JSONDecoder(
    parse_float=str, parse_int=str, parse_constant=_no_number, object_pairs_hook=object_of, strict=False
)


class JsonlRows:
    """Raises BadInput when it is built from a file without an object that names a receiver."""

    delimiter = None
    sheet = None

    def __init__(self, source: Source, options: ReadingOptions) -> None:
        self._source = source
        self.encoding = encoding_of(source, options.encoding)
        self.columns = self._all_columns(options.address_column)

    def rows(self) -> Iterator[Row]:
        """A line that is wrong by itself says so in its problem."""
        for line, found in self._objects():
            yield self._row(line, found) if isinstance(found, dict) else Row(line, (), found.problem, text=found.text)

    def _row(self, line: int, found: dict[str, Any]) -> Row:
        values: tuple[Any, ...] = tuple(map(found.get, self.columns))
        if all(type(value) is str for value in values):
            content = "".join(values)
            if len(content) <= CELL_CHARACTERS and not _SURROGATE.search(content):
                return Row(line, values)
        texts = tuple(_text(value) for value in values)
        for column, value, text in zip(self.columns, values, texts, strict=True):
            if problem := _problem(value, text):
                return Row(line, tuple(_printable(each) for each in texts), problem, column)
        return Row(line, texts)

    def _all_columns(self, address_column: str | None) -> tuple[str, ...]:
        names: dict[str, None] = {}
        first_problem = None
        for line, found in self._objects():
            if isinstance(found, _Unreadable):
                first_problem = first_problem or (line, found.problem)
            else:
                names.update(dict.fromkeys(found))
                if len(names) > MOST_COLUMNS:
                    problem = Phrase("brings the file to more than {most:,} different names", most=MOST_COLUMNS)
                    raise BadInput(place(line), problem)
        if names:
            return self._as_written(checked_columns(tuple(names), 1, self._source.name, address_column), tuple(names))
        if first_problem:
            raise BadInput(place(first_problem[0]), first_problem[1])
        raise BadInput(self._source.name, Phrase("is empty: each line must be an object with a receiver_id"))

    def _as_written(self, columns: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
        blanks = next((name for name, column in zip(names, columns, strict=True) if name != column), None)
        if blanks is not None:
            raise BadInput(self._source.name, Phrase("has spaces around the name {name}", name=repr(blanks)))
        return columns

    def _objects(self) -> Iterator[tuple[int, "dict[str, Any] | _Unreadable"]]:
        """Each line that is not blank: its number and its object, or what is wrong with it."""
        with self._source.text(codec_of(self.encoding)) as text:
            try:
                for line, content in enumerate(text, start=1):
                    if not content.isspace():
                        written = content.removeprefix("\ufeff").strip()
                        found = _parsed(written)
                        yield line, _Unreadable(found, written) if isinstance(found, Phrase) else found
            except UnicodeDecodeError:
                raise self._source.changed() from None


class _Unreadable(NamedTuple):
    problem: Phrase
    text: str


def _parsed(content: str) -> dict[str, Any] | Phrase:
    try:
        found = _DECODER.decode(content)
    except json.JSONDecodeError as error:
        return Phrase(
            "is not valid JSON: {problem} (column {column})", problem=syntax_problem(error), column=error.colno
        )
    except NameTwiceError:
        return Phrase("has the same name twice in its object")
    except (RecursionError, ValueError):
        return Phrase("is not readable JSON")
    if isinstance(found, dict):
        return found
    return Phrase('must be an object such as {{"receiver_id": …}}, not {kind}', kind=kind_of(found))


def _text(value: Any) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
    return value if isinstance(value, str) else None


def _problem(value: Any, text: str | None) -> Phrase | None:
    if isinstance(value, dict | list):
        return Phrase("must be a text, a number, true or false, not {kind}", kind=kind_of(value))
    if text != _printable(text):
        return LONE_SURROGATE
    return cell_problem(text) if text else None


def _printable(text: str | None) -> str | None:
    return text.encode("utf-8", "replace").decode() if text else text
