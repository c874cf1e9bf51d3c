"""What the app may see: its departments as a tree, and its user groups."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from feishu.contact_answers import Department, Group
from feishu.directory import ROOT, Directory, NotVisible, TooDeep
from producers.announcements.audience.listing import all_items, by_name, departments_in_range

__all__ = ["DepartmentNode", "visible_departments", "visible_groups"]


class DepartmentNode(NamedTuple):
    """A department, and how far below the highest one that is seen; those below it follow. Names and counts are None
    where the app lacks the scope for them."""

    id: str
    name: str | None
    parent: str | None
    member_count: int | None
    depth: int


def visible_departments(directory: Directory) -> list[DepartmentNode]:
    """Each before those below it, which are sorted by name. Raises AskFailed."""
    try:
        found = _below(directory, ROOT)
    except NotVisible:
        tops = departments_in_range(directory)
        found = [*tops, *(each for top in tops for each in _below(directory, top.id))]
    return list(_as_tree({each.id: each for each in found if not each.is_deleted}))


def visible_groups(directory: Directory) -> list[Group]:
    """Normal ones, then dynamic ones. Raises AskFailed."""
    return [
        *all_items(lambda token: directory.groups("normal", token)),
        *all_items(lambda token: directory.groups("dynamic", token)),
    ]


def _below(directory: Directory, department: str) -> list[Department]:
    try:
        return all_items(lambda token: directory.children(department, token))
    except TooDeep:
        level = all_items(lambda token: directory.children(department, token, all_levels=False))
    return [*level, *(each for child in level for each in _below(directory, child.id))]


def _as_tree(departments: dict[str, Department]) -> Iterator[DepartmentNode]:
    children: dict[str | None, list[Department]] = defaultdict(list)
    for each in departments.values():
        children[each.parent if each.parent in departments else None].append(each)
    waiting: list[tuple[Department, int]] = [(each, 0) for each in _sorted(children[None])]
    while waiting:
        each, depth = waiting.pop()
        yield DepartmentNode(each.id, each.name, each.parent, each.member_count, depth)
        waiting += [(child, depth + 1) for child in _sorted(children[each.id])]


def _sorted(departments: Sequence[Department]) -> list[Department]:
    """The last one first: it is taken from the end."""
    return sorted(departments, key=by_name, reverse=True)
