"""The rows of a program as lines of JSON: their values are texts, or what has one text that everybody expects."""

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from enum import Enum
from typing import Any
from uuid import UUID

import orjson

from ledger.errors import BadInput
from ledger.messages.json_fields import check_json, dotted
from ledger.phrases import Phrase

__all__ = ["row_line"]

#: Exactly these: a subclass, such as pandas' NaT of datetime, may stand for something else.
_AS_JSON_HAS_THEM = frozenset({str, bool, type(None), date, datetime, time, UUID, dict, list})


def row_line(row: Mapping[str, Any], number: int) -> bytes:
    """One line of JSONL; `number` counts from 0. Raises BadInput naming the value, which it does not repeat."""
    where = f"rows[{number}]"
    values = _as_dict(row)  # sqlite3's rows are no Mapping
    if values is None or not all(isinstance(name, str) for name in values):
        raise BadInput(where, Phrase("must be a mapping of names to texts"))
    try:
        if all(type(value) is str for value in values.values()):
            return orjson.dumps(values) + b"\n"
        return orjson.dumps({name: _plain(value, dotted(where, (name,))) for name, value in values.items()}) + b"\n"
    except (TypeError, ValueError):  # orjson's error, a TypeError, does not say where it is
        check_json(values, where)
        raise BadInput(where, Phrase("must be a mapping of names to texts")) from None


def _as_dict(row: Any) -> dict[Any, Any] | None:
    try:
        return dict(row)
    except (TypeError, ValueError):
        return None


def _plain(value: Any, where: str) -> Any:
    """A number keeps all of its digits, as a text."""
    if type(value) in _AS_JSON_HAS_THEM:
        return value
    match value:
        case Enum():
            return _plain(value.value, where)
        case str():
            return str.__str__(value)
        case int():
            return _digits(value, where)
        case float() if math.isfinite(value):
            return float(value)
        case float():
            raise BadInput(where, Phrase("is not a finite number"))
    kind = type(value).__name__
    article = "an" if kind[0] in "aeiouAEIOU" else "a"
    raise BadInput(where, Phrase("must be a text, not {kind}", kind=f"{article} {kind}"))


def _digits(value: int, where: str) -> str:
    try:
        return int.__repr__(value)
    except ValueError:
        raise BadInput(where, Phrase("has too many digits")) from None
