"""Reading an operator's TOML file within limits, with one-line errors."""

import re
import tomllib
from pathlib import Path
from typing import Any

from ledger.errors import BadInput
from ledger.phrases import Phrase, system_problem

__all__ = ["parse_toml", "read_toml"]

#: More than a thousand desks, hooks or rows of codes.
_FILE_BYTES = 1024 * 1024


#: What tomllib says, and of which place.
_PLACE = re.compile(r"(.*) \(at line (\d+), column (\d+)\)", re.DOTALL)


def read_toml(path: Path, where: str) -> dict[str, Any]:
    """Raises BadInput under `where`, naming the file."""
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES + 1)
    except OSError as error:
        raise BadInput(
            where, Phrase("{path} cannot be read: {problem}", path=str(path), problem=system_problem(error))
        ) from None
    if len(data) > _FILE_BYTES:
        raise BadInput(where, Phrase("{path} has more than {most:,} bytes", path=str(path), most=_FILE_BYTES))
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        problem = Phrase("is not UTF-8 text (byte {at:,})", at=error.start)
    else:
        return parse_toml(text, str(path), where)
    # Raised outside the except clause: the error holds the file, with its secrets.
    raise BadInput(where, Phrase("{name} {problem}", name=str(path), problem=problem))


def _syntax_problem(told: str) -> Phrase:
    if place := _PLACE.fullmatch(told):
        words, line, column = place.groups()
        return Phrase("is not TOML: {said} (at line {line}, column {column})", said=words, line=line, column=column)
    return Phrase("is not TOML: {said}", said=told)


def parse_toml(text: str, name: str, where: str) -> dict[str, Any]:
    """Raises BadInput under `where`, naming `name`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = _syntax_problem(str(error))
    except RecursionError:
        problem = Phrase("is nested too deeply")
    except ValueError:
        problem = Phrase("contains a number with too many digits")
    # Raised outside the except clauses: the traceback of a RecursionError has a thousand frames.
    raise BadInput(where, Phrase("{name} {problem}", name=name, problem=problem))
