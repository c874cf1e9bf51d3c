"""`/v1/announcements`: submission, results and control of announcements."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field, with_config
from starlette.responses import StreamingResponse
from typing_extensions import TypedDict

from ledger.allowance import sent_again
from ledger.announcement import Announcement, AnnouncementJson
from ledger.errors import BadInput
from ledger.ids import is_announcement
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.record import Announced
from ledger.states import DRAFTED, AnnouncementState, Resolution, Retried, State, SteeringVerb
from producers.announcements.drafts import Drafts
from producers.announcements.export import RESULT_COLUMNS, Format, export_of, names_of, results_of
from producers.announcements.preview import DryRun
from producers.announcements.steering import steer
from producers.web.access import Announcer, Caller, Operator, Reader, found_of
from producers.web.announcement_intake import accepted, foretold, tested
from producers.web.announcement_request import read_announcement_request
from producers.web.bodies import Body, BodyOrNothing, chosen, json_response
from producers.web.context import ContextDep
from producers.web.draft_intake import DraftMade, kept
from producers.web.languages import told_response
from producers.web.notification_parser import KEY_CHARACTERS, given_key
from producers.web.openapi.announcements import ANNOUNCEMENT
from producers.web.openapi.bodies import choice_body
from producers.web.openapi.parameters import AnnouncementId, Desk, PageCursor
from producers.web.openapi.refusals import ALWAYS, ON_BODY, refusals

__all__ = ["ChangedAnnouncement", "router"]

#: Largest page of a list of announcements, and of results.
MOST_LISTED, MOST_RESULTS = 500, 1000
#: Announcements that are read in one round trip, while those are looked for that are meant.
_READ = 50

router = APIRouter(prefix="/v1/announcements", tags=["announcements"], responses=ALWAYS)


_COLUMNS = f"`receiver_id`, its columns, and {', '.join(f'`{name}`' for name in RESULT_COLUMNS)}"


class AnnouncementPage(TypedDict):
    """A page of announcements."""

    announcements: Annotated[list[AnnouncementJson], Field(description="Newest first; drafts by their last edit.")]
    next: Annotated[str | None, Field(description="The cursor of the next page; null at the end.")]


class ResultPage(TypedDict):
    """A page of rows: the input's columns, and their results."""

    results: Annotated[list[dict[str, Any]], Field(description=f"In the order of the file: {_COLUMNS}.")]
    next: Annotated[int | None, Field(description="The cursor of the next page; null at the end.")]


class ChangedAnnouncement(TypedDict):
    """The state of an announcement now."""

    id: Annotated[str, Field(description="`a_…`")]
    state: Annotated[AnnouncementState, Field(description="Where it stands now.")]


class RowsDone(TypedDict):
    """The number of affected rows."""

    id: Annotated[str, Field(description="`a_…`")]
    rows: Annotated[int, Field(description="How many rows it was done to.")]


@with_config(title="Test")
class AcceptedTest(TypedDict):
    """The message of a test, on record and on disk."""

    id: Annotated[str, Field(description="Of the message that was sent: `n_…`.")]


#: Of the routes that pause, resume and cancel.
_STEERING: dict[str, Any] = {"response_model": ChangedAnnouncement, "responses": refusals(404, 409)}
#: Of the routes that act on all rows in a state.
_ACTING: dict[str, Any] = {"response_model": RowsDone, "responses": ON_BODY | refusals(404, 409)}


_MEDIA_TYPES = {Format.CSV: "text/csv", Format.JSONL: "application/x-ndjson"}
_TEXT = {"schema": {"type": "string"}}


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    summary="Submit an announcement",
    response_model=Announced | AcceptedTest,
    response_description="On record, and on disk",
    responses={
        200: {"model": DryRun, "description": "The answer to `dry_run`"},
        201: {"model": DraftMade, "description": "The answer to `draft`"},
    }
    | ON_BODY
    | refusals(424, 502),
    openapi_extra=ANNOUNCEMENT,
)
async def send_announcement(
    request: Request,
    caller: Announcer,
    context: ContextDep,
    key: Annotated[
        str | None,
        Header(alias="Idempotency-Key", max_length=KEY_CHARACTERS, description="The same as the field `key`."),
    ] = None,
) -> Response:
    """Submit an announcement: a form with the file of its recipients, or JSON with the rows.

    All rows are checked first: either all are valid or nothing is accepted, and the problem lists the first errors.
    The answer comes once everything is on disk. Without a key, the same recipients, message and options are accepted
    once. With `dry_run` nothing is accepted, and the answer (200) is a preview. With `test_to` one message of one `row`
    goes to that person, marked as a test, nothing else is accepted, and the answer is `{id}` of that message. With
    `draft` it becomes a draft, and nothing is accepted before that is started: the answer (201) is `{id, state, url}`.
    More rows than DESKBELL_APPROVAL_ABOVE must be a draft (403).
    """
    announcement_request = await read_announcement_request(request, given_key(key))
    if announcement_request.dry_run:
        return told_response(await foretold(context, caller, announcement_request), request.scope)
    if announcement_request.is_draft:
        return json_response(await kept(context, caller, announcement_request), HTTPStatus.CREATED)
    if announcement_request.test:
        return json_response(await tested(context, caller, announcement_request), HTTPStatus.ACCEPTED)
    return json_response(await accepted(context, caller, announcement_request), HTTPStatus.ACCEPTED)


@router.get("", summary="List announcements", response_model=AnnouncementPage)
def list_announcements(
    caller: Reader,
    context: ContextDep,
    state: Annotated[AnnouncementState | None, Query(description="In this state alone.")] = None,
    drafts: Annotated[bool, Query(description="Those that are not started yet, instead of those that are.")] = False,
    desk: Desk = None,
    cursor: PageCursor = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED, description="Most on a page.")] = 100,
) -> Response:
    """List announcements, newest first. `next` is the cursor of the next page, and null at the end.

    With `drafts`, or the state of a draft, those that are not started yet, the last edited first.
    """
    if desk is not None:
        context.settings.desk(desk)
        caller.check_desk(desk)

    def is_meant(found: Announcement) -> bool:
        is_of_desk = caller.may_use(found.spec.desk) if desk is None else found.spec.desk == desk
        return is_of_desk and state in (None, found.state)

    are_drafts = drafts or state in DRAFTED
    page = (_drafts_page if are_drafts else _page)(context.ledger, is_meant, cursor, limit)
    more = len(page) > limit
    told = [found.as_json() for found in page[:limit]]
    return json_response(AnnouncementPage(announcements=told, next=told[-1]["id"] if more else None))


@router.get("/{id}", summary="Show an announcement", response_model=AnnouncementJson, responses=refusals(404))
def get_announcement(id: AnnouncementId, caller: Reader, context: ContextDep) -> Response:
    """Get its state: its rows by state, its rate, the estimated end, people's actions."""
    return json_response(found_of(context.ledger, caller, id).as_json())


@router.get(
    "/{id}/results",
    summary="The result of each row",
    response_model=ResultPage,
    response_description="A page, or with `format` a file",
    responses=refusals(404, 409) | {200: {"content": dict.fromkeys(_MEDIA_TYPES.values(), _TEXT)}},
)
def get_announcement_results(
    id: AnnouncementId,
    caller: Reader,
    context: ContextDep,
    written_as: Annotated[
        Format | None, Query(alias="format", description="All rows as a file, instead of a page.")
    ] = None,
    cursor: Annotated[int, Query(ge=0, le=2**31, description="`next` of the page before; 0 for the first page.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_RESULTS, description="Most on a page.")] = 100,
) -> Response:
    """Get the result of each row, in the order of its file, also while it runs: a page of JSON, or everything as a
    file.

    With `format` all rows are streamed, as `deskbell export` writes them, and `cursor` and `limit` are ignored. A draft
    has no results yet (409). The values of the columns are null for a key without `operate` or `announce`: it sees ids.
    """
    names = names_of(found_of(context.ledger, caller, id).spec.columns)
    if written_as is not None:
        headers = {"Content-Disposition": f'attachment; filename="{id}.{written_as}"'}
        pieces = export_of(context.ledger, id, written_as, whole=caller.sees_addresses)
        return StreamingResponse(pieces, media_type=_MEDIA_TYPES[written_as], headers=headers)
    rows = list(islice(results_of(context.ledger, id, cursor, whole=caller.sees_addresses), limit + 1))
    told = [dict(zip(names, row, strict=True)) for row in rows[:limit]]
    return json_response(ResultPage(results=told, next=cursor + limit if len(rows) > limit else None))


@router.post("/{id}/pause", summary="Pause an announcement", **_STEERING)
def pause_announcement(id: AnnouncementId, caller: Operator, context: ContextDep) -> Response:
    """Pause it: no call starts until it is resumed. Calls in flight finish."""
    return _steered(context.ledger, caller, id, "pause")


@router.post("/{id}/resume", summary="Resume an announcement", **_STEERING)
def resume_announcement(id: AnnouncementId, caller: Operator, context: ContextDep) -> Response:
    """Resume it, if it is paused."""
    return _steered(context.ledger, caller, id, "resume")


@router.post("/{id}/cancel", summary="Cancel an announcement", **_STEERING)
def cancel_announcement(id: AnnouncementId, caller: Operator, context: ContextDep) -> Response:
    """Cancel all rows that are not sent yet."""
    return _steered(context.ledger, caller, id, "cancel")


@router.post(
    "/{id}/retry",
    summary="Send rows again",
    openapi_extra=choice_body("Retry", "state", Retried, "The state from which it is sent again.", Retried.FAILED),
    **_ACTING,
)
def retry_announcement(id: AnnouncementId, caller: Operator, body: BodyOrNothing, context: ContextDep) -> Response:
    """Retry its failed rows; with `{"state": "unknown"}` the maybe-sent ones. Returns their number."""
    state = chosen(body, "state", Retried, Retried.FAILED)
    found, announcements = found_of(context.ledger, caller, id), context.ledger.announcements
    act = partial(announcements.retry, id, caller.by, [State(state)])
    return json_response(RowsDone(id=id, rows=sent_again(context.ledger, caller.key, found.counts[State(state)], act)))


@router.post(
    "/{id}/resolve",
    summary="Settle rows that were maybe sent",
    openapi_extra=choice_body("Settling", "as", Resolution, "What is known of it now."),
    **_ACTING,
)
def resolve_announcement(id: AnnouncementId, caller: Operator, body: Body, context: ContextDep) -> Response:
    """Settle its maybe-sent rows: `{"as": "delivered"}`, `failed` or `resend`. Returns their number."""
    outcome = chosen(body, "as", Resolution)
    found, act = (
        found_of(context.ledger, caller, id),
        partial(context.ledger.announcements.resolve, id, caller.by, outcome),
    )
    key = caller.key if outcome is Resolution.RESEND else None
    return json_response(RowsDone(id=id, rows=sent_again(context.ledger, key, found.counts[State.UNKNOWN], act)))


def _steered(ledger: Ledger, caller: Caller, id: str, verb: SteeringVerb) -> Response:
    found_of(ledger, caller, id)
    state = steer(ledger.announcements, id, verb, caller.by)
    return json_response(ChangedAnnouncement(id=id, state=state))


def _drafts_page(
    ledger: Ledger, is_meant: Callable[[Announcement], bool], after: str | None, limit: int
) -> list[Announcement]:
    """As `_page`. One that was started, discarded or edited meanwhile no longer has its place: then it is the first."""
    meant = [found for found in Drafts(ledger).listed() if is_meant(found)]
    place = next((place for place, found in enumerate(meant, start=1) if found.id == after), 0)
    return meant[place : place + limit + 1]


def _page(
    ledger: Ledger, is_meant: Callable[[Announcement], bool], after: str | None, limit: int
) -> list[Announcement]:
    """At most one more than `limit`, so that it is known whether there are any. `after` is an id, which keeps its place
    while others come in before it."""
    ids = ledger.announcements.ids()
    if after is not None:
        if not is_announcement(after):
            raise BadInput("cursor", Phrase("is not a cursor from a page"))
        # Its record may have gone since: ids sort by time.
        ids = ids[ids.index(after) + 1 :] if after in ids else [id for id in ids if id < after]
    portions = (ledger.announcements.several(ids[start : start + _READ]) for start in range(0, len(ids), _READ))
    return list(islice((found for portion in portions for found in portion if is_meant(found)), limit + 1))
