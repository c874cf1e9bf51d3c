"""The people, departments and user groups that the app may see: the reading calls of the contact API, page by page."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from feishu.api import FeishuApi, misshapen
from feishu.contact_answers import (
    Department,
    Group,
    GroupKind,
    Page,
    department_of,
    group_of,
    next_page,
    object_of,
    page_of,
    text_of,
)
from feishu.member import Member, member_of
from feishu.query_retry import QueryRetry
from feishu.verdict import AskFailed, Verdict
from ledger.errors import DeskbellError, FeishuFailed
from ledger.phrases import Phrase

__all__ = [
    "IDS_PER_CALL",
    "OPEN_DEPARTMENT",
    "ROOT",
    "Directory",
    "NotVisible",
    "Range",
    "StalePage",
    "TooDeep",
    "no_scope",
]

#: The department above all others, in every type of id.
ROOT = "0"
#: The most that Feishu returns on a page of people or departments.
_PAGE = 50
#: The most on a page of groups, of their members, and of the app's range.
_WIDE_PAGE = 100
#: The most ids that one call takes.
IDS_PER_CALL = 50
#: How ids of departments begin that Feishu made; those that a company made itself may not.
OPEN_DEPARTMENT = "od-"
_GROUP_TYPES: Mapping[GroupKind, int] = {"normal": 1, "dynamic": 2}
#: Codes of ids that the app may not see, and of those that lead nowhere. The same numbers mean other things elsewhere,
#: so they are read where the endpoint is known.
_NOT_VISIBLE = frozenset({40004, 40014, 41050, 42009}) | frozenset({40015, 41012, 42002, 99992351, 99992364})
_TOO_DEEP, _STALE_PAGE, _NO_SCOPE = 43010, 40012, 99991672

ItemT = TypeVar("ItemT")


class NotVisible(FeishuFailed):
    """The app may not see what has this id, or nothing has it."""


class TooDeep(FeishuFailed):
    """Too many departments are below this one to list all of them at once: ask level by level."""


class StalePage(FeishuFailed):
    """Feishu no longer knows the page token: begin with the first page."""


class Range(NamedTuple):
    """What an administrator lets the app see. What is below a department, or in a group, is not listed.

    `tells_people`: the answer has the list of people, even an empty one. Without a certain scope Feishu withholds it.
    """

    people: tuple[str, ...]
    departments: tuple[str, ...]
    groups: tuple[str, ...]
    tells_people: bool = True


class Directory:
    """Each call waits for its turn, and is repeated while that may help. Threads may share it.

    Departments are named by Feishu's ids (`od-…`). All calls raise AskFailed, and those about one id NotVisible.
    """

    def __init__(self, feishu: FeishuApi, wait: Callable[[], None], retry: QueryRetry | None = None) -> None:
        """`wait` returns when a call may be made: see `ContactPace`."""
        self._feishu = feishu
        self._wait = wait
        self._retry = retry or QueryRetry()

    def members(self, department: str, token: str | None = None) -> Page[Member]:
        """The direct members of a department. Raises StalePage."""
        about = {"department_id": department, "page_size": _PAGE}
        verdict, data = self._ask("users/find_by_department", about, token)
        return page_of(data, "items", verdict, member_of)

    def children(self, department: str, token: str | None = None, *, all_levels: bool = True) -> Page[Department]:
        """The departments below this one, without itself. Raises StalePage, TooDeep."""
        about = {"fetch_child": "true" if all_levels else "false", "page_size": _PAGE}
        verdict, data = self._ask(f"departments/{quote(department, safe='')}/children", about, token)
        return page_of(data, "items", verdict, department_of)

    def departments(self, ids: Sequence[str]) -> dict[str, Department]:
        """Those of at most 50 departments that the app may see, by the ids given: Feishu's, or the company's own."""
        found: dict[str, Department] = {}
        for id_type in ("open_department_id", "department_id"):
            if of_type := [id for id in ids if id.startswith(OPEN_DEPARTMENT) == (id_type == "open_department_id")]:
                found |= self._departments(of_type, id_type)
        return found

    def people(self, ids: Sequence[str], id_type: str = "open_id") -> dict[str, Member]:
        """Those of at most 50 people that the app may see, by the ids given."""
        types = {"user_id_type": id_type}
        asked = {**types, "user_ids": list(ids)}
        found = self._many("users/batch", asked, lambda row: _named(row, id_type, member_of(row)))
        return self._one_by_one(ids, lambda id: self._person(id, types)) if found is None else found

    def groups(self, kind: GroupKind, token: str | None = None) -> Page[Group]:
        verdict, data = self._ask("group/simplelist", {"type": _GROUP_TYPES[kind], "page_size": _WIDE_PAGE}, token)
        return page_of(data, "grouplist", verdict, lambda row: group_of(row, kind))

    def group_people(self, group: str, token: str | None = None) -> Page[str]:
        """The open_ids of its members that are people. Raises StalePage."""
        return self._group_members(group, "user", token)

    def group_departments(self, group: str, token: str | None = None) -> Page[str]:
        """Its members that are departments. Raises StalePage."""
        return self._group_members(group, "department", token)

    def range(self, token: str | None = None) -> tuple[Range, str | None]:
        """A page of the app's contact range, and the token of the next one. Raises StalePage."""
        verdict, data = self._ask("scopes", {"page_size": _WIDE_PAGE}, token)
        rows = [data.get(name) or [] for name in ("user_ids", "department_ids", "group_ids")]
        people, departments, groups = (tuple(id for id in ids if isinstance(id, str)) for ids in rows)
        return Range(people, departments, groups, "user_ids" in data), next_page(data, verdict)

    def close(self) -> None:
        """Closes the connection of the calling thread."""
        self._feishu.close()

    def _group_members(self, group: str, member_type: str, token: str | None) -> Page[str]:
        """By Feishu's ids, which is what a call gets that asks for no type: the type's name is `open_id` for both."""
        path = f"group/{quote(group, safe='')}/member/simplelist"
        verdict, data = self._ask(path, {"member_type": member_type, "page_size": _WIDE_PAGE}, token)
        return page_of(data, "memberlist", verdict, lambda row: text_of(row, "member_id"))

    def _departments(self, ids: Sequence[str], id_type: str) -> dict[str, Department]:
        types = {"department_id_type": id_type}
        asked = {**types, "department_ids": list(ids)}
        found = self._many("departments/batch", asked, lambda row: _named(row, id_type, department_of(row)))
        return self._one_by_one(ids, lambda id: self._department(id, types)) if found is None else found

    def _many(
        self,
        path: str,
        asked: Mapping[str, Any],
        read: Callable[[Mapping[str, Any]], tuple[str | None, ItemT] | None],
    ) -> dict[str, ItemT] | None:
        """By id. None when only one id at a time can be asked about."""
        try:
            verdict, data = self._ask(path, asked)
        except (NotVisible, AskFailed) as error:
            _raise_unless_of_many(error)
            return None
        return _by_id(page_of(data, "items", verdict, read).items)

    def _one_by_one(self, ids: Sequence[str], ask: Callable[[str], ItemT | None]) -> dict[str, ItemT]:
        """The calls for many need a narrower scope than those for one, and one id that is refused spoils all of it."""
        found: dict[str, ItemT] = {}
        for id in ids:
            try:
                item = ask(id)
            except NotVisible:
                continue
            if item is not None:
                found[id] = item
        return found

    def _person(self, id: str, types: Mapping[str, str]) -> Member | None:
        verdict, data = self._ask(f"users/{quote(id, safe='')}", types)
        return member_of(object_of(data, "user", verdict))

    def _department(self, id: str, types: Mapping[str, str]) -> Department | None:
        verdict, data = self._ask(f"departments/{quote(id, safe='')}", types)
        return department_of(object_of(data, "department", verdict))

    def _ask(self, path: str, params: Mapping[str, Any], token: str | None = None) -> tuple[Verdict, Mapping[str, Any]]:
        given = {"user_id_type": "open_id", "department_id_type": "open_department_id", **params}
        if token is not None:
            given["page_token"] = token
        try:
            verdict, data = self._retry(self._in_turn, path, given)
        except AskFailed as error:
            raise _translated(error) from error
        if token is not None and data.get("has_more") is True and data.get("page_token") == token:
            raise AskFailed(misshapen(verdict))  # the same page would follow without end
        return verdict, data

    def _in_turn(self, path: str, params: Mapping[str, Any]) -> tuple[Verdict, Mapping[str, Any]]:
        self._wait()
        return self._feishu.ask("contacts", "GET", f"/open-apis/contact/v3/{path}", params=params)


def no_scope(failure: AskFailed) -> bool:
    """Whether the app lacks the scope for the call."""
    return failure.verdict.code == _NO_SCOPE


def _translated(error: AskFailed) -> DeskbellError:
    code = error.verdict.code
    if code in _NOT_VISIBLE:
        return NotVisible(error.detail)
    if code == _TOO_DEEP:
        return TooDeep(error.detail)
    if code == _STALE_PAGE:
        return StalePage(
            Phrase(
                "Feishu lost its place in a list again and again: try again ({evidence})",
                evidence=error.verdict.evidence,
            )
        )
    return error


def _raise_unless_of_many(error: DeskbellError) -> None:
    """Goes on where the same question, asked about one id at a time, may be answered."""
    if isinstance(error, AskFailed) and not no_scope(error):
        raise error


def _named(row: Mapping[str, Any], id_type: str, item: ItemT | None) -> tuple[str | None, ItemT] | None:
    return None if item is None else (text_of(row, id_type), item)


def _by_id(items: Sequence[tuple[str | None, ItemT]]) -> dict[str, ItemT] | None:
    """None when the app lacks the scope for ids of this type: it is unknown then which item answers which id."""
    found = {id: item for id, item in items if id is not None}
    return found if len(found) == len(items) else None
