"""What an app may see: its contact range names people, departments and groups, its scopes calls and fields."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.answers import Refusal, RefusalError
from sandbox.contacts.directory import ROOT, Directory, Group, Person

__all__ = ["ALL_SCOPES", "Range", "Scopes", "parse_range"]

_WIDE = ("contact:contact:readonly_as_app", "contact:contact:readonly", "contact:contact:access_as_app")
_BASE = "contact:contact.base:readonly"
_EMPLOYEE = "contact:user.employee:readonly"
#: The scopes of which any one opens a call, by the kind of the call.
_OF_CALLS: Mapping[str, tuple[str, ...]] = {
    "users": ("contact:user.id:readonly",),
    "user": (_BASE, *_WIDE),
    "department_users": (_BASE, "contact:department.organize:readonly", *_WIDE),
    "users_batch": (_BASE,),
    "department": (_BASE, *_WIDE),
    "department_children": (_BASE, "contact:department.organize:readonly", *_WIDE),
    "departments_batch": (_BASE,),
    "groups": ("contact:group:readonly",),
    "group": ("contact:group:readonly",),
    "group_members": ("contact:group:readonly",),
    "member_groups": ("contact:group:readonly",),
    "scopes": (_BASE, *_WIDE[:2]),
}
#: The scopes of which any one brings a field of a person or a department; other fields come always.
_OF_FIELDS: Mapping[str, tuple[str, ...]] = {
    "user_id": ("contact:user.employee_id:readonly",),
    **dict.fromkeys(("name", "en_name", "nickname", "avatar"), ("contact:user.base:readonly", *_WIDE)),
    "email": ("contact:user.email:readonly",),
    "mobile": ("contact:user.phone:readonly",),
    **dict.fromkeys(("status", "enterprise_email", "job_title", "city"), (_EMPLOYEE, *_WIDE)),
    "employee_no": (_EMPLOYEE, "contact:user.employee_number:read", *_WIDE),
    **dict.fromkeys(("department_ids", "orders"), ("contact:user.department:readonly", *_WIDE)),
}
_OF_DEPARTMENT_FIELDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("name", "i18n_name", "department_id", "status"), ("contact:department.base:readonly", *_WIDE)),
    **dict.fromkeys(
        ("parent_department_id", "member_count", "leader_user_id"),
        ("contact:department.organize:readonly", *_WIDE),
    ),
}

#: Every scope that makes a difference here.
ALL_SCOPES = frozenset(
    scope for table in (_OF_CALLS, _OF_FIELDS, _OF_DEPARTMENT_FIELDS) for scopes in table.values() for scope in scopes
)
_DENIED_CODE = 99991672


@dataclass(frozen=True, slots=True)
class Scopes:
    """The granted ones."""

    granted: frozenset[str] = ALL_SCOPES

    def admit(self, kind: str) -> None:
        """Raises RefusalError for a call that none of the scopes opens; the answer names those that would."""
        needed = _OF_CALLS.get(kind, ())
        if needed and self.granted.isdisjoint(needed):
            msg = f"Access denied. One of the following scopes is required: [{', '.join(needed)}]"
            raise RefusalError(Refusal(400, _DENIED_CODE, msg, violations=needed))

    def of_person(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return self._kept(fields, _OF_FIELDS)

    def of_department(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return self._kept(fields, _OF_DEPARTMENT_FIELDS)

    def _kept(self, fields: Mapping[str, Any], table: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        return {
            name: value
            for name, value in fields.items()
            if name not in table or not self.granted.isdisjoint(table[name])
        }


@dataclass(frozen=True, slots=True)
class Range:
    """The contact range: everybody, or the departments with all below them, the people and the groups named."""

    everybody: bool = True
    departments: frozenset[str] = field(default=frozenset())
    people: frozenset[str] = field(default=frozenset())
    groups: frozenset[str] = field(default=frozenset())

    def has_department(self, directory: Directory, open_id: str) -> bool:
        if open_id == ROOT or self.everybody:
            return self.everybody
        return not self.departments.isdisjoint(directory.way_up(open_id))

    def has_person(self, directory: Directory, person: Person) -> bool:
        if self.everybody or person.id in self.people:
            return True
        if not self.groups.isdisjoint(directory.groups_of.get(person.id, ())):
            return True
        of_groups = {open_id for name in self.groups for open_id in directory.departments_of_group(name)}
        visible = self.departments | of_groups
        return any(not visible.isdisjoint(directory.way_up(open_id)) for open_id in person.departments)

    def has_group(self, group: Group) -> bool:
        return self.everybody or group.id in self.groups


def parse_range(text: str) -> Range:
    """Reads `all`, or `od-…`, `ou_…` and ids of groups, joined by commas; empty is nobody."""
    if text == "all":
        return Range()
    names = [name for name in text.split(",") if name]
    return Range(
        everybody=False,
        departments=frozenset(_starting(names, "od-")),
        people=frozenset(name.removeprefix("ou_") for name in _starting(names, "ou_")),
        groups=frozenset(name for name in names if not name.startswith(("od-", "ou_"))),
    )


def _starting(names: Iterable[str], prefix: str) -> list[str]:
    return [name for name in names if name.startswith(prefix)]
