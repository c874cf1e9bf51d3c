"""Settling what was maybe sent, with some seconds to take it back: until they are over, nothing changes.

The pacer carries a settlement out when it is due, or the console, whichever looks first. Decisions by the command line
and the HTTP API are carried out at once (`Ledger.resolve`).
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import orjson

from ledger.connection import text
from ledger.damage import whole
from ledger.ids import announcement_of, is_announcement, is_row
from ledger.ledger import Ledger
from ledger.states import Resolution

__all__ = ["MOST_SETTLED", "UNDO_MS", "Settlement", "Settling", "settlements_of"]

#: How long a settlement can be taken back, ms.
UNDO_MS = 10_000
#: Notifications that one settlement names; of an announcement as a whole it may mean any number.
MOST_SETTLED = 200


@dataclass(frozen=True, slots=True)
class Settlement:
    """One decision of one person about notifications of one desk."""

    id: str
    desk: str
    by: str
    outcome: Resolution
    due_ms: int  #: until then it can be taken back
    count: int
    ids: frozenset[str]  #: of the notifications; empty where all unknown rows of an announcement are meant
    announcement: str = ""

    @classmethod
    def of_json(cls, desk: str, entry: tuple[str, Mapping[str, Any]]) -> "Settlement":
        id, kept = entry
        ids, outcome = frozenset(kept.get("ids") or ()), Resolution(kept["as"])
        return cls(id, desk, kept["by"], outcome, kept["due"], kept["count"], ids, kept.get("of") or "")

    @property
    def announcements(self) -> frozenset[str]:
        """Those whose counts it changes."""
        rows = {announcement_of(id) for id in self.ids if is_row(id)}
        return frozenset({self.announcement} if self.announcement else rows)

    def means(self, id: str) -> bool:
        """Whether it settles this notification."""
        return id in self.ids or (is_row(id) and announcement_of(id) == self.announcement)

    def rows_of(self, announcement: str, unknown: int) -> int:
        """How many of its unknown rows it settles."""
        if self.announcement == announcement:
            return unknown
        return sum(1 for id in self.ids if is_row(id) and announcement_of(id) == announcement)

    @property
    def events(self) -> int:
        return sum(1 for id in self.ids if not is_row(id))


class Settling:
    """The settlements of a ledger."""

    def __init__(self, ledger: Ledger, undo_ms: int = UNDO_MS) -> None:
        self._ledger, self._undo_ms = ledger, undo_ms

    def decide(
        self, ids: Sequence[str], by: str, outcome: Resolution, sees: Callable[[str], bool] = lambda _: True
    ) -> int:
        """Settles notifications, or an announcement's unknown rows, durably, in UNDO_MS; of the desks that the person
        sees. Returns how many are meant: others may have settled some.

        Raises NotDurable.
        """
        desks = {id: desk for id, desk in self._desks_of(ids).items() if sees(desk)}
        known = sorted((id for id in ids if id in desks), key=desks.__getitem__)
        wholes = [id for id in known if is_announcement(id)]
        named = groupby((id for id in known if id not in wholes), key=desks.__getitem__)
        portions = [[id] for id in wholes] + [list(of_desk) for _, of_desk in named]
        return sum(self._decide(desks[portion[0]], portion, by, outcome) for portion in portions)

    def _decide(self, desk: str, ids: Sequence[str], by: str, outcome: Resolution) -> int:
        return int(self._settle(desk, "decide", secrets.token_hex(8), by, outcome, self._undo_ms, *ids))

    def _desks_of(self, ids: Sequence[str]) -> dict[str, str]:
        """Those that exist, with their desks, in one round trip for each server."""
        found: dict[str, str] = {}
        for server in self._ledger.servers:
            keys, pipe = server.keys, server.redis.pipeline(transaction=False)
            for id in ids:
                of_row = announcement_of(id) if is_row(id) else id
                pipe.hget(keys.lane(of_row) if is_announcement(of_row) else keys.notification(id), "desk")
            found |= {id: text(desk) for id, desk in zip(ids, pipe.execute(), strict=True) if desk is not None}
        return found

    def undo(self, settlement: Settlement, by: str) -> bool:
        """Takes it back, durably; asked again it answers alike. False if it is too late. Raises NotDurable."""
        return bool(self._settle(settlement.desk, "undo", settlement.id, by))

    def carry_out(self, desk: str) -> None:
        """Those that are due."""
        self._settle(desk, "carry_out", "", "")

    def _settle(self, desk: str, step: str, *arguments: str | int) -> int:
        return int(self._ledger.durably("settle", desk, self._ledger.results_for_ms, step, *arguments))

    def pending(self, desks: Iterable[str]) -> list[Settlement]:
        """Those of these desks; one command for each desk."""
        found: list[Settlement] = []
        for desk in desks:
            server = self._ledger.at(desk)
            kept: Any = server.redis.hget(server.keys.desk(desk), "settling")
            found += settlements_of(desk, kept)
        return found


def settlements_of(desk: str, kept: bytes | None) -> tuple[Settlement, ...]:
    """Of the field `settling` of a desk, the first due one first."""
    found: Mapping[str, Any] = whole("the settlements of a desk", _mapping, kept) or {} if kept else {}
    each = [whole("a settlement", partial(Settlement.of_json, desk), entry) for entry in found.items()]
    return tuple(sorted(filter(None, each), key=lambda it: it.due_ms))


def _mapping(kept: bytes) -> dict[str, Any]:
    return dict(orjson.loads(kept))
