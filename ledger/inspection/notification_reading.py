"""Reading one notification and the places that it stands in."""

from collections.abc import Sequence
from typing import Any

from redis.client import Pipeline

from ledger.connection import text
from ledger.damage import UNREADABLE
from ledger.ids import announcement_of, is_row, row_number
from ledger.inspection.standing import Standing
from ledger.progress import Progress
from ledger.redis_keys import RedisKeys
from ledger.states import INDEXED, State

__all__ = ["INDEXES", "NotificationRead", "state_of"]

INDEXES = sorted(INDEXED)


class NotificationRead:
    """What is asked of one notification, and how the answers are read."""

    def __init__(self, id: str, desk: str, keys: RedisKeys) -> None:
        self._id, self._desk, self._keys = id, desk, keys
        self._is_row = is_row(id)
        self._lane = announcement_of(id) if self._is_row else f"e_{desk}"

    def ask(self, pipe: Pipeline, *, in_lanes: bool) -> None:
        id, keys = self._id, self._keys
        if self._is_row:
            pipe.hget(keys.rows(self._lane), f"{row_number(id)}+")
            pipe.hmget(keys.lane(self._lane), "state", "next", "total", "rest")
            indexes = [keys.row_index(self._lane, index) for index in INDEXES]
        else:
            pipe.hmget(keys.notification(id), "progress", "unresolved")
            pipe.pttl(keys.notification(id))
            pipe.zscore(keys.events, id)
            pipe.hget(keys.joined(id), "count")
            pipe.pttl(keys.joined(id))
            indexes = [keys.index(index) for index in INDEXES]
        waits = (keys.leases(self._desk), keys("lane", self._lane, "due"), keys.unresolved(self._desk))
        for zset in (*waits, *indexes):
            pipe.zscore(zset, id)
        if in_lanes:
            pipe.execute_command("LPOS", keys.waiting(self._lane), id, "COUNT", 2)  # type: ignore[no-untyped-call]

    def standing(self, answers: Any, *, in_lanes: bool) -> Standing:
        kept, second = next(answers), next(answers)
        listed, joined, joined_ttl = (None, None, -1) if self._is_row else (next(answers) for _ in range(3))
        lease, due, unresolved, *indexes = (next(answers) for _ in range(3 + len(INDEXES)))
        lacks_receiver = False
        if not self._is_row:
            kept, contact = kept
            lacks_receiver = contact is not None
        state, is_damaged, is_ahead = self._row(kept, second) if self._is_row else self._event(kept, second)
        return Standing(
            id=self._id,
            lane=self._lane,
            state=state,
            is_damaged=is_damaged,
            is_ahead=is_ahead,
            lease_ms=lease,
            due_ms=due,
            lacks_receiver=lacks_receiver,
            unresolved_ms=unresolved,
            indexes=frozenset(index for index, score in zip(INDEXES, indexes, strict=True) if score is not None),
            expires=not self._is_row and second != -1,
            is_listed=listed is not None,
            times_in_lane=len(next(answers)) if in_lanes else None,
            **_of_joining(None if self._is_row or state is None else kept, joined, joined_ttl),
        )

    def _event(self, kept: bytes | None, ttl: int) -> tuple[State | None, bool, bool]:
        state = state_of(kept)
        return state, state is None and ttl != -2, False

    def _row(self, kept: bytes | None, fields: Sequence[bytes | None]) -> tuple[State | None, bool, bool]:
        try:
            next_row, total = int(fields[1] or b"0"), int(fields[2] or b"0")
            rest = State(text(fields[3] or b"queued"))
        except UNREADABLE:
            return None, False, False  # of the announcement, which is told as such
        number = row_number(self._id)
        if fields[0] is None or number >= total:
            return None, False, False
        if kept is not None:
            state = state_of(kept)
            return state, state is None, False
        return (State.QUEUED, False, False) if number < next_row else (rest, False, True)


def _of_joining(kept: bytes | None, joined: bytes | None, ttl: int) -> dict[str, Any]:
    """The fields of a standing that concern joining. A row takes no part in it."""
    progress = Progress.of_json(kept) if kept else None
    return {
        "into": progress.into if progress else None,
        "gathers": bool(progress and progress.gathers),
        "joined": None if joined is None else int(joined),
        "joined_expires": ttl != -1,
    }


def state_of(kept: bytes | None) -> State | None:
    """The state of a progress, None if it cannot be read."""
    try:
        return Progress.of_json(kept or b"").state
    except UNREADABLE:
        return None
