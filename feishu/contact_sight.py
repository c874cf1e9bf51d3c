"""What an app may see of the contacts: whether it finds people by address, its range, and the scopes that it lacks."""

from collections.abc import Callable
from dataclasses import dataclass

from feishu.client import FeishuClient
from feishu.directory import ROOT, Directory, NotVisible, Range, no_scope
from feishu.member import SCOPES, Member
from feishu.query_retry import QueryRetry
from feishu.scopes import STATUS_SCOPE
from feishu.verdict import AskFailed

__all__ = ["ContactSight", "sees_everybody"]

#: Nobody ever has an address of this domain (RFC 2606).
_NOBODY = "nobody@example.invalid"
#: What stands in an answer about a person if its scope is granted. `department` is of another call.
_FIELDS = [name for name in SCOPES if name != "department"]


@dataclass(frozen=True, slots=True)
class ContactSight:
    """`range` is its first page, None where the app may not ask; `missing` are scopes for fields of a person."""

    finds_addresses: bool
    everybody: bool | None
    range: Range | None
    is_longer: bool  #: the range names more than a page holds
    missing: tuple[str, ...]

    @classmethod
    def of(cls, feishu: FeishuClient, retry: QueryRetry | None = None) -> "ContactSight":
        """Asks Feishu some five questions, which change nothing. Raises AskFailed."""
        directory = Directory(feishu, lambda: None, retry)
        finds = _is_allowed(lambda: feishu.people([_NOBODY], []))
        everybody = sees_everybody(directory)
        if everybody is None:
            return cls(finds, None, None, False, ())
        named, more = directory.range()
        return cls(finds, everybody, named, more is not None, _missing(_anybody(directory, named, everybody)))


def sees_everybody(directory: Directory) -> bool | None:
    """Whether the app's contact range is all staff; None where the app may not ask. Raises AskFailed."""
    try:
        directory.children(ROOT, all_levels=False)
    except NotVisible:
        return False
    except AskFailed as failure:
        if not no_scope(failure):
            raise
        return None
    return True


def _is_allowed(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except AskFailed as failure:
        if not no_scope(failure):
            raise
        return False
    return True


def _anybody(directory: Directory, named: Range, everybody: bool) -> Member | None:
    """Somebody whom the app may see, if one is found at once."""
    if named.people:
        return next(iter(directory.people(named.people[:1]).values()), None)
    departments = ([ROOT] if everybody else []) + list(named.departments[:1])
    members = (directory.members(department).items for department in departments)
    return next((each[0] for each in members if each), None)


def _missing(member: Member | None) -> tuple[str, ...]:
    """The scopes of the fields that the answer about this person lacks."""
    if member is None:
        return ()
    absent = [SCOPES[name] for name in _FIELDS if name not in member.values]
    return tuple(dict.fromkeys([*absent, *([STATUS_SCOPE] if member.standing is None else [])]))
