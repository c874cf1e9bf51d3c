"""The announcements of several servers as one: each is on the server of its desk. See `ledger.spread_ledger`."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ledger.announcement import Announcement, RowRecord, Spec
from ledger.announcements import Announcements
from ledger.connection import text
from ledger.ledger import Ledger
from ledger.loading import DraftKey, Opened
from ledger.record import Record
from ledger.states import AnnouncementState, State

__all__ = ["SpreadAnnouncements"]


class SpreadAnnouncements(Announcements):
    """What is not here is made of what is."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._ledger = ledger

    def _of(self, id: str) -> Announcements:
        return self._ledger.with_record(id).announcements

    def ids(self, count: int = 0) -> list[str]:
        found: list[tuple[float, str]] = []
        for server in self._ledger.servers:
            newest: Any = server.redis.zrevrange(server.keys.announcements, 0, count - 1, withscores=True)
            found += [(started_ms, text(id)) for id, started_ms in newest]
        return [id for _, id in sorted(found, reverse=True)][: count or None]

    def several(self, ids: Sequence[str], now_ms: int | None = None) -> list[Announcement]:
        several = (server.announcements.several(ids, now_ms) for server in self._ledger.servers)
        found = {each.id: each for of_server in several for each in of_server}
        return [found[id] for id in ids if id in found]

    def get(self, id: str) -> Announcement:
        return self._of(id).get(id)

    def rows(self, id: str, first: int = 0) -> Iterator[RowRecord]:
        return self._of(id).rows(id, first)

    def record(self, id: str) -> Record | None:
        return self._of(id).record(id)

    def some_rows(self, id: str, numbers: Sequence[int]) -> list[RowRecord]:
        return self._of(id).some_rows(id, numbers)

    def numbers_in(self, id: str, state: State, count: int = 500) -> list[str]:
        return self._of(id).numbers_in(id, state, count)

    def open(self, spec: Spec, *, key: str, digest: str, timed: bool = False, draft: DraftKey | None = None) -> Opened:
        return self._ledger.at(spec.desk).announcements.open(spec, key=key, digest=digest, timed=timed, draft=draft)

    def load(self, id: str, rows: Iterable[bytes]) -> int:
        return self._of(id).load(id, rows)

    def start(self, id: str, spec: Spec, total: int, by: str = "") -> bool:
        return self._ledger.at(spec.desk).announcements.start(id, spec, total, by)

    def approval(self, desk: str) -> tuple[int | str, bytes]:
        return self._ledger.at(desk).announcements.approval(desk)

    def retry(self, id: str, by: str, states: Sequence[State] = (State.FAILED,)) -> int:
        return self._of(id).retry(id, by, states)

    def resolve(self, id: str, by: str, outcome: str) -> int:
        return self._of(id).resolve(id, by, outcome)

    def _steer(self, id: str, verb: str, by: str) -> AnnouncementState:
        return self._of(id)._steer(id, verb, by)
