"""The console's port to the contacts: departments and user groups of a desk's app, kept for a minute."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from console.ports import Department, FoundPerson, Group
from feishu.directory import NotVisible, StalePage
from feishu.verdict import AskFailed
from ledger.errors import BadInput
from ledger.ledger import Ledger
from producers.announcements.audience.levels import departments_below, user_groups
from producers.announcements.audience.walked_names import WalkedNames
from producers.announcements.lookup import Lookup

__all__ = ["DeskContacts"]

#: What was asked is asked again after this, seconds: somebody who opens one branch after another sees the same tree.
_KEPT_SECONDS = 60
#: Answers that are kept, of all desks.
_KEPT = 1000
#: People of one name, or part of one, who are shown.
_FOUND = 50

FoundT = TypeVar("FoundT")


class DeskContacts:
    """Thread-safe."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str, str], tuple[float, object]] = {}

    def departments(self, desk: str, below: str | None) -> list[Department]:
        def ask(lookup: Lookup) -> list[Department]:
            found = departments_below(lookup.directory, below)
            return [Department(each.id, each.name, each.member_count) for each in found]

        return self._asked((desk, "departments", below or ""), ask)

    def groups(self, desk: str) -> list[Group]:
        def ask(lookup: Lookup) -> list[Group]:
            found = user_groups(lookup.directory)
            return [Group(each.id, each.name, each.user_count, each.department_count) for each in found]

        return self._asked((desk, "groups", ""), ask)

    def people(self, desk: str, name: str) -> list[FoundPerson]:
        return [FoundPerson(*person) for person in WalkedNames(self._ledger, desk).found(name, _FOUND)]

    def names(self, desk: str, people: Sequence[str] = ()) -> dict[str, str]:
        with self._lock:
            kept = [found for (of, _, _), (_, found) in self._kept.items() if of == desk]
        items = [item for found in kept for item in cast("list[Department | Group]", found)]
        named = {item.id: item.name for item in items if item.name}
        return {**named, **(WalkedNames(self._ledger, desk).names(people) if people else {})}

    def _asked(self, about: tuple[str, str, str], ask: Callable[[Lookup], FoundT]) -> FoundT:
        """Asks outside the lock: two who ask at once cost a call more, and hold nobody up."""
        with self._lock:
            kept = self._kept.get(about)
        if kept and time.monotonic() - kept[0] < _KEPT_SECONDS:
            return cast(FoundT, kept[1])
        try:
            with Lookup(self._ledger, self._ledger.settings.desk(about[0])) as lookup:
                found = ask(lookup)
        except (AskFailed, NotVisible, StalePage) as error:
            refusal = BadInput("audience", error.detail)
        else:
            self._keep(about, found)
            return found
        raise refusal

    def _keep(self, about: tuple[str, str, str], found: object) -> None:
        with self._lock:
            self._kept[about] = (time.monotonic(), found)
            while len(self._kept) > _KEPT:
                del self._kept[next(iter(self._kept))]
