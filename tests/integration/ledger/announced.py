"""An announcement as a test keeps it in mind beside the ledger, and the kinds of it that hypothesis chooses from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import strategies as st

from ledger.announcement import RowRecord, Spec
from ledger.delivery_options import OnUnknown
from ledger.states import FINAL, AnnouncementState, PausedBy, State
from ledger.stops import hundredths_of_percent
from ledger.times import unix_ms
from tests.integration.ledger.exploration import next_morning_ms

__all__ = ["ENDED_BEFORE_STOP", "OPTIONS", "START_MS", "Announced"]

MESSAGE = {"msg_type": "text", "content": {"text": "We move on Friday"}}
_ENDED = frozenset({State.DELIVERED, State.FAILED})
#: Instead of 20: rows of a model are few.
ENDED_BEFORE_STOP = 3
#: It is eight in the morning when it begins.
START_MS = next_morning_ms()
HOURS = [None, None, None, "07:00-09:00", "08:30-10:00"]
#: Times in ms from now.
OPTIONS = st.fixed_dictionaries(
    {
        "on_unknown": st.sampled_from(OnUnknown),
        "weight": st.sampled_from([1, 1, 3]),
        "between": st.sampled_from(HOURS),
        "at": st.sampled_from([None, None, None, 700, 6_000]),
        "expires_at": st.sampled_from([None, None, None, 5_000, 90_000]),
        "first": st.sampled_from([None, None, 1, 3]),
        "stop_at": st.sampled_from([None, None, "0%", "40%"]),
    }
)


@dataclass
class Announced:
    """One announcement, and what was asked of it last."""

    spec: Spec
    key: str
    rows: list[bytes]
    opened_ms: int
    state: AnnouncementState = AnnouncementState.LOADING
    went_on: bool = False  #: somebody resumed it
    out_of_account: set[str] = field(default_factory=set)  #: rows that had failed or been delivered before
    seen: dict[str, State] = field(default_factory=dict)  #: the states of its rows after the last verb

    @classmethod
    def of(cls, options: dict[str, Any], send_at_in: list[int | None], key: str, now_ms: int) -> "Announced":
        """One row for each of `send_at_in`, ms from now or None for no time of its own."""
        times = {
            name: None if options[name] is None else datetime.fromtimestamp((now_ms + options[name]) / 1000, UTC)
            for name in ("at", "expires_at")
        }
        overrides = [[] if ms is None else [{"send_at_ms": now_ms + ms}] for ms in send_at_in]
        rows = [orjson.dumps([n, f"ou_{n}", [], *override]) for n, override in enumerate(overrides)]
        return cls(Spec(name="Move", message=MESSAGE, **{**options, **times}), key, rows, now_ms)

    @property
    def is_timed(self) -> bool:
        return any(len(orjson.loads(row)) > 3 for row in self.rows)

    def resumed(self) -> None:
        """All its rows may go, and what ended before does not count any more."""
        self.went_on, self.state = True, AnnouncementState.RUNNING
        self.out_of_account = {id for id, state in self.seen.items() if state in _ENDED}

    def paused_itself(self, rows: Sequence[RowRecord]) -> PausedBy | None:
        """Why it must have paused in the last verb, if it ran before and has rows left."""
        now = {row.id: row.progress.state for row in rows}
        just_ended = [id for id, state in now.items() if state in _ENDED and self.seen.get(id) != state]
        self.out_of_account &= {id for id, state in now.items() if state in _ENDED}
        self.seen = now
        if just_ended and self._fails_too_often():
            return PausedBy.STOP_AT
        first = [now[row.id] for row in rows[: self.spec.first]]
        at_rest = all(state in FINAL or state is State.UNKNOWN for state in first)
        return PausedBy.FIRST_N if self.spec.first and not self.went_on and at_rest else None

    def _fails_too_often(self) -> bool:
        ended = [state for id, state in self.seen.items() if state in _ENDED and id not in self.out_of_account]
        most = hundredths_of_percent(self.spec.stop_at) if self.spec.stop_at else 10_000
        return len(ended) >= ENDED_BEFORE_STOP and 10_000 * ended.count(State.FAILED) > most * len(ended)

    def may_call(self, row: bytes, now_ms: int) -> bool:
        if self.spec.first and not self.went_on and self.rows.index(row) >= self.spec.first:
            return False
        *_, last = orjson.loads(row)
        own_ms = last["send_at_ms"] if isinstance(last, dict) else 0
        is_early = max(own_ms, unix_ms(self.spec.at)) > now_ms
        expires = self.spec.expires_at
        is_late = expires is not None and expires.timestamp() * 1000 <= now_ms
        hours = self.spec.hours
        windows = hours.windows(datetime.fromtimestamp(now_ms / 1000, UTC), days=2) if hours else ()
        is_open = hours is None or any(window.opens_ms <= now_ms < window.closes_ms for window in windows)
        return self.state is AnnouncementState.RUNNING and is_open and not is_early and not is_late
