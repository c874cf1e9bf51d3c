"""The query of a call."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import parse_qs

from sandbox.answers import RefusalError
from sandbox.people import ID_TYPES
from sandbox.refusals import FIELD_INVALID

__all__ = ["Query", "id_type_of", "last_value", "query_of"]

Query = Mapping[str, list[str]]


@lru_cache(1024)
def query_of(text: str) -> Query:
    return MappingProxyType(parse_qs(text, keep_blank_values=True))


def last_value(query: Query, name: str) -> str | None:
    return query[name][-1] if name in query else None


def id_type_of(query: Query) -> str:
    """The `user_id_type`. Raises RefusalError."""
    id_type = last_value(query, "user_id_type") or "open_id"
    if id_type not in ID_TYPES:
        raise RefusalError(FIELD_INVALID, "user_id_type must be open_id, union_id or user_id")
    return id_type
