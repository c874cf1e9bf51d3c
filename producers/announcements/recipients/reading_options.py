"""What a person says about how a recipients file is to be read, and what is told of a workbook that was read."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self

from ledger.errors import BadInput
from ledger.phrases import Phrase

__all__ = ["HiddenRows", "ReadingOptions", "Sheet"]


class HiddenRows(StrEnum):
    """Rows of a sheet that Excel does not show: whoever filtered the list means what they see, or forgot the filter."""

    SKIP = "skip"
    INCLUDE = "include"


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """None: not said."""

    hidden: HiddenRows | None = None

    @classmethod
    def take(cls, given: dict[str, Any]) -> Self:
        """Takes its members out of the arguments of an announcement. Raises BadInput."""
        hidden = given.pop("hidden", None)
        try:
            return cls(hidden=HiddenRows(hidden) if hidden is not None else None)
        except ValueError:
            pass
        raise BadInput("hidden", Phrase("must be one of {choices}", choices=", ".join(HiddenRows)))

    def as_json(self) -> Mapping[str, str]:
        """Only what was said."""
        return {"hidden": self.hidden.value} if self.hidden else {}


class Sheet(NamedTuple):
    """Which sheet of a workbook was read."""

    name: str
    others: tuple[str, ...]  #: the sheets that were not read
    hidden_rows: int  #: rows with something in them that Excel does not show
