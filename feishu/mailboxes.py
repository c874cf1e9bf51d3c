"""Enterprise mailboxes: addresses that Feishu shows with a person, and by which it finds nobody.

There is no call that leads from a mailbox to its owner. A few people whom the app may see tell how mailboxes look here:
whose it is if it is one of theirs, else whether its domain is one of mailboxes.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from feishu.directory import ROOT, Directory, NotVisible, no_scope
from feishu.member import Member
from feishu.verdict import AskFailed

__all__ = ["Mailboxes"]

#: Departments whose first page of people is looked at.
_DEPARTMENTS = 2


class Mailboxes(NamedTuple):
    """`owners` by mailbox; `domains` are those of mailboxes by which nobody who was seen signs in."""

    owners: Mapping[str, Member]
    domains: frozenset[str]

    @classmethod
    def seen(cls, directory: Directory, *, everybody: bool) -> "Mailboxes":
        """Asks Feishu three or four questions. Empty where the app may not read people. Raises AskFailed."""
        try:
            members = list(_some(directory, everybody))
        except AskFailed as failure:
            if not no_scope(failure):
                raise
            members = []
        owners = {member.mailbox.casefold(): member for member in members if member.mailbox}
        signs_in_by = {_domain(member.values.get("email", "")) for member in members}
        return cls(owners, frozenset(map(_domain, owners)) - signs_in_by)

    def owner(self, address: str) -> Member | None:
        return self.owners.get(address.casefold())

    def has_domain(self, address: str) -> bool:
        return _domain(address) in self.domains


def _some(directory: Directory, everybody: bool) -> Iterator[Member]:
    named, _ = directory.range()
    yield from directory.people(named.people[:50]).values() if named.people else ()
    for department in ([ROOT] if everybody else []) + list(named.departments[:_DEPARTMENTS]):
        try:
            yield from directory.members(department).items
        except NotVisible:  # it was deleted just now
            continue


def _domain(address: str) -> str:
    return address.rpartition("@")[2].casefold()
