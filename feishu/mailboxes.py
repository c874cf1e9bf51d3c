"""Enterprise mailboxes: Feishu shows such an address with its owner, but finds nobody by it.

No call leads from a mailbox to its owner. So a few people whom the app may see are read: a mailbox of theirs names its
owner, and any other address may at least have the domain of mailboxes.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from feishu.directory import IDS_PER_CALL, ROOT, Directory, NotVisible, no_scope
from feishu.member import Member
from feishu.verdict import AskFailed

__all__ = ["Mailboxes"]

#: Departments whose first page of people is looked at.
_DEPARTMENTS = 2


class Mailboxes(NamedTuple):
    """`owners` by mailbox; `domains` have mailboxes, and none of the people seen signs in with them."""

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
    yield from directory.people(named.people[:IDS_PER_CALL]).values() if named.people else ()
    for department in ([ROOT] if everybody else []) + list(named.departments[:_DEPARTMENTS]):
        try:
            yield from directory.members(department).items
        except NotVisible:  # deleted just now
            continue


def _domain(address: str) -> str:
    return address.rpartition("@")[2].casefold()
