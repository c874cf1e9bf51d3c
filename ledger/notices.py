"""Notices: messages of Deskbell's own about an announcement or a draft, to its `notify` address or its approvers.

Verbs record a notice in the step that it reports: `owe_notice` in `ledger/lua/shared/callbacks.lua`.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import cast

import orjson

from ledger.damage import UNREADABLE
from ledger.states import OF_ROWS, State
from ledger.store import Store

__all__ = ["Notice", "NoticeKind", "Notices"]

log = logging.getLogger(__name__)

#: Read in one round trip.
_PORTION = 100


class NoticeKind(StrEnum):
    """What a notice reports."""

    FINISHED = "finished"
    CANCELLED = "cancelled"
    FIRST_N = "first_n"
    STOP_AT = "stop_at"
    SUBMITTED = "submitted"  #: to the approvers
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Notice:
    """One entry. Its name stays the same however often it is read."""

    id: str  #: of the announcement
    kind: NoticeKind
    at_ms: int
    counts: Mapping[State, int]  #: of its rows, at that time
    by: str  #: the person who submitted, approved or rejected it
    why: str  #: the reason of a rejection
    entry: bytes = field(repr=False)  #: as it stands in the ledger

    @property
    def name(self) -> str:
        return f"{self.id}/{self.kind}/{self.at_ms}"


class Notices:
    """The notices that no worker has accepted yet. Several may read the same one: its key keeps it one message."""

    def __init__(self, store: Store) -> None:
        self._redis, self._key = store.redis, store.keys.notices

    def waiting(self) -> list[Notice]:
        """The oldest ones. A damaged one is dropped."""
        entries = cast(list[bytes], self._redis.lrange(self._key, 0, _PORTION - 1))
        return [notice for entry in entries if (notice := self._read(entry))]

    def strike_off(self, notice: Notice) -> None:
        """Once it is accepted."""
        self._remove(notice.entry)

    def _read(self, entry: bytes) -> Notice | None:
        try:
            id, kind, at_ms, counts, *told = orjson.loads(entry)
            by, why = (*told, "", "")[:2]
            return Notice(id, NoticeKind(kind), at_ms, {state: counts[state] for state in OF_ROWS}, by, why, entry)
        except UNREADABLE:
            log.error("a notice is damaged, and is dropped")
            self._remove(entry)
            return None

    def _remove(self, entry: bytes) -> None:
        self._redis.lrem(self._key, 1, entry)  # type: ignore[arg-type]
