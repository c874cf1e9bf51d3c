"""What a screen shows of the contacts as somebody opens it: one level of departments at a time, and the user groups."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from feishu.contact_answers import Department, Group, Page
from feishu.directory import IDS_PER_CALL, ROOT, Directory, NotVisible

__all__ = ["departments_below", "user_groups"]

ItemT = TypeVar("ItemT")


def departments_below(directory: Directory, department: str | None) -> list[Department]:
    """Direct ones, by name; for None the highest ones that the app may see. Raises AskFailed, NotVisible."""
    if department is not None:
        return _sorted(_level(directory, department))
    try:
        return _sorted(_level(directory, ROOT))
    except NotVisible:  # its range is not all staff
        return _sorted(_in_range(directory))


def user_groups(directory: Directory) -> list[Group]:
    """Normal ones and dynamic ones, by name. Raises AskFailed."""
    normal = _pages(lambda token: directory.groups("normal", token))
    dynamic = _pages(lambda token: directory.groups("dynamic", token))
    return sorted([*normal, *dynamic], key=lambda each: (each.name or "", each.id))


def _level(directory: Directory, department: str) -> list[Department]:
    return list(_pages(lambda token: directory.children(department, token, all_levels=False)))


def _in_range(directory: Directory) -> list[Department]:
    found, token = directory.range()
    ids = list(found.departments)
    while token:
        found, token = directory.range(token)
        ids += found.departments
    parts = (ids[at : at + IDS_PER_CALL] for at in range(0, len(ids), IDS_PER_CALL))
    return [department for part in parts for department in directory.departments(part).values()]


def _sorted(departments: list[Department]) -> list[Department]:
    return sorted((each for each in departments if not each.is_deleted), key=lambda each: (each.name or "", each.id))


def _pages(ask: Callable[[str | None], Page[ItemT]]) -> Iterator[ItemT]:
    page = ask(None)
    yield from page.items
    while page.token:
        page = ask(page.token)
        yield from page.items
