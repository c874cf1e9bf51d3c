"""`/v1/announcements/{id}/rows`: rows of an announcement, by their state, receiver, or any of their values."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field
from typing_extensions import TypedDict

from ledger.full_search import Sought
from ledger.record import NotificationJson
from ledger.row_search import found_rows
from ledger.states import State
from producers.web.access import Reader, found_of
from producers.web.bodies import json_response
from producers.web.context import ContextDep
from producers.web.openapi.parameters import AnnouncementId, NumberCursor
from producers.web.openapi.refusals import ALWAYS, refusals

__all__ = ["router"]

#: Largest page.
MOST_LISTED = 500
_FIND = (
    "A text of 2 to 200 characters, whatever its case: in the receiver's id, in a message's id, or in any column, such"
    " as a name or an e-mail address."
)

router = APIRouter(prefix="/v1/announcements", tags=["announcements"], responses=ALWAYS)


class RowReach(TypedDict):
    """Which rows a page has looked at: those in the state that was asked for if that is `failed` or `unknown`, else
    all of them."""

    first: Annotated[int, Field(description="The first one, from 1.")]
    last: Annotated[int, Field(description="The last one.")]
    of: Annotated[int, Field(description="How many there are.")]


class RowPage(TypedDict):
    """A page of rows."""

    rows: Annotated[list[NotificationJson], Field(description="In the order of the file, with `line` and `person`.")]
    next: Annotated[int | None, Field(description="The cursor of the next page; null at the end.")]
    looked_at: Annotated[RowReach, Field(description="How far this page has looked.")]


@router.get("/{id}/rows", summary="Find rows", response_model=RowPage, responses=refusals(404, 409))
def find_announcement_rows(
    id: AnnouncementId,
    caller: Reader,
    context: ContextDep,
    state: Annotated[State | None, Query(description="In this state alone.")] = None,
    receiver_id: Annotated[str, Query(description="To this receiver alone.")] = "",
    find: Annotated[str | None, Query(description=_FIND)] = None,
    cursor: NumberCursor = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED, description="Most on a page.")] = 100,
) -> Response:
    """Find rows by their state, receiver, or any of their values, in the order of the file.

    A draft has no results yet (409). A page looks at 5,000 rows at most, with `find` at 20,000: it may have few
    matches, or none, and still a next page. A key without `operate` or `announce` sees ids alone: nothing is found by
    a name or an address.
    """
    announcement = found_of(context.ledger, caller, id)
    sought = None if find is None else Sought.of(find, among_people=caller.sees_addresses)
    found = found_rows(
        context.ledger, announcement, state=state, receiver=receiver_id, sought=sought, start=cursor, limit=limit
    )
    rows = [row.record(announcement).as_json(with_address=caller.sees_addresses) for row in found.rows]
    reach = RowReach(first=found.first, last=found.last, of=found.of)
    return json_response(RowPage(rows=rows, next=found.next, looked_at=reach))
