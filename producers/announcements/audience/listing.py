"""Lists of the contacts that are read whole, with all their pages."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

from feishu.contact_answers import Department, Group, Page
from feishu.directory import IDS_PER_CALL, Directory, StalePage

__all__ = ["RESTARTS", "all_items", "by_name", "departments_in_range"]

#: Feishu may forget a page token; if it does so again and again, somebody must look.
RESTARTS = 5

ItemT = TypeVar("ItemT")


def all_items(ask: Callable[[str | None], Page[ItemT]]) -> list[ItemT]:
    """From the first page again when Feishu has forgotten which comes next; raises StalePage after five times."""
    for _ in range(RESTARTS):
        with suppress(StalePage):
            return list(_of_pages(ask))
    return list(_of_pages(ask))


def by_name(each: Department | Group) -> tuple[str, str]:
    """The order in which they are shown."""
    return each.name or "", each.id


def departments_in_range(directory: Directory) -> list[Department]:
    """Those that an administrator lets the app see, without the ones below them."""

    def ids_of_page(token: str | None) -> Page[str]:
        found, next_token = directory.range(token)
        return Page(found.departments, next_token)

    ids = all_items(ids_of_page)
    parts = (ids[at : at + IDS_PER_CALL] for at in range(0, len(ids), IDS_PER_CALL))
    return [department for part in parts for department in directory.departments(part).values()]


def _of_pages(ask: Callable[[str | None], Page[ItemT]]) -> Iterator[ItemT]:
    page = ask(None)
    yield from page.items
    while page.token:
        page = ask(page.token)
        yield from page.items
