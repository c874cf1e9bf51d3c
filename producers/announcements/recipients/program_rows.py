"""Rows that a program has, as a recipients file."""

import tempfile
from collections.abc import Iterable, Mapping

import orjson

from ledger.errors import BadInput
from producers.announcements.recipients.source import Source

__all__ = ["source_of_rows"]


def source_of_rows(rows: Iterable[Mapping[str, str]]) -> Source:
    """The rows as JSONL, on disk until closed: the line of a row is its number. Raises BadInput."""
    with tempfile.TemporaryFile() as file:
        for number, row in enumerate(rows, start=1):
            try:
                file.write(orjson.dumps(dict(row)) + b"\n")
            except (TypeError, ValueError):  # orjson's error is a TypeError; dict() has both
                raise BadInput(f"rows[{number - 1}]", "must be a mapping of names to texts") from None
        file.seek(0)
        return Source.spooled(file, "rows")
