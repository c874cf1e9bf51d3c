"""Who looks at a page, and what they may see and do."""

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.announcement import Announcement
from ledger.api_keys import ApiKey, Scope
from ledger.errors import NotFound

__all__ = ["LOCAL", "Viewer"]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who has signed in with a key, or sits at this machine while no key is configured."""

    name: str
    by: str  #: goes on record with what they do
    may_operate: bool
    desks: frozenset[str] | None  #: None: every desk
    digest: str | None = None  #: the hash of the key's secret; None without a key

    @classmethod
    def of_key(cls, key: ApiKey, digest: str) -> "Viewer":
        return cls(key.name, f"key {key.name}", Scope.OPERATE in key.scopes, key.desks, digest)

    def sees(self, desk: str) -> bool:
        return self.desks is None or desk in self.desks

    def seen(self, announcements: Iterable[Announcement]) -> list[Announcement]:
        return [each for each in announcements if self.sees(each.spec.desk)]

    def check_desk(self, desk: str, id: str) -> None:
        """Raises NotFound for what belongs to a desk that is not theirs, as if it were not there."""
        if not self.sees(desk):
            raise NotFound(id)


LOCAL = Viewer("loopback", "loopback", may_operate=True, desks=None)
