"""What a person says about how a recipients file is to be read, and what is told of a workbook that was read."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, NamedTuple, Self

from ledger.errors import BadInput
from ledger.phrases import Phrase

__all__ = ["HiddenRows", "ReadingOptions", "Sheet"]


#: Sheets that are not read, told by name.
_NAMED_SHEETS = 10


class HiddenRows(StrEnum):
    """Rows of a sheet that Excel does not show: whoever filtered the list means what they see, or forgot the filter."""

    SKIP = "skip"
    INCLUDE = "include"


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """None: not said."""

    hidden: HiddenRows | None = None
    encoding: str | None = None  #: of a text file, as Python names it
    address_column: str | None = None  #: the header of the column that says to whom, whatever it is called

    @classmethod
    def take(cls, given: dict[str, Any]) -> Self:
        """Takes its members out of the arguments of an announcement. Raises BadInput."""
        hidden, *texts = (given.pop(field.name, None) for field in fields(cls))
        for name, text in zip(("encoding", "address_column"), texts, strict=True):
            if text is not None and not isinstance(text, str):
                raise BadInput(name, Phrase("must be a text"))
        try:
            return cls(HiddenRows(hidden) if hidden is not None else None, *texts)
        except ValueError:
            pass
        raise BadInput("hidden", Phrase("must be one of {choices}", choices=", ".join(HiddenRows)))

    def of_rows(self) -> Self:
        """For the rows of a program, which are no file. Raises BadInput."""
        if self.encoding is not None:
            raise BadInput("encoding", Phrase("goes with a file: rows are texts already"))
        return self

    def as_json(self) -> Mapping[str, str]:
        """Only what was said."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: str(value) for name, value in said.items() if value is not None}


class Sheet(NamedTuple):
    """Which sheet of a workbook was read."""

    name: str
    others: tuple[str, ...]  #: the sheets that were not read
    hidden_rows: int  #: rows with something in them that Excel does not show

    def remarks(self, hidden: HiddenRows | None) -> list[Phrase]:
        """What somebody who looks at the workbook in Excel may not expect."""
        remarks: list[Phrase] = []
        if self.others:
            names, count = ", ".join(self.others[:_NAMED_SHEETS]), len(self.others)
            if count > _NAMED_SHEETS:
                names = Phrase("{names} and {n:,} more", names=names, n=count - _NAMED_SHEETS)
            remarks.append(
                Phrase(
                    "{n:,} other sheet is not read: {names} | {n:,} other sheets are not read: {names}",
                    n=count,
                    names=names,
                )
            )
        if self.hidden_rows:
            remarks.append(_told_hidden(self.hidden_rows, hidden))
        return remarks


def _told_hidden(rows: int, hidden: HiddenRows | None) -> Phrase:
    if hidden is HiddenRows.SKIP:
        return Phrase("{n:,} row that Excel hides is left out | {n:,} rows that Excel hides are left out", n=rows)
    return Phrase("{n:,} row that Excel hides is among them | {n:,} rows that Excel hides are among them", n=rows)
