"""The estimated end of an announcement, at its desk's quota, beside the running announcements."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ledger.announcement import Announcement, Spec
from ledger.rate import slack_ms
from ledger.sending_hours import Window
from ledger.settings import Desk
from ledger.states import AnnouncementState

__all__ = ["Share", "calls_per_second", "finish_ms", "shares_of", "start_ms"]

#: Later than any time that is asked for, ms.
_NEVER_MS = 2**62
_SENDING = (AnnouncementState.SCHEDULED, AnnouncementState.RUNNING)
#: Less than this of a row is none: the shares are fractions.
_NO_ROW = 1e-6


@dataclass(frozen=True, slots=True)
class Share:
    """Rows that wait for the calls of a desk, and when they may have some."""

    rows: int
    weight: int
    windows: tuple[Window, ...]

    @classmethod
    def of(cls, spec: Spec, rows: int, now_ms: int, due_ms: int = 0) -> "Share":
        begins_ms = max(now_ms, due_ms, round(spec.at.timestamp() * 1000) if spec.at else 0)
        if spec.hours is None:
            return cls(rows, spec.weight, (Window(begins_ms, _NEVER_MS),))
        hours = spec.hours.windows(datetime.fromtimestamp(begins_ms / 1000, UTC))
        return cls(rows, spec.weight, tuple(Window(max(opens, begins_ms), closes) for opens, closes in hours))


def start_ms(ours: Share, now_ms: int) -> int | None:
    """Unix time when the first of our rows has its call: announcements take turns, so none waits for another's end.

    None when that is beyond the sending hours that are planned ahead.
    """
    return max(now_ms, ours.windows[0].opens_ms) if ours.windows else None


def shares_of(announcements: Iterable[Announcement], now_ms: int) -> list[Share]:
    """What those that run, or will start, still need. Paused ones need nothing until somebody resumes them."""
    return [Share.of(each.spec, each.left - each.held_back, now_ms) for each in announcements if each.state in _SENDING]


def calls_per_second(desk: Desk) -> float | None:
    """What the quota comes to in the long run, with the slack that the pacer keeps; None without a quota."""
    return min((limit.calls / (limit.seconds + slack_ms(limit) / 1000) for limit in desk.rate), default=None)


def finish_ms(ours: Share, others: Sequence[Share], rate: float, now_ms: int) -> int | None:
    """Unix time when the last of our rows has its call, if nothing else is sent and nothing fails.

    `rate` is in calls per second. None when that is beyond the sending hours that are planned ahead.
    """
    waits = [_Waiting(share) for share in (ours, *others)]
    at_ms = float(now_ms)
    while waits[0].rows > _NO_ROW:
        pending = [each for each in waits if each.rows > _NO_ROW and each.next_change_ms(at_ms) is not None]
        if waits[0] not in pending:
            return None
        at_ms = _step(pending, rate / 1000, at_ms)
    return round(at_ms)


class _Waiting:
    def __init__(self, share: Share) -> None:
        self.rows = float(share.rows)
        self.weight = share.weight
        self._windows = share.windows
        self._place = 0

    def next_change_ms(self, at_ms: float) -> int | None:
        """When it opens, or closes if it is open; None when it never opens again."""
        while self._place < len(self._windows) and self._windows[self._place].closes_ms <= at_ms:
            self._place += 1
        if self._place == len(self._windows):
            return None
        window = self._windows[self._place]
        return window.closes_ms if window.opens_ms <= at_ms else window.opens_ms

    def is_open(self, at_ms: float) -> bool:
        return self._windows[self._place].opens_ms <= at_ms


def _step(pending: Sequence[_Waiting], rate_per_ms: float, at_ms: float) -> float:
    """Goes on to the next moment at which the shares change, or somebody has no row left. Returns that moment."""
    changes_ms = min(each.next_change_ms(at_ms) or _NEVER_MS for each in pending)
    open_now = [each for each in pending if each.is_open(at_ms)]
    per_weight = rate_per_ms / sum(each.weight for each in open_now) if open_now else 0.0
    lasts_ms = min([changes_ms - at_ms, *(each.rows / (per_weight * each.weight) for each in open_now)])
    for each in open_now:
        each.rows -= lasts_ms * per_weight * each.weight
    return at_ms + lasts_ms
