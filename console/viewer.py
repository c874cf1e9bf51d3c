"""The viewer of a page, and their permissions."""

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.announcement import Announcement
from ledger.api_keys import ApiKey, Scope
from ledger.errors import NotFound

__all__ = ["LOCAL", "Viewer"]


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person signed in with a key, or a local request while no key is configured."""

    name: str
    by: str  #: the name in the audit log
    may_operate: bool
    desks: frozenset[str] | None  #: None: every desk
    digest: str | None = None  #: the hash of the key's secret; None without a key
    session: str | None = None  #: the hash of the cookie; None without a key
    rated: ApiKey | None = None  #: the key, if it has a rate

    @classmethod
    def of_key(cls, key: ApiKey, digest: str, session: str) -> "Viewer":
        may_operate = Scope.OPERATE in key.scopes
        return cls(key.name, f"key {key.name}", may_operate, key.desks, digest, session, key if key.rate else None)

    @property
    def login(self) -> tuple[str, str] | None:
        """The session and its key; None without a key."""
        return (self.session, self.digest) if self.session and self.digest else None

    def sees(self, desk: str) -> bool:
        return self.desks is None or desk in self.desks

    def seen(self, announcements: Iterable[Announcement]) -> list[Announcement]:
        return [each for each in announcements if self.sees(each.spec.desk)]

    def check_desk(self, desk: str, id: str) -> None:
        """Raises NotFound for another desk, as if the record did not exist."""
        if not self.sees(desk):
            raise NotFound(id)


LOCAL = Viewer("loopback", "loopback", may_operate=True, desks=None)
