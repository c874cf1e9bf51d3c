"""A company as the contact API shows it to an app: people, departments, user groups, a contact range, and field scopes.

It stands in for `FeishuApi`: it is asked as that is, and keeps every question.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from feishu.codes import CodeTable
from feishu.verdict import AskFailed, Verdict

__all__ = ["ALL_SCOPES", "Company", "Person", "refusal"]

_CODES = CodeTable.load()
_BASE = "contact:user.base:readonly"
_EMPLOYEE = "contact:user.employee:readonly"
_DEPARTMENT = "contact:department.base:readonly"
_BATCH = "contact:contact.base:readonly"
#: Each scope, and the fields that it brings.
_FIELDS = {
    _BASE: {"name", "en_name"},
    "contact:user.email:readonly": {"email"},
    "contact:user.phone:readonly": {"mobile"},
    _EMPLOYEE: {"status", "employee_no", "job_title", "city"},
    "contact:user.employee_id:readonly": {"user_id"},
    "contact:user.department:readonly": {"department_ids"},
    _DEPARTMENT: {"department"},
    _BATCH: set[str](),
}
ALL_SCOPES = frozenset(_FIELDS)
_NO_STATUS = dict.fromkeys(("is_frozen", "is_resigned", "is_exited", "is_unjoin"), False) | {"is_activated": True}


def refusal(code: int, http_status: int = 400) -> AskFailed:
    rule = _CODES.rule(code, http_status)
    return AskFailed(
        Verdict(
            call="contacts", kind=rule.kind, code=code, http_status=http_status,
            means=rule.means, do=rule.do, started_at_ms=0, elapsed_ms=1,
        )
    )  # fmt: skip


@dataclass
class Person:
    """`fields` are further ones, or flags of the status."""

    departments: Sequence[str]
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Company:
    """`departments` are parents by child; the root is `0`. `hidden` is what the app may not see, of any kind."""

    people: dict[str, Person]
    departments: dict[str, str]
    groups: dict[str, Sequence[str]] = field(default_factory=dict)  #: members: people and departments
    scopes: frozenset[str] = ALL_SCOPES
    hidden: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)  #: departments
    page: int = 50
    deepest: int = 1000  #: departments that are listed at once
    faults: dict[int, AskFailed] = field(default_factory=dict)  #: by the number of the call, from 1
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def ask(self, name: str, method: str, path: str, params: Mapping[str, Any]) -> tuple[Verdict, Mapping[str, Any]]:
        assert (name, method) == ("contacts", "GET")
        path = path.removeprefix("/open-apis/contact/v3/")
        self.asked.append((path, dict(params)))
        if fault := self.faults.pop(len(self.asked), None):
            raise fault
        verdict = Verdict(call=name, kind=_CODES.rule(0, 200).kind, code=0, started_at_ms=0, elapsed_ms=1)
        return verdict, self._answer(path.split("/"), params)

    def close(self) -> None:
        """It has no connection."""

    def calls(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.asked)

    def _answer(self, path: Sequence[str], params: Mapping[str, Any]) -> dict[str, Any]:
        match path:
            case ["users", "find_by_department"]:
                return self._members(self._seen(params["department_id"]), params)
            case ["users", "batch"]:
                return self._batch("user_ids", params, {**self._by(params["user_id_type"])}, self._person)
            case ["users", id]:
                people = self._by(params["user_id_type"])
                if id not in people or people[id] in self.hidden:
                    raise refusal(41050)
                return {"user": self._person(people[id])}
            case ["departments", "batch"]:
                return self._batch("department_ids", params, self._departments(params), self._department)
            case ["departments", id]:
                ids = self._departments(params)
                if id not in ids:
                    raise refusal(40015)
                return {"department": self._department(self._seen(ids[id]))}
            case ["departments", id, "children"]:
                return self._children(self._seen(id), params)
            case ["group", "simplelist"]:
                groups = [id for id in self.groups if id.startswith("dyn") == (params["type"] == 2)]
                return self._paged("grouplist", [self._group(id) for id in groups if id not in self.hidden], params)
            case ["group", id, "member", "simplelist"]:
                if id not in self.groups or id in self.hidden:
                    raise refusal(42009, 403)
                is_meant = {"user": self.people, "department": self.departments}[params["member_type"]]
                members = [{"member_id": each} for each in self.groups[id] if each in is_meant]
                return self._paged("memberlist", members, params)
            case ["scopes"]:
                return self._range(params)
        raise AssertionError(f"no such call: {path}")

    def _seen(self, department: str) -> str:
        above = {department, *self._above(department)}
        if department not in {*self.departments, "0"} or (above - {"0"} or above) & self.hidden:
            raise refusal(40004, 403)
        return department

    def _above(self, department: str) -> Iterator[str]:
        while department in self.departments:
            department = self.departments[department]
            yield department

    def _members(self, department: str, params: Mapping[str, Any]) -> dict[str, Any]:
        people = [self._person(id) for id, person in self.people.items() if department in person.departments]
        return self._paged("items", people, params)

    def _children(self, department: str, params: Mapping[str, Any]) -> dict[str, Any]:
        below = [id for id in self.departments if department in self._above(id)]
        if params["fetch_child"] == "true" and len(below) > self.deepest:
            raise refusal(43010)
        if params["fetch_child"] == "false":
            below = [id for id in below if self.departments[id] == department]
        return self._paged("items", [self._department(id) for id in below], params)

    def _batch(self, name: str, params: Mapping[str, Any], ids: Mapping[str, str], tell: Any) -> dict[str, Any]:
        assert len(params[name]) <= 50
        if _BATCH not in self.scopes:
            raise refusal(99991672)
        found = [ids[id] for id in params[name] if id in ids]
        return {"items": [tell(id) for id in found if id not in self.hidden]}

    def _by(self, id_type: str) -> dict[str, str]:
        prefix = {"open_id": "", "union_id": "on_", "user_id": "u_"}[id_type]
        return {prefix + id: id for id in self.people}

    def _departments(self, params: Mapping[str, Any]) -> dict[str, str]:
        own = params["department_id_type"] == "department_id"
        return {(id.removeprefix("od-") if own else id): id for id in self.departments}

    def _person(self, id: str) -> dict[str, Any]:
        person = self.people[id]
        status = {**_NO_STATUS, **{name: value for name, value in person.fields.items() if name.startswith("is_")}}
        told = {
            "name": f"N {id}",
            "en_name": "",
            "email": f"{id}@x.cn",
            "mobile": "",
            "employee_no": "",
            **person.fields,
        }
        told |= {"department_ids": list(person.departments), "user_id": f"u_{id}", "status": status}
        return {"open_id": id, "union_id": f"on_{id}", **self._allowed(told)}

    def _department(self, id: str) -> dict[str, Any]:
        named = {"name": f"D {id}", "department_id": id.removeprefix("od-")} if _DEPARTMENT in self.scopes else {}
        deleted = {"status": {"is_deleted": True}} if id in self.deleted else {}
        return {
            "open_department_id": id,
            "parent_department_id": self.departments[id],
            "member_count": 1,
            **named,
            **deleted,
        }

    def _group(self, id: str) -> dict[str, Any]:
        people = sum(each in self.people for each in self.groups[id])
        return {
            "id": id, "name": f"G {id}", "member_user_count": people,
            "member_department_count": len(self.groups[id]) - people,
        }  # fmt: skip

    def _allowed(self, told: Mapping[str, Any]) -> dict[str, Any]:
        allowed = set[str]().union(*(_FIELDS[scope] for scope in self.scopes))
        return {name: value for name, value in told.items() if name in allowed}

    def _range(self, params: Mapping[str, Any]) -> dict[str, Any]:
        top = [id for id in self.departments if id not in self.hidden and self._is_top(id)]
        page = self._paged("department_ids", top, params)
        alone = [id for id, one in self.people.items() if not one.departments]
        told = {"user_ids": alone} if "contact:user.employee_id:readonly" in self.scopes else {}
        return {**page, **told, "group_ids": []}

    def _is_top(self, id: str) -> bool:
        parent = self.departments[id]
        return parent == "0" or parent in self.hidden

    def _paged(self, name: str, items: Sequence[Any], params: Mapping[str, Any]) -> dict[str, Any]:
        assert params["page_size"] <= (100 if name in ("memberlist", "grouplist", "department_ids") else 50)
        first, size = int(params.get("page_token", "t0")[1:]), min(self.page, params["page_size"])
        more = {"page_token": f"t{first + size}"} if first + size < len(items) else {}
        return {name: list(items[first : first + size]), "has_more": bool(more), **more}
