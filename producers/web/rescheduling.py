"""`/v1/announcements/{id}/reschedule` and `/v1/notifications/{id}/reschedule`: another time for what has not begun."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field
from typing_extensions import TypedDict

from ledger.errors import NotFound
from ledger.ids import is_announcement, is_notification
from ledger.messages.json_fields import shortened
from ledger.rescheduling import reschedule
from ledger.states import AnnouncementState, State
from ledger.times import IsoTime, iso, new_time
from producers.web.access import Operator
from producers.web.bodies import Body, check_known, json_response
from producers.web.context import ContextDep
from producers.web.openapi.parameters import AnnouncementId, NotificationId
from producers.web.openapi.refusals import ALWAYS, ON_BODY, refusals
from producers.web.openapi.reschedule import RESCHEDULE, RESCHEDULE_FIELDS

__all__ = ["router"]

router = APIRouter(prefix="/v1", responses=ALWAYS)

DueAt = Annotated[IsoTime | None, Field(description="When it begins; null where that is now.")]


class RescheduledAnnouncement(TypedDict):
    """An announcement with its new time."""

    id: Annotated[str, Field(description="`a_…`")]
    state: Annotated[AnnouncementState, Field(description="Where it stands now.")]
    due_at: DueAt


class RescheduledNotification(TypedDict):
    """A notification with its new time."""

    id: Annotated[str, Field(description="`n_…`")]
    state: Annotated[State, Field(description="Where it stands now.")]
    due_at: DueAt


_RESCHEDULING: dict[str, Any] = {"responses": ON_BODY | refusals(404, 409), "openapi_extra": RESCHEDULE}


@router.post(
    "/announcements/{id}/reschedule",
    tags=["announcements"],
    summary="Give an announcement another time",
    response_model=RescheduledAnnouncement,
    **_RESCHEDULING,
)
def reschedule_announcement(id: AnnouncementId, caller: Operator, body: Body, context: ContextDep) -> Response:
    """Give another time to an announcement that is scheduled, or was paused before its first row was released.

    A paused one stays paused. A time in the past, of a day at most, means now.
    """
    at, ledger = _time(body), context.ledger
    if not is_announcement(id):
        raise NotFound(shortened(id))
    caller.check_desk(ledger.announcements.get(id).spec.desk)
    reschedule(ledger, id, at, caller.by)
    found = ledger.announcements.get(id)
    return json_response(RescheduledAnnouncement(id=id, state=found.state, due_at=iso(found.due_ms)))


@router.post(
    "/notifications/{id}/reschedule",
    tags=["notifications"],
    summary="Give a notification another time",
    response_model=RescheduledNotification,
    **_RESCHEDULING,
)
def reschedule_notification(id: NotificationId, caller: Operator, body: Body, context: ContextDep) -> Response:
    """Give another time to a scheduled notification. A time in the past, of a day at most, means now."""
    at, ledger = _time(body), context.ledger
    if not is_notification(id):
        raise NotFound(shortened(id))
    caller.check_desk(ledger.get(id).notification.desk)
    reschedule(ledger, id, at, caller.by)
    record = ledger.get(id)
    return json_response(RescheduledNotification(id=id, state=record.progress.state, due_at=iso(record.due_ms)))


def _time(body: dict[str, Any]) -> datetime:
    """Raises BadInput."""
    check_known(body, RESCHEDULE_FIELDS)
    return new_time(body.get("at"), body.get("timezone"))
