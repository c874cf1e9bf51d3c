"""The contact endpoints: each answers a call that passed the gateway, or raises RefusalError."""

from collections.abc import Callable, Sequence
from typing import Any

from sandbox.answers import Answer, RefusalError, success
from sandbox.calls import Call
from sandbox.contacts.directory import DYNAMIC, NORMAL, ROOT, Department, Directory, Group, Person
from sandbox.contacts.pages import Pager, whole_number
from sandbox.contacts.profiles import Profiles
from sandbox.contacts.refusals import (
    DEPARTMENT_UNKNOWN,
    GROUP_INVALID,
    MEMBER_ID,
    MEMBER_ID_TYPE,
    MEMBER_PAIR,
    MEMBER_TYPE,
    NO_DEPARTMENT,
    NO_GROUP,
    NO_PERSON,
    NO_PERSON_OF_GROUP,
    PARAMETER,
    TOO_DEEP,
    USER_INVALID,
)
from sandbox.contacts.visibility import Range, Scopes
from sandbox.people import ID_TYPES, PREFIXES, id_part
from sandbox.queries import Query, id_type_of, last_value, query_of
from sandbox.refusals import FIELD_INVALID, ID_NOT_FOUND

__all__ = ["Contacts"]

#: Of ids, mail addresses, and mobile numbers each.
_MOST_IN_A_CALL = 50
#: The scope that brings the people of a range.
_PEOPLE_OF_RANGE = "contact:user.employee_id:readonly"
_DEPARTMENT_ID_TYPES = ("open_department_id", "department_id")


class Contacts:
    """`range` and `scopes` may be set at any time: an admin changes them too."""

    def __init__(
        self,
        directory: Directory,
        contact_range: Range,
        scopes: Scopes,
        *,
        recursion_limit: int | None,
        page_tokens_live_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        """`recursion_limit` is how many departments `fetch_child` returns at most, None for any number."""
        self.directory, self.range, self.scopes = directory, contact_range, scopes
        self._recursion_limit = recursion_limit
        self._pager = Pager(page_tokens_live_seconds, clock)

    def find_users(self, call: Call) -> Answer:
        """`users/batch_get_id`: one entry for each address and number, mails first."""
        id_type, document = id_type_of(query_of(call.query)), call.document
        if not isinstance(document, dict):
            raise RefusalError(FIELD_INVALID, "the body is not a JSON object")
        for name in ("emails", "mobiles"):
            if not _are_contacts(document.get(name)):
                raise RefusalError(FIELD_INVALID, f"{name} must be a list of at most {_MOST_IN_A_CALL} strings")
        with_resigned = document.get("include_resigned") is True
        found = [("email", mail, self.directory.by_mail(mail)) for mail in document.get("emails") or ()]
        found += [("mobile", number, self.directory.by_mobile(number)) for number in document.get("mobiles") or ()]
        return success(
            {
                "user_list": [
                    {field: address} | self._found(person, id_type, with_resigned=with_resigned)
                    for field, address, person in found
                ]
            }
        )

    def show_user(self, call: Call) -> Answer:
        query = query_of(call.query)
        person_id = id_part(_last_part(call), id_type_of(query))
        if person_id is None:
            raise RefusalError(USER_INVALID)
        person = self.directory.person(person_id)
        if person is None:
            raise RefusalError(ID_NOT_FOUND)
        if not self._sees(person):
            raise RefusalError(NO_PERSON)
        return success({"user": self._profiles(query).of_person(person)})

    def show_users(self, call: Call) -> Answer:
        """`users/batch`: people who are unknown or out of range are left out."""
        query = query_of(call.query)
        profiles, id_type = self._profiles(query), id_type_of(query)
        person_ids = (id_part(any_id, id_type) for any_id in _ids(query, "user_ids"))
        people = (self.directory.person(person_id) for person_id in dict.fromkeys(person_ids) if person_id)
        return success({"items": [profiles.of_person(person) for person in people if person and self._sees(person)]})

    def list_department_users(self, call: Call) -> Answer:
        """`users/find_by_department`: the direct members alone."""
        query = query_of(call.query)
        asked = last_value(query, "department_id")
        if not asked:
            raise RefusalError(FIELD_INVALID, "department_id is required")
        open_id = self._visible_department(asked, query)
        shown, more = self._page(call, query, self.directory.members.get(open_id, ()), usual=10, most=50)
        profiles, people = self._profiles(query), filter(None, map(self.directory.person, shown))
        return success(more | {"items": [profiles.of_person(person) for person in people]})

    def show_department(self, call: Call) -> Answer:
        query = query_of(call.query)
        asked = _last_part(call)
        if asked != ROOT and self.directory.department(asked, _department_id_type(query)) is None:
            raise RefusalError(DEPARTMENT_UNKNOWN)
        open_id = self._visible_department(asked, query)
        return success({"department": self._profiles(query).of_department(self._department(open_id))})

    def list_children(self, call: Call) -> Answer:
        """`departments/:id/children`: one level, or with `fetch_child` all; the department itself is not among them."""
        query = query_of(call.query)
        open_id = self._visible_department(call.path.split("/")[-2], query)
        if last_value(query, "fetch_child") != "true":
            below: Sequence[Department] = self.directory.children(open_id)
        else:
            below = self.directory.below(open_id)
            if self._recursion_limit is not None and len(below) > self._recursion_limit:
                raise RefusalError(TOO_DEEP)
        departments, more = self._page(call, query, below, usual=10, most=50)
        profiles = self._profiles(query)
        return success(more | {"items": [profiles.of_department(department) for department in departments]})

    def show_departments(self, call: Call) -> Answer:
        """`departments/batch`: departments that are unknown or out of range are left out."""
        query = query_of(call.query)
        id_type, profiles = _department_id_type(query), self._profiles(query)
        asked = (self.directory.department(any_id, id_type) for any_id in dict.fromkeys(_ids(query, "department_ids")))
        visible = (one for one in asked if one and self.range.has_department(self.directory, one.open_id))
        return success({"items": [profiles.of_department(department) for department in visible]})

    def list_groups(self, call: Call) -> Answer:
        """`group/simplelist`: of one type, by default normal groups."""
        query = query_of(call.query)
        kind = _group_kind(query, "type")
        groups = [
            group for group in self.directory.groups.values() if group.kind == kind and self.range.has_group(group)
        ]
        shown, more = self._page(call, query, groups, usual=50, most=100)
        return success(more | {"grouplist": [_group_fields(group) for group in shown]})

    def show_group(self, call: Call) -> Answer:
        return success({"group": _group_fields(self._visible_group(_last_part(call)))})

    def list_group_members(self, call: Call) -> Answer:
        query = query_of(call.query)
        group = self._visible_group(call.path.split("/")[-3])
        member_type = last_value(query, "member_type") or "user"
        if member_type not in ("user", "department"):
            raise RefusalError(MEMBER_TYPE)
        member_ids = self._member_ids(group, member_type, last_value(query, "member_id_type") or "open_id")
        shown, more = self._page(call, query, member_ids, usual=50, most=100)
        return success(more | {"memberlist": [{"member_id": one, "member_type": member_type} for one in shown]})

    def list_groups_of_member(self, call: Call) -> Answer:
        """`group/member_belong`: the groups in which the person is a member by himself."""
        query = query_of(call.query)
        id_type = last_value(query, "member_id_type") or "open_id"
        if id_type not in ID_TYPES:
            raise RefusalError(MEMBER_ID_TYPE)
        person_id = id_part(last_value(query, "member_id") or "", id_type)
        person = self.directory.person(person_id) if person_id else None
        if person is None:
            raise RefusalError(MEMBER_ID)
        if not self._sees(person):
            raise RefusalError(NO_PERSON_OF_GROUP)
        kind = _group_kind(query, "group_type") if "group_type" in query else None
        groups = [self.directory.groups[group_id] for group_id in self.directory.groups_of.get(person.id, ())]
        ids = [group.id for group in groups if kind in (None, group.kind)]
        shown, more = self._page(call, query, ids, usual=500, most=1000)
        return success(more | {"group_list": list(shown)})

    def show_range(self, call: Call) -> Answer:
        """`scopes`: what the range names; where it is everybody, the top departments, people of the root and groups."""
        query = query_of(call.query)
        prefix, id_type = PREFIXES[id_type_of(query)], _department_id_type(query)
        people, departments, groups = self._named()
        department_ids = [self._department_id(open_id, id_type) for open_id in departments]
        rows = [("user_ids", prefix + person_id) for person_id in people if _PEOPLE_OF_RANGE in self.scopes.granted]
        rows += [("department_ids", any_id) for any_id in department_ids]
        rows += [("group_ids", group_id) for group_id in groups]
        shown, more = self._page(call, query, rows, usual=50, most=100)
        names = ["department_ids", "group_ids"]
        if _PEOPLE_OF_RANGE in self.scopes.granted:
            names.insert(0, "user_ids")
        return success(more | {name: [value for of, value in shown if of == name] for name in names})

    def _found(self, person: Person | None, id_type: str, *, with_resigned: bool) -> dict[str, Any]:
        """The id and status of someone found by an address; empty for each reason not to name him."""
        if person is None or not self._sees(person) or (person.status == "resigned" and not with_resigned):
            return {}
        status = Profiles.status_of(person)
        return {"user_id": PREFIXES[id_type] + person.id} | self.scopes.of_person({"status": status})

    def _sees(self, person: Person) -> bool:
        return self.range.has_person(self.directory, person)

    def _visible_department(self, any_id: str, query: Query) -> str:
        """The open id. Raises RefusalError for what is out of range, which an unknown department always is."""
        known = self.directory.department(any_id, _department_id_type(query))
        open_id = ROOT if any_id == ROOT else known.open_id if known else None
        if open_id is None or not self.range.has_department(self.directory, open_id):
            raise RefusalError(NO_DEPARTMENT)
        return open_id

    def _visible_group(self, group_id: str) -> Group:
        group = self.directory.groups.get(group_id)
        if group is None:
            raise RefusalError(GROUP_INVALID)
        if not self.range.has_group(group):
            raise RefusalError(NO_GROUP)
        return group

    def _member_ids(self, group: Group, member_type: str, id_type: str) -> list[str]:
        if id_type not in (*ID_TYPES, "department_id"):
            raise RefusalError(MEMBER_ID_TYPE, "give open_id for Feishu's ids, of people or of departments")
        if id_type not in (ID_TYPES if member_type == "user" else ("open_id", "department_id")):
            raise RefusalError(MEMBER_PAIR)
        if member_type == "user":
            return [PREFIXES[id_type] + person_id for person_id in group.people]
        own = id_type == "department_id"
        return [self._department_id(one, "department_id" if own else "open_department_id") for one in group.departments]

    def _named(self) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
        if not self.range.everybody:
            return sorted(self.range.people), sorted(self.range.departments), sorted(self.range.groups)
        tops = [department.open_id for department in self.directory.children(ROOT)]
        return self.directory.members.get(ROOT, ()), tops, list(self.directory.groups)

    def _department(self, open_id: str) -> Department:
        return self.directory.departments.get(open_id) or Department(ROOT, ROOT, "")

    def _department_id(self, open_id: str, id_type: str) -> str:
        return open_id if id_type == "open_department_id" else self._department(open_id).own_id

    def _profiles(self, query: Query) -> Profiles:
        return Profiles(self.directory, self.scopes, id_type_of(query), _department_id_type(query))

    def _page(
        self, call: Call, query: Query, rows: Sequence[Any], *, usual: int, most: int
    ) -> tuple[Sequence[Any], dict[str, Any]]:
        return self._pager.page(call.path, query, rows, usual=usual, most=most)


def _last_part(call: Call) -> str:
    return call.path.rpartition("/")[2]


def _department_id_type(query: Query) -> str:
    id_type = last_value(query, "department_id_type") or "open_department_id"
    if id_type not in _DEPARTMENT_ID_TYPES:
        raise RefusalError(FIELD_INVALID, f"department_id_type must be {' or '.join(_DEPARTMENT_ID_TYPES)}")
    return id_type


def _group_kind(query: Query, name: str) -> int:
    kind = whole_number(query, name, NORMAL)
    if kind not in (NORMAL, DYNAMIC):
        raise RefusalError(PARAMETER if name == "type" else MEMBER_TYPE, f"{name} must be 1 or 2")
    return kind


def _ids(query: Query, name: str) -> list[str]:
    ids = query.get(name, [])
    if not 1 <= len(ids) <= _MOST_IN_A_CALL:
        raise RefusalError(FIELD_INVALID, f"{name} must be there 1 to {_MOST_IN_A_CALL} times, as repeated keys")
    return ids


def _are_contacts(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, list) and len(value) <= _MOST_IN_A_CALL and all(isinstance(item, str) for item in value)


def _group_fields(group: Group) -> dict[str, Any]:
    """`id` is what the other calls take; `group_id` is another."""
    return {
        "id": group.id,
        "name": group.name,
        "description": "",
        "member_user_count": len(group.people),
        "member_department_count": len(group.departments),
        "type": group.kind,
        "department_scope_list": [],
        "group_id": f"og-{group.id}",
    }
