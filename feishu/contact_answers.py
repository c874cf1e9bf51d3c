"""The lists in the answers of the contact API. A row that cannot be read is an error: no list may be short unseen."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from feishu.api import misshapen
from feishu.verdict import AskFailed, Verdict

__all__ = [
    "Department",
    "Group",
    "GroupKind",
    "Page",
    "department_of",
    "group_of",
    "next_page",
    "object_of",
    "page_of",
    "text_of",
]

GroupKind = Literal["normal", "dynamic"]
ItemT = TypeVar("ItemT")


class Page(NamedTuple, Generic[ItemT]):
    """`token` leads to the next page; None on the last."""

    items: tuple[ItemT, ...]
    token: str | None


class Department(NamedTuple):
    """Names and counts are None where the app lacks the scope for them."""

    id: str
    name: str | None
    parent: str | None
    member_count: int | None  #: with those of all departments below
    is_deleted: bool


class Group(NamedTuple):
    """A user group of Feishu's."""

    id: str
    name: str | None
    kind: GroupKind
    user_count: int | None
    department_count: int | None


def page_of(
    data: Mapping[str, Any], name: str, verdict: Verdict, read: Callable[[Mapping[str, Any]], ItemT | None]
) -> Page[ItemT]:
    """Raises AskFailed when a row, or the way to the next page, cannot be read. An empty list may be left out."""
    rows = data.get(name) or []
    items = [read(row) if isinstance(row, dict) else None for row in rows] if isinstance(rows, list) else [None]
    readable = tuple(item for item in items if item is not None)
    if len(readable) < len(items):
        raise AskFailed(misshapen(verdict))
    return Page(readable, next_page(data, verdict))


def next_page(data: Mapping[str, Any], verdict: Verdict) -> str | None:
    """The token of the next page; None when this is the last. Raises AskFailed when the way there is lost."""
    if data.get("has_more") is not True:
        return None
    token = text_of(data, "page_token")
    if token is None:
        raise AskFailed(misshapen(verdict))
    return token


def department_of(row: Mapping[str, Any]) -> Department | None:
    id, status = text_of(row, "open_department_id"), row.get("status")
    if id is None:
        return None
    is_deleted = isinstance(status, dict) and status.get("is_deleted") is True
    names = text_of(row, "name"), text_of(row, "parent_department_id")
    return Department(id, *names, _count(row, "member_count"), is_deleted)


def group_of(row: Mapping[str, Any], kind: GroupKind) -> Group | None:
    id = text_of(row, "id")
    counts = _count(row, "member_user_count"), _count(row, "member_department_count")
    return Group(id, text_of(row, "name"), kind, *counts) if id else None


def object_of(data: Mapping[str, Any], name: str, verdict: Verdict) -> Mapping[str, Any]:
    """Raises AskFailed."""
    found = data.get(name)
    if not isinstance(found, dict):
        raise AskFailed(misshapen(verdict))
    return found


def text_of(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    return value if isinstance(value, str) and value else None


def _count(row: Mapping[str, Any], name: str) -> int | None:
    value = row.get(name)
    return value if type(value) is int else None
