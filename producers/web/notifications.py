"""`/v1/notifications`: submission, lookup, retry, cancel, resolve."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, NotRequired

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from typing_extensions import TypedDict

from ledger.allowance import Allowance
from ledger.errors import BadInput, DeskbellError, NotAllowed, NotFound
from ledger.full_search import Finding, Place, Reach, Sought
from ledger.ids import is_notification
from ledger.ledger import Ledger
from ledger.messages.json_fields import shortened
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.record import Accepted, NotificationJson
from ledger.saved_template import SavedTemplate
from ledger.search import Cursor, Search
from ledger.states import Resolution, Retried, State
from producers.web.access import Caller, Operator, Reader, Sender
from producers.web.bodies import Body, BodyOrNothing, chosen, in_turn, json_object, json_response, without_delay
from producers.web.context import ContextDep, WebContext
from producers.web.key_limits import accept_within
from producers.web.languages import told_response
from producers.web.notification_parser import FoundTemplates, NotificationParser, given_key, templates_named
from producers.web.openapi.bodies import choice_body
from producers.web.openapi.notifications import NOTIFICATIONS
from producers.web.openapi.parameters import Desk, NotificationId, PageCursor
from producers.web.openapi.refusals import ALWAYS, ON_BODY, refusals
from producers.web.problems import Problem, problem_of

__all__ = ["router"]

#: Largest page of a list.
MOST_LISTED = 500
#: A batch of so many is built on the event loop, if its body is small too: it takes some 12 ms.
SMALL_BATCH = 200

_FIND = (
    "A text of 2 to 200 characters, whatever its case: in the receiver, key or message id of an event, or in any column"
    " of a row. Cannot be combined with receiver_id, key and code."
)

router = APIRouter(prefix="/v1/notifications", tags=["notifications"], responses=ALWAYS)


class ItemProblem(TypedDict):
    """Why one item of a batch was not accepted."""

    problem: Annotated[dict[str, Any], Field(description="As a Problem, without `request_id`.")]


class Batch(TypedDict):
    """A result per item, in order."""

    accepted: Annotated[int, Field(description="Items that were accepted.")]
    refused: Annotated[int, Field(description="Items that were not.")]
    results: Annotated[list[Accepted | ItemProblem], Field(description="In the order of the items.")]


class NotificationPage(TypedDict):
    """A page of events; with `find` of rows, too."""

    notifications: Annotated[list[NotificationJson], Field(description="Newest first.")]
    next: Annotated[str | None, Field(description="The cursor of the next page; null at the end.")]
    looked_at: NotRequired[Annotated[Reach, Field(description="With `find`: how far all pages so far have looked.")]]


class ChangedNotification(TypedDict):
    """The state of a notification now."""

    id: Annotated[str, Field(description="`n_…`")]
    state: Annotated[State, Field(description="Where it stands now.")]


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    summary="Submit notifications",
    response_model=Accepted | Batch,
    response_description="On record, and on disk",
    responses=ON_BODY,
    openapi_extra=NOTIFICATIONS,
)
async def send_notification(request: Request, caller: Sender, context: ContextDep) -> Response:
    """Submit one notification, or up to 1,000 as `{"notifications": […]}`. Answered once they are on disk.

    In a batch each item has its own result: a refused item does not affect the others. If none was accepted, the
    answer is a 422 with the same results.
    """
    body = await json_object(request)
    key, templates = given_key(request.headers.get("idempotency-key")), await _templates(context, caller, body)
    parser = NotificationParser(context.settings, caller, key, datetime.now(UTC), templates)
    if "notifications" in body:
        return await _accept_batch(request, context, caller, parser, body)
    if parser.has_templates:
        notification = await in_turn(request, len(await request.body()), parser.one, body)
    else:
        notification = await without_delay(request, parser.one, body)
    [result] = await accept_within(context, caller.key, [notification])
    if parser.has_templates:
        await asyncio.to_thread(context.templates.note_accepted, [notification])
    if isinstance(result, DeskbellError):
        raise result
    return json_response(result.as_json(), HTTPStatus.ACCEPTED)


async def _templates(context: WebContext, caller: Caller, body: dict[str, Any]) -> FoundTemplates:
    """Those that the body names, read in a thread: Redis blocks. Of desks that are not the caller's none is read."""
    named = templates_named(body)
    if not named:
        return {}

    def found(desk: str, written: str) -> SavedTemplate | DeskbellError:
        try:
            caller.check_desk(desk)
            return context.templates.find(desk, written)
        except (BadInput, Problem) as error:
            return error

    return await asyncio.to_thread(lambda: {each: found(*each) for each in named})


async def _accept_batch(
    request: Request, context: WebContext, caller: Caller, parser: NotificationParser, body: dict[str, Any]
) -> Response:
    if len(body) > 1:
        other = next(name for name in body if name != "notifications")
        raise BadInput(shortened(other), Phrase("cannot be combined with notifications: put it into each item"))
    items = await _items(request, parser, body["notifications"])
    notifications = [item for item in items if isinstance(item, Notification)]
    accept_results = iter(await accept_within(context, caller.key, notifications))
    if parser.has_templates:
        await asyncio.to_thread(context.templates.note_accepted, notifications)
    results = [_result(next(accept_results) if isinstance(item, Notification) else item) for item in items]
    accepted = sum("id" in result for result in results)
    if accepted:
        counts = {"accepted": accepted, "refused": len(results) - accepted}
        return told_response(counts | {"results": results}, request.scope, HTTPStatus.ACCEPTED)
    raise Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        Phrase("Nothing was accepted"),
        Phrase("each item has its own problem, in results"),
        type="nothing-accepted",
        results=results,
    )


async def _items(request: Request, parser: NotificationParser, raws: Any) -> list[Notification | DeskbellError]:
    if parser.has_templates or (isinstance(raws, list) and len(raws) > SMALL_BATCH):
        return await in_turn(request, len(await request.body()), parser.each, raws)
    return await without_delay(request, parser.each, raws)


def _result(result: Accepted | DeskbellError) -> dict[str, Any]:
    return result.as_json() if isinstance(result, Accepted) else {"problem": problem_of(result).as_json()}


@router.get("", summary="List events", response_model=NotificationPage)
def list_notifications(
    caller: Reader,
    context: ContextDep,
    state: Annotated[State | None, Query(description="In this state alone.")] = None,
    desk: Desk = None,
    receiver_id: Annotated[str | None, Query(description="To this receiver alone.")] = None,
    key: Annotated[str | None, Query(description="With this idempotency key: at most one for each desk.")] = None,
    code: Annotated[int | None, Query(description="Whose last attempt ended with this code of Feishu's.")] = None,
    find: Annotated[str | None, Query(description=_FIND)] = None,
    cursor: PageCursor = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED, description="Most on a page.")] = 100,
) -> Response:
    """List events, newest first. `next` is the cursor of the next page, and null at the end.

    A page reads at most 2,000 events: with a filter it may have few matches, or none, and still a next page. With
    `find` it also reads at most 20,000 rows of announcements, and `looked_at` says how far all pages so far looked.
    """
    if desk is not None:
        context.settings.desk(desk)
        caller.check_desk(desk)
    desks = caller.desks if desk is None else frozenset({desk})
    if find is not None:
        if (receiver_id, key, code) != (None, None, None):
            raise BadInput("find", Phrase("cannot be combined with receiver_id, key and code"))
        finding = Finding(context.ledger, Sought.of(find, among_people=caller.sees_addresses), desks, state, limit)
        return _found(finding, cursor, with_address=caller.sees_addresses)
    search = Search(state, desks, receiver_id, key, code)
    page = search.page(context.ledger, limit, Cursor.of(cursor) if cursor is not None else None)
    found = [record.as_json(with_address=caller.sees_addresses) for record in page.records]
    return json_response(NotificationPage(notifications=found, next=str(page.next) if page.next else None))


def _found(finding: Finding, cursor: str | None, *, with_address: bool) -> Response:
    found = finding.page(Place.of(cursor) if cursor is not None else None)
    told = [record.as_json(with_address=with_address) for record in found.records]
    next_cursor = str(found.next) if found.next else None
    return json_response(NotificationPage(notifications=told, next=next_cursor, looked_at=found.reach()))


@router.get("/{id}", summary="Show a notification", response_model=NotificationJson, responses=refusals(404))
def get_notification(id: NotificationId, caller: Reader, context: ContextDep) -> Response:
    """Get the record of a notification, without the message."""
    return json_response(_shown(context.ledger, caller, id))


@router.post(
    "/{id}/retry",
    summary="Send a notification again",
    response_model=ChangedNotification,
    responses=ON_BODY | refusals(404, 409),
    openapi_extra=choice_body("Retry", "state", Retried, "The state from which it is sent again.", Retried.FAILED),
)
def retry_notification(id: NotificationId, caller: Operator, body: BodyOrNothing, context: ContextDep) -> Response:
    """Retry a failed notification; with `{"state": "unknown"}` a maybe-sent one."""
    state = chosen(body, "state", Retried, Retried.FAILED)
    act = partial(context.ledger.retry, [id], caller.by, [State(state)])
    return _decided(context.ledger, caller, id, "retry", _counted(context.ledger, caller, act))


@router.post(
    "/{id}/cancel", summary="Cancel a notification", response_model=ChangedNotification, responses=refusals(404, 409)
)
def cancel_notification(id: NotificationId, caller: Operator, context: ContextDep) -> Response:
    """Cancel a notification that is not sent yet. One that is being sent cannot be cancelled."""
    return _decided(context.ledger, caller, id, "cancel", lambda: context.ledger.cancel([id], caller.by))


@router.post(
    "/{id}/resolve",
    summary="Settle a notification that was maybe sent",
    response_model=ChangedNotification,
    responses=ON_BODY | refusals(404, 409),
    openapi_extra=choice_body("Settling", "as", Resolution, "What is known of it now."),
)
def resolve_notification(id: NotificationId, caller: Operator, body: Body, context: ContextDep) -> Response:
    """Settle a maybe-sent notification: `{"as": "delivered"}`, `failed` or `resend`."""
    outcome = chosen(body, "as", Resolution)
    act: Callable[[], list[State]] = partial(context.ledger.resolve, [id], caller.by, outcome)
    if outcome is Resolution.RESEND:
        act = _counted(context.ledger, caller, act)
    return _decided(context.ledger, caller, id, f"resolve as {outcome}", act)


def _counted(ledger: Ledger, caller: Caller, act: Callable[[], list[State]]) -> Callable[[], list[State]]:
    """Among what the key may have sent on a day."""
    return lambda: Allowance(ledger, caller.key).spend(1, act, len)


def _decided(ledger: Ledger, caller: Caller, id: str, did: str, act: Callable[[], Sequence[State]]) -> Response:
    """A verb on one notification. It may be replayed: a repeat returns the current state.

    `did` is the verb in the record. Raises NotFound, NotAllowed, or Problem (403) for a desk that is not the caller's.
    """
    _shown(ledger, caller, id)
    try:
        [state] = act()
    except NotAllowed:
        progress = ledger.get(id).progress
        if not progress.acts or progress.acts[-1][2] != did:
            raise
        state = progress.state
    return json_response(ChangedNotification(id=id, state=state))


def _shown(ledger: Ledger, caller: Caller, id: str) -> NotificationJson:
    if not is_notification(id):
        raise NotFound(shortened(id))
    record = ledger.get(id)
    caller.check_desk(record.notification.desk)
    return record.as_json(with_address=caller.sees_addresses)
