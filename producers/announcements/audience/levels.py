"""What a screen shows of the contacts as somebody opens it: one level of departments at a time, and the user groups."""

from feishu.contact_answers import Department, Group
from feishu.directory import ROOT, Directory, NotVisible
from producers.announcements.audience.listing import all_items, by_name, departments_in_range
from producers.announcements.audience.visible import visible_groups

__all__ = ["departments_below", "user_groups"]


def departments_below(directory: Directory, department: str | None) -> list[Department]:
    """Direct ones, by name; for None the highest ones that the app may see. Raises AskFailed, NotVisible."""
    if department is not None:
        return _sorted(_level(directory, department))
    try:
        return _sorted(_level(directory, ROOT))
    except NotVisible:  # its range is not all staff
        return _sorted(departments_in_range(directory))


def user_groups(directory: Directory) -> list[Group]:
    """Normal ones and dynamic ones, by name. Raises AskFailed."""
    return sorted(visible_groups(directory), key=by_name)


def _level(directory: Directory, department: str) -> list[Department]:
    return all_items(lambda token: directory.children(department, token, all_levels=False))


def _sorted(departments: list[Department]) -> list[Department]:
    return sorted((each for each in departments if not each.is_deleted), key=by_name)
