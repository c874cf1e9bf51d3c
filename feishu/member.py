"""A person as the contact API tells of them: their id, whether they can be reached, what a message may say of them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

__all__ = ["SCOPES", "Member", "Standing", "member_of"]

_BASE, _EMPLOYEE = "contact:user.base:readonly", "contact:user.employee:readonly"
#: What a message may say of a person, and the scope that brings it. Without the scope the field is absent from every
#: answer, and nothing else tells so.
SCOPES: Mapping[str, str] = {
    "name": _BASE,
    "en_name": _BASE,
    "email": "contact:user.email:readonly",
    "mobile": "contact:user.phone:readonly",
    "employee_no": _EMPLOYEE,
    "job_title": _EMPLOYEE,
    "city": _EMPLOYEE,
    "department": "contact:department.base:readonly",
}


class Standing(StrEnum):
    """Why a person cannot be reached; the first that is true counts."""

    RESIGNED = "resigned"  #: or has left the company's Feishu, which becomes a resignation after a while
    FROZEN = "frozen"  #: paused by an administrator
    NOT_JOINED = "not_joined"  #: invited, and never signed in
    HERE = "here"


class Member(NamedTuple):
    """`standing` is None where the app lacks the scope for it. Of `values` a name is missing that was not given."""

    open_id: str
    standing: Standing | None
    values: Mapping[str, str]
    departments: tuple[str, ...]
    mailbox: str = ""  #: enterprise mailbox; Feishu finds nobody by it
    has_user_id: bool = False  #: the app has the scope for this id, which the list of people in a range needs too


def member_of(row: Mapping[str, Any]) -> Member | None:
    """None when the row has no open_id, as no answer should be."""
    open_id, departments = row.get("open_id"), row.get("department_ids")
    if not isinstance(open_id, str) or not open_id:
        return None
    values = {name: _text(row[name]) for name in SCOPES if name in row and name != "department"}
    listed = departments if isinstance(departments, list) else []
    homes = tuple(id for id in listed if isinstance(id, str))
    mailbox = _text(row.get("enterprise_email"))
    return Member(open_id, _standing(row.get("status")), values, homes, mailbox, "user_id" in row)


def _standing(status: Any) -> Standing | None:
    if not isinstance(status, dict) or not status:
        return None
    if status.get("is_resigned") is True or status.get("is_exited") is True:
        return Standing.RESIGNED
    if status.get("is_frozen") is True:
        return Standing.FROZEN
    if status.get("is_unjoin") is True or status.get("is_activated") is False:
        return Standing.NOT_JOINED
    return Standing.HERE


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
