"""What a tool would post, as it is given on the command line: a file or stdin, and headers."""

import sys
from pathlib import Path

from ledger.errors import BadInput
from ledger.phrases import Phrase, system_problem
from producers.hooks.hook_request import MOST_BYTES

__all__ = ["body_of", "header_of"]


def header_of(written: str) -> tuple[str, str]:
    name, colon, value = written.partition(":")
    if not colon or not name.strip():
        raise BadInput("header", Phrase("must be written as NAME:VALUE"))
    return name.strip(), value.strip()


def body_of(path: Path) -> bytes:
    """One byte more than is allowed at most: the hook then says that it is too much."""
    if str(path) == "-":
        if sys.stdin.isatty():
            raise BadInput("FILE", Phrase("is missing: name a file with what the tool posts, or pipe it in"))
        return sys.stdin.buffer.read(MOST_BYTES + 1)
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadInput(
            "FILE", Phrase("{path} cannot be read: {problem}", path=str(path), problem=system_problem(error))
        ) from error
