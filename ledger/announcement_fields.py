"""An announcement as the fields of its hash in Redis tell it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from ledger.announcement import Announcement, Spec
from ledger.connection import text
from ledger.damage import NOBODY, UNREADABLE, Reading
from ledger.messages.content import MsgType
from ledger.sending_hours import seconds_open
from ledger.states import AnnouncementState, State

__all__ = ["announcement_of_fields"]

#: A rate older than this says nothing about now, ms; unless it is so low that nothing can be expected to have ended
#: since: then it holds for this many intervals between two ends.
STALE_RATE_MS, STALE_INTERVALS = 120_000, 3


def announcement_of_fields(id: str, fields: Mapping[bytes, bytes], now_ms: int) -> Announcement:
    """As it stands at `now_ms`. Of one that cannot be read whole, what is left, and what of it is damaged."""
    try:
        return _whole(id, fields, now_ms)
    except UNREADABLE as error:
        return _damaged(id, fields, error)


def _whole(id: str, fields: Mapping[bytes, bytes], now_ms: int) -> Announcement:
    spec = Spec.of_json(fields[b"spec"])
    state = AnnouncementState(fields[b"state"].decode())
    counts = {state: int(fields.get(state.encode(), 0)) for state in State}
    known_rate = float(fields.get(b"rate", 0)) if state is AnnouncementState.RUNNING else 0.0
    asleep, stale = int(fields.get(b"opens_at", 0)) > now_ms, _is_stale(fields, known_rate, now_ms)
    left = sum(counts[state] for state in (State.SCHEDULED, State.QUEUED, State.SENDING, State.DEFERRED))
    return Announcement(
        id=id,
        spec=spec,
        state=state,
        total=int(fields[b"total"]),
        counts=counts,
        created_ms=int(fields[b"created_at"]),
        finished_ms=int(fields[b"finished_at"]) if b"finished_at" in fields else None,
        acts=tuple((act[0], act[1], act[2]) for act in orjson.loads(fields.get(b"acts", b"[]"))),
        rerouted=int(fields.get(b"rerouted", 0)),
        rate_per_second=0.0 if stale else known_rate,
        eta_seconds=_eta(spec, left, known_rate, now_ms) if known_rate and (asleep or not stale) else None,
    )


def _damaged(id: str, fields: Mapping[bytes, bytes], error: Exception) -> Announcement:
    """What can be told of one that cannot be read: whatever is left is told, and nothing of it goes out."""
    reading = Reading()
    desk = fields.get(b"desk", b"").decode(errors="replace")
    spec = reading.part("spec", lambda: Spec.of_json(fields[b"spec"]), _nameless(desk))
    state = reading.part("state", lambda: AnnouncementState(text(fields[b"state"])), AnnouncementState.PAUSED)
    counts = {each: reading.part(each, lambda: int(fields.get(each.encode(), 0)), 0) for each in State}  # noqa: B023
    total = reading.part("total", lambda: int(fields[b"total"]), sum(counts.values()))
    created_ms = reading.part("created_at", lambda: int(fields[b"created_at"]), 0)
    damage = reading.damage or f"its record is damaged ({type(error).__name__})"
    return Announcement(id, spec, state, total, counts, created_ms, None, (), 0, 0.0, None, damage)


def _nameless(desk: str) -> Spec:
    message: Any = {"msg_type": MsgType.TEXT, "content": {"text": NOBODY}}
    return Spec.model_construct(name=NOBODY, message=message, desk=desk)


def _is_stale(fields: Mapping[bytes, bytes], rate: float, now_ms: int) -> bool:
    intervals_ms = STALE_INTERVALS * 1000 / rate if rate else 0.0
    return now_ms - int(fields.get(b"rate_at", 0)) > max(STALE_RATE_MS, intervals_ms)


def _eta(spec: Spec, left: int, rate: float, now_ms: int) -> float:
    needed = left / rate
    if spec.hours is None:
        return needed
    return seconds_open(spec.hours.windows(datetime.fromtimestamp(now_ms / 1000, UTC)), now_ms, needed)
