"""`/v1/announcements/{id}/…`: what people do with drafts."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field
from typing_extensions import TypedDict

from ledger.announcement import Announcement, AnnouncementJson
from ledger.api_key import Scope
from ledger.errors import BadInput, NotAllowed
from ledger.phrases import Phrase
from ledger.states import DRAFTED
from producers.announcements.drafts import Drafts
from producers.web.access import Announcer, Approver, Author, Caller, Starter, found_of
from producers.web.announcement_request import read_announcement_request
from producers.web.announcements import ChangedAnnouncement
from producers.web.bodies import Body, BodyOrNothing, check_known, json_response
from producers.web.context import ContextDep, WebContext
from producers.web.draft_intake import DraftMade, corrected, edited, used_again
from producers.web.key_limits import draft_within
from producers.web.openapi.drafts import AGAIN, APPROVE, CORRECT, EDIT, REJECT, START
from producers.web.openapi.parameters import AnnouncementId
from producers.web.openapi.refusals import ALWAYS, ON_BODY, refusals

__all__ = ["router"]

router = APIRouter(prefix="/v1/announcements", tags=["drafts"], responses=ALWAYS)
_REFUSALS = refusals(404, 409)
#: Fields of a request that makes a draft of an announcement.
_MADE = frozenset({"text", "markdown", "message", "name"})


class Discarded(TypedDict):
    """A draft that is gone."""

    id: Annotated[str, Field(description="`a_…`")]


_STATE: dict[str, Any] = {"response_model": ChangedAnnouncement, "responses": _REFUSALS}
_WITH_BODY: dict[str, Any] = {"response_model": ChangedAnnouncement, "responses": ON_BODY | _REFUSALS}
_MAKING: dict[str, Any] = {
    "response_model": DraftMade,
    "status_code": HTTPStatus.CREATED,
    "responses": ON_BODY | _REFUSALS,
}


@router.put(
    "/{id}",
    summary="Edit a draft",
    response_model=AnnouncementJson,
    responses=ON_BODY | _REFUSALS,
    openapi_extra=EDIT,
)
async def edit_draft(request: Request, id: AnnouncementId, caller: Announcer, context: ContextDep) -> Response:
    """Edit a draft that still has the `version` that was read; otherwise this is a 409, and nothing changes.

    What is not given stays as it is, also the rows; null goes back to the default. An approval ends.
    """
    asked = await read_announcement_request(request, None, is_edit=True)
    return json_response(await edited(context, caller, id, asked))


@router.post("/{id}/submit", summary="Submit a draft for approval", **_STATE)
def submit_draft(id: AnnouncementId, caller: Author, context: ContextDep) -> Response:
    """Ask somebody else to approve it."""
    return _state(_drafts(context, caller, id).submit(id, caller.person))


@router.post("/{id}/approve", summary="Approve a draft", openapi_extra=APPROVE, **_WITH_BODY)
def approve_draft(id: AnnouncementId, caller: Approver, body: Body, context: ContextDep) -> Response:
    """Approve exactly what has this fingerprint: another one is a 409. Its authors cannot (403)."""
    check_known(body, {"fingerprint"})
    drafts = _drafts(context, caller, id)
    return _state(drafts.approve(id, _text(body, "fingerprint"), caller.person))


@router.post("/{id}/reject", summary="Reject a draft", openapi_extra=REJECT, **_WITH_BODY)
def reject_draft(id: AnnouncementId, caller: Approver, body: Body, context: ContextDep) -> Response:
    """Reject it, also after it was approved: it can be edited and submitted again."""
    check_known(body, {"why"})
    return _state(_drafts(context, caller, id).reject(id, _text(body, "why"), caller.person))


@router.post("/{id}/start", summary="Start a draft", openapi_extra=START, **_WITH_BODY)
def start_draft(id: AnnouncementId, caller: Starter, body: BodyOrNothing, context: ContextDep) -> Response:
    """Accept all its rows. Without the approval that it needs this is a 403.

    With a `reason` it starts without one: that needs the scope `operate`, and goes on record. With a `version` only
    that one is started.
    """
    check_known(body, {"reason", "version"})
    reason = _text(body, "reason") if body.get("reason") is not None else None
    caller.check_scope(Scope.ANNOUNCE if reason is None else Scope.OPERATE)
    draft, version = found_of(context.ledger, caller, id), _version(body)
    if draft.state not in DRAFTED:
        raise NotAllowed(id, "start", draft.state)
    draft_within(context.ledger, caller.key, draft, Drafts(context.ledger), reason, version, caller.person)
    return _state(context.ledger.announcements.get(id))


@router.post("/{id}/discard", summary="Discard a draft", response_model=Discarded, responses=_REFUSALS)
def discard_draft(id: AnnouncementId, caller: Author, context: ContextDep) -> Response:
    """Delete it with its rows."""
    _drafts(context, caller, id).discard(id, caller.person)
    return json_response(Discarded(id=id))


@router.post("/{id}/again", summary="Use an announcement again", openapi_extra=AGAIN, **_MAKING)
async def use_announcement_again(
    id: AnnouncementId, caller: Announcer, body: BodyOrNothing, context: ContextDep
) -> Response:
    """Make a draft of it, with its text, options and receivers; with `rest` only for those who did not get it.

    A `text`, `markdown`, `message` or `name` takes the place of its own. Asked for twice, it is one draft.
    """
    check_known(body, _MADE | {"rest"})
    if not isinstance(body.get("rest", False), bool):
        raise BadInput("rest", Phrase("must be true or false"))
    return json_response(await used_again(context, caller, id, body), HTTPStatus.CREATED)


@router.post("/{id}/correct", summary="Stop an announcement, and draft the rest", openapi_extra=CORRECT, **_MAKING)
async def correct_announcement(
    id: AnnouncementId, caller: Announcer, body: BodyOrNothing, context: ContextDep
) -> Response:
    """Cancel it, and make a draft for exactly the receivers whom it was not sent to, with a corrected message.

    Needs the scope `operate`, too. While calls are under way, this is a 409 `still-sending`: repeat it.
    """
    caller.check_scope(Scope.OPERATE)
    check_known(body, _MADE)
    return json_response(await corrected(context, caller, id, body), HTTPStatus.CREATED)


def _drafts(context: WebContext, caller: Caller, id: str) -> Drafts:
    """Raises NotFound, and Problem (403) for a desk that the caller may not use."""
    found_of(context.ledger, caller, id)
    return Drafts(context.ledger)


def _state(announcement: Announcement) -> Response:
    return json_response(ChangedAnnouncement(id=announcement.id, state=announcement.state))


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise BadInput(name, Phrase("must be a string"))
    return value


def _version(body: Mapping[str, Any]) -> int | None:
    version = body.get("version")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
        raise BadInput("version", Phrase("must be the number of the version that you read"))
    return version
