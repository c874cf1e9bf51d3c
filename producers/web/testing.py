"""`POST /v1/announcements/{id}/test`: the message of one row of a draft, to one person."""

from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response

from ledger.errors import BadInput
from ledger.messages.json_fields import kind_of
from ledger.phrases import Phrase
from producers.announcements.testing import RowChoice, accept_test_of_draft, chosen_row, events_of_draft
from producers.web.access import Author, Caller, found_of
from producers.web.announcement_intake import turns
from producers.web.announcements import AcceptedTest
from producers.web.bodies import Body, check_known, json_response
from producers.web.context import ContextDep, WebContext
from producers.web.key_limits import send_within
from producers.web.notification_parser import given_key
from producers.web.openapi.announcements import TEST_BODY, TEST_FIELDS
from producers.web.openapi.parameters import AnnouncementId
from producers.web.openapi.refusals import ALWAYS, ON_BODY, refusals

__all__ = ["router"]

router = APIRouter(prefix="/v1/announcements", tags=["announcements"], responses=ALWAYS)


@router.post(
    "/{id}/test",
    status_code=HTTPStatus.ACCEPTED,
    summary="Test a draft",
    response_model=AcceptedTest,
    responses=ON_BODY | refusals(404, 409),
    openapi_extra=TEST_BODY,
)
def test_announcement(id: AnnouncementId, caller: Author, body: Body, context: ContextDep) -> Response:
    """Send the message of one row of a draft to one person, marked as a test. The draft stays as it is."""
    check_known(body, TEST_FIELDS)
    for name in ("to", "key"):
        if not isinstance(body.get(name, ""), str):
            raise BadInput(name, Phrase("must be a string, not {kind}", kind=kind_of(body[name])))
    if not body.get("to"):
        raise BadInput("to", Phrase("must not be empty"))
    sent = _sent(context, caller, id, body["to"], body.get("row"), given_key(body.get("key")))
    return json_response({"id": sent}, HTTPStatus.ACCEPTED)


def _sent(context: WebContext, caller: Caller, id: str, to: str, row: Any, key: str | None) -> str:
    """The id of the message. Raises NotFound, NotAllowed, BadInput, and Problem (403) for a desk or a limit."""
    ledger, choice = context.ledger, chosen_row(row)
    found_of(ledger, caller, id)
    find = partial(events_of_draft, ledger, id, to, choice, caller.key_id, key)
    # These two look at every row.
    is_long = choice in (RowChoice.LONGEST, RowChoice.EMPTIEST)
    events = turns.take(caller.by, find).result() if is_long else find()
    return accept_test_of_draft(ledger, id, events, caller.person, partial(send_within, ledger, caller.key))
