"""An announcement used again: as a whole, for those who did not get it, or corrected for those who are left."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from ledger.announcement import Announcement, Row, RowRecord
from ledger.errors import BadInput, DeskbellError, NotAllowed
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.states import DRAFTED, MOVING, AnnouncementState, State
from producers.announcements.checked_announcement import CheckedAnnouncement
from producers.announcements.reuse import checked_again

__all__ = ["StillSending", "again", "corrected"]

#: States of rows that were not delivered and will not be.
_MISSED = frozenset({State.FAILED, State.EXPIRED, State.CANCELLED})
#: States of what can be stopped and corrected. Cancelled is among them: somebody cancelled it first, or an earlier
#: correction was killed after it had.
_CORRECTED = frozenset(
    {
        AnnouncementState.SCHEDULED,
        AnnouncementState.RUNNING,
        AnnouncementState.PAUSED,
        AnnouncementState.CANCELLED,
    }
)
#: Calls that are under way when it is cancelled end within this, seconds: the longest takes 25.
SETTLE_SECONDS = 30.0
_LOOK_SECONDS = 0.2


class StillSending(DeskbellError):
    """It is cancelled, and some of its calls are still under way: their results decide who is in the draft."""

    http_status = HTTPStatus.CONFLICT
    type = "still-sending"
    title = Phrase("Calls are still under way")
    exit_code = 1


@contextmanager
def again(
    ledger: Ledger, id: str, given: Mapping[str, Any], *, rest_only: bool, **how: Any
) -> Iterator[CheckedAnnouncement]:
    """The announcement with what is `given` otherwise, to all or to the rest. Raises BadInput, NotAllowed."""
    announcement = _accepted(ledger, id, "use again")

    def chosen(row: RowRecord) -> bool:
        return not rest_only or row.progress.state in _MISSED

    with _of_rows(ledger, announcement, given, chosen, **how) as checked:
        yield checked


@contextmanager
def corrected(
    ledger: Ledger, id: str, by: str, given: Mapping[str, Any], *, settle_seconds: float = SETTLE_SECONDS, **how: Any
) -> Iterator[CheckedAnnouncement]:
    """Cancels it, and checks it with what is `given` otherwise for the rows that were not sent.

    Raises BadInput, before anything is cancelled if it can be told then; NotAllowed, StillSending.
    """
    announcement = _accepted(ledger, id, "correct")
    if announcement.state not in _CORRECTED:
        raise NotAllowed(id, "correct", announcement.state)
    if announcement.state is not AnnouncementState.CANCELLED:
        with _of_rows(ledger, announcement, given, lambda row: row.progress.state in MOVING, **how) as first:
            first.refuse_unacceptable()
        ledger.announcements.cancel(id, by)
    _settle(ledger, id, time.monotonic() + settle_seconds)
    with _of_rows(ledger, announcement, given, _was_stopped, **how) as checked:
        yield checked


def _accepted(ledger: Ledger, id: str, verb: str) -> Announcement:
    announcement = ledger.announcements.get(id)
    if announcement.state in DRAFTED:
        raise NotAllowed(id, verb, announcement.state)
    return announcement


def _was_stopped(row: RowRecord) -> bool:
    """By the announcement's end. A row that somebody cancelled by itself stays out."""
    return row.progress.state is State.CANCELLED and not any(did == "cancel" for _, _, did in row.progress.acts)


@contextmanager
def _of_rows(
    ledger: Ledger,
    announcement: Announcement,
    given: Mapping[str, Any],
    is_chosen: Callable[[RowRecord], bool],
    **how: Any,
) -> Iterator[CheckedAnnouncement]:
    def rows() -> Iterator[Row]:
        return (each.row for each in ledger.announcements.rows(announcement.id) if is_chosen(each) and not each.damage)

    if next(rows(), None) is None:
        raise BadInput("recipients", Phrase("nobody is left: every row was sent, or settled by somebody"))
    with checked_again(ledger, announcement.spec, rows, given, **how) as checked:
        yield checked


def _settle(ledger: Ledger, id: str, ends_at: float) -> None:
    """Waits for the calls that were under way. Raises StillSending."""
    while left := ledger.announcements.get(id).left:
        if time.monotonic() >= ends_at:
            raise StillSending(
                Phrase(
                    "{id} is cancelled, and {n:,} row of it is still being sent: do the same again in a minute"
                    " | {id} is cancelled, and {n:,} rows of it are still being sent: do the same again in a minute",
                    id=id,
                    n=left,
                )
            )
        time.sleep(_LOOK_SECONDS)
