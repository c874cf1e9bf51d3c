"""A tenant from a TOML or JSON file, so that one can practise with one's own departments.

    [[department]]
    id = "shanghai"                 # open id od-shanghai, own id shanghai
    name = "Shanghai"
    parent = "offices"              # without it: directly below the company

    [[person]]
    id = "lina"                     # ou_lina, on_lina, u_lina
    name = "李娜"
    email = "li.na@acme.example"
    departments = ["shanghai"]      # without it: directly in the company
    status = "active"               # or frozen, resigned, exited, not_activated, unjoin

    [[group]]
    id = "g-fire-wardens"
    name = "Fire wardens"
    people = ["lina"]
    departments = ["shanghai"]

With `only_listed = true` at the top, nobody exists but those in the file.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from sandbox.contacts.directory import DYNAMIC, NORMAL, ROOT, STATUSES, Department, Directory, Group, Person, digits_of

__all__ = ["read_directory", "small_company"]

_TOP = ("only_listed", "person", "department", "group")
_KINDS = {"normal": NORMAL, "dynamic": DYNAMIC}
_PERSON_TEXTS = ("name", "en_name", "email", "enterprise_email", "mobile", "employee_no", "job_title", "city", "status")


def small_company() -> Directory:
    """The company of a demo: a dozen departments and some forty people."""
    return _directory(tomllib.loads(files("sandbox.contacts").joinpath("company.toml").read_text("utf-8")))


def read_directory(path: Path) -> Directory:
    """Raises ValueError that says what is wrong, and OSError."""
    content = path.read_bytes()
    return _directory(orjson.loads(content) if path.suffix == ".json" else tomllib.loads(content.decode()))


def _directory(document: Mapping[str, Any]) -> Directory:
    _known_keys("the file", document, _TOP)
    departments = _by_id("department", map(_department, _tables(document, "department")), "open_id")
    people = _by_id("person", map(_person, _tables(document, "person")), "id")
    groups = _by_id("group", map(_group, _tables(document, "group")), "id")
    _check_departments(departments, people.values(), groups.values())
    members: dict[str, list[str]] = defaultdict(list)
    for person in people.values():
        for open_id in person.departments:
            members[open_id].append(person.id)
    addresses = [mail for person in people.values() for mail in (person.email, person.enterprise_email) if mail]
    return Directory(
        people=people,
        departments=departments,
        groups=groups,
        members=members,
        mails={person.email.lower(): person.id for person in people.values() if person.email},
        mobiles={digits_of(person.mobile): person.id for person in people.values() if person.mobile},
        domains=frozenset(mail.lower().partition("@")[2] for mail in addresses),
        only_listed=document.get("only_listed", False) is True,
    )


def _person(table: Mapping[str, Any]) -> Person:
    _known_keys("person", table, ("id", *_PERSON_TEXTS, "departments"))
    texts = {name: str(table[name]) for name in _PERSON_TEXTS if name in table}
    if texts.get("status", "active") not in STATUSES:
        raise ValueError(f"person {table.get('id')}: status must be one of {', '.join(STATUSES)}")
    departments = tuple(map(_open_id, table.get("departments", ()))) or (ROOT,)
    return Person(_id_of("person", table), **({"name": str(table.get("id"))} | texts), departments=departments)


def _department(table: Mapping[str, Any]) -> Department:
    _known_keys("department", table, ("id", "name", "en_name", "parent", "leader"))
    own_id, parent = _id_of("department", table), table.get("parent")
    return Department(
        open_id=_open_id(own_id),
        own_id=own_id,
        name=str(table.get("name", own_id)),
        en_name=str(table.get("en_name", "")),
        parent=_open_id(parent) if parent else ROOT,
        leader=str(table.get("leader", "")),
    )


def _group(table: Mapping[str, Any]) -> Group:
    _known_keys("group", table, ("id", "name", "kind", "people", "departments"))
    group_id, kind = _id_of("group", table), table.get("kind", "normal")
    if kind not in _KINDS or (kind == "dynamic" and table.get("departments")):
        raise ValueError(f"group {group_id}: kind must be normal or dynamic, and a dynamic one has no departments")
    people, departments = tuple(table.get("people", ())), tuple(map(_open_id, table.get("departments", ())))
    return Group(group_id, str(table.get("name", group_id)), _KINDS[kind], people, departments)


def _check_departments(
    departments: Mapping[str, Department], people: Iterable[Person], groups: Iterable[Group]
) -> None:
    named = [(f"person {person.id}", open_id) for person in people for open_id in person.departments]
    named += [(f"group {group.id}", open_id) for group in groups for open_id in group.departments]
    named += [(f"department {department.own_id}", department.parent) for department in departments.values()]
    for who, open_id in named:
        if open_id != ROOT and open_id not in departments:
            raise ValueError(f"{who}: department {open_id.removeprefix('od-')!r} is not in the file")
    for department in departments.values():
        _check_way_up(departments, department)


def _check_way_up(departments: Mapping[str, Department], department: Department) -> None:
    seen, open_id = set(), department.open_id
    while open_id != ROOT:
        if open_id in seen:
            raise ValueError(f"department {department.own_id}: it is its own parent, by way of others or directly")
        seen.add(open_id)
        open_id = departments[open_id].parent


def _tables(document: Mapping[str, Any], name: str) -> list[Any]:
    tables = document.get(name, [])
    if not isinstance(tables, list):
        raise ValueError(f"{name} must be a list of tables: write [[{name}]] above each")
    return tables


def _by_id(what: str, entries: Iterable[Any], key: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in entries:
        if getattr(entry, key) in found:
            raise ValueError(f"{what} {getattr(entry, key)}: the id is used twice")
        found[getattr(entry, key)] = entry
    return found


def _id_of(what: str, table: Mapping[str, Any]) -> str:
    value = table.get("id")
    if not isinstance(value, str) or not value:
        raise ValueError(f"each {what} needs an id")
    return value


def _open_id(own_id: str) -> str:
    return own_id if own_id == ROOT or own_id.startswith("od-") else f"od-{own_id}"


def _known_keys(what: str, table: Any, known: tuple[str, ...]) -> None:
    if not isinstance(table, Mapping):
        raise ValueError(f"{what} must be a table")
    unknown = [key for key in table if key not in known]
    if unknown:
        raise ValueError(f"{what}: {unknown[0]!r} is not known; known are {', '.join(known)}")
