"""Reading an announcement from the fields that the ledger keeps of it, also when some of them are damaged."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from ledger.announcement import Announcement, Spec
from ledger.damage import NOBODY, UNREADABLE, Reading
from ledger.draft import Draft
from ledger.messages.content import MsgType
from ledger.phrases import Phrase
from ledger.progress import Act
from ledger.sending_hours import seconds_open
from ledger.states import MOVING, OF_ROWS, AnnouncementState, PausedBy, State
from ledger.times import unix_ms

__all__ = ["announcement_of_fields"]

#: A rate older than this says nothing about now, ms; unless it is so low that nothing can be expected to have ended
#: since: then it holds for this many intervals between two ends.
STALE_RATE_MS, STALE_INTERVALS = 120_000, 3


def announcement_of_fields(
    id: str,
    fields: Mapping[bytes, bytes],
    now_ms: int,
    approval_above: int | None = None,
    *,
    first_due_ms: int | None = None,
) -> Announcement:
    """As it stands at `now_ms`. Of one that cannot be read whole, what is left, and what of it is damaged.

    `approval_above`: a draft with more rows needs an approval. `first_due_ms`: the first of those rows that wait for a
    time of their own.
    """
    try:
        return _drafted(id, fields, approval_above) if b"draft" in fields else _whole(id, fields, now_ms, first_due_ms)
    except UNREADABLE as error:
        return _damaged(id, fields, error)


def _whole(id: str, fields: Mapping[bytes, bytes], now_ms: int, first_due_ms: int | None) -> Announcement:
    spec = Spec.of_json(fields[b"spec"])
    state = _state(fields)
    counts = {state: int(fields.get(state.encode(), 0)) for state in OF_ROWS}
    known_rate = float(fields.get(b"rate", 0)) if state is AnnouncementState.RUNNING else 0.0
    asleep, stale = int(fields.get(b"opens_at", 0)) > now_ms, _is_stale(fields, known_rate, now_ms)
    left = sum(counts[state] for state in MOVING)
    held_back = _held_back(fields)
    waits = state is AnnouncementState.RUNNING and left == counts[State.SCHEDULED] + counts[State.DEFERRED]
    rows_due_ms = (waits and first_due_ms) or 0
    return Announcement(
        id=id,
        spec=spec,
        state=state,
        total=int(fields[b"total"]),
        counts=counts,
        created_ms=int(fields[b"created_at"]),
        finished_ms=int(fields[b"finished_at"]) if b"finished_at" in fields else None,
        acts=_acts(fields),
        rerouted=int(fields.get(b"rerouted", 0)),
        rate_per_second=0.0 if stale else known_rate,
        eta_seconds=_eta(spec, left - held_back, known_rate, now_ms) if known_rate and (asleep or not stale) else None,
        due_ms=_due_ms(spec, state, max(int(fields.get(b"opens_at", 0)), rows_due_ms), now_ms) if left else None,
        can_reschedule=state is AnnouncementState.SCHEDULED
        or (state is AnnouncementState.PAUSED and left > 0 and fields.get(b"next") == b"0"),
        paused_by=_paused_by(state, fields),
        held_back=held_back,
    )


def _drafted(id: str, fields: Mapping[bytes, bytes], approval_above: int | None) -> Announcement:
    """None of its rows counts, since nothing is accepted yet."""
    spec, state, total = (
        Spec.of_json(fields[b"spec"]),
        AnnouncementState(fields[b"draft"].decode()),
        int(fields[b"rows"]),
    )
    needs_approval = approval_above is not None and total > approval_above
    return Announcement(
        id=id,
        spec=spec,
        state=state,
        total=total,
        counts=dict.fromkeys(State, 0),
        created_ms=int(fields[b"created_at"]),
        finished_ms=None,
        acts=_acts(fields),
        rerouted=0,
        rate_per_second=0.0,
        eta_seconds=None,
        due_ms=unix_ms(spec.at) or None,
        can_reschedule=state is AnnouncementState.APPROVED,
        draft=Draft.of_fields(fields, needs_approval=needs_approval),
    )


def _acts(fields: Mapping[bytes, bytes]) -> tuple[Act, ...]:
    return tuple((act[0], act[1], act[2]) for act in orjson.loads(fields.get(b"acts", b"[]")))


def _paused_by(state: AnnouncementState, fields: Mapping[bytes, bytes]) -> PausedBy | None:
    """Older versions note no reason: there only people pause."""
    if state is not AnnouncementState.PAUSED:
        return None
    return PausedBy(fields.get(b"paused_by", PausedBy.OPERATOR.encode()).decode())


def _held_back(fields: Mapping[bytes, bytes]) -> int:
    """Rows behind the first ones, which wait until it is resumed."""
    total = int(fields[b"total"])
    return max(0, total - max(int(fields[b"first"]), int(fields[b"next"]))) if b"first" in fields else 0


def _state(fields: Mapping[bytes, bytes]) -> AnnouncementState:
    """As people see it: for the verbs, one that waits for its start runs."""
    state = AnnouncementState(fields[b"state"].decode())
    waits = state is AnnouncementState.RUNNING and fields.get(b"rest") == State.SCHEDULED.encode()
    return AnnouncementState.SCHEDULED if waits else state


def _due_ms(spec: Spec, state: AnnouncementState, opens_ms: int, now_ms: int) -> int | None:
    """Not before its sending hours, of which the ledger looks at the next only when it could send."""
    due_ms = max(unix_ms(spec.at), opens_ms)
    if spec.hours and state in (AnnouncementState.SCHEDULED, AnnouncementState.RUNNING):
        start = datetime.fromtimestamp(max(due_ms, now_ms) / 1000, UTC)
        due_ms = next((window.opens_ms for window in spec.hours.windows(start)), due_ms)
        due_ms = max(due_ms, unix_ms(spec.at))
    return due_ms if due_ms > now_ms else None


def _damaged(id: str, fields: Mapping[bytes, bytes], error: Exception) -> Announcement:
    """What can be told of one that cannot be read: whatever is left is told, and nothing of it goes out."""
    reading = Reading()
    desk = fields.get(b"desk", b"").decode(errors="replace")
    spec = reading.part("spec", lambda: Spec.of_json(fields[b"spec"]), _nameless(desk))
    shown = fields.get(b"draft") or fields.get(b"state", b"")
    state = reading.part("state", lambda: AnnouncementState(shown.decode()), AnnouncementState.PAUSED)
    counts = {each: reading.part(each, lambda: int(fields.get(each.encode(), 0)), 0) for each in OF_ROWS}  # noqa: B023
    total = reading.part("total", lambda: int(fields[b"total"]), sum(counts.values()))
    created_ms = reading.part("created_at", lambda: int(fields[b"created_at"]), 0)
    damage = reading.damage or Phrase("its record is damaged ({error})", error=type(error).__name__)
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
