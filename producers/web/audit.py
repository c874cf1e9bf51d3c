"""`/v1/audit`: what people did, by whichever way."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field
from typing_extensions import TypedDict

from ledger.audit_log import AuditEntryJson, actions_before
from ledger.phrases import Phrase
from producers.web.access import Reader
from producers.web.bodies import json_response
from producers.web.context import ContextDep
from producers.web.openapi.parameters import NumberCursor
from producers.web.openapi.refusals import ALWAYS
from producers.web.problems import Problem

__all__ = ["router"]

#: Largest page.
MOST_LISTED = 1000

router = APIRouter(prefix="/v1/audit", tags=["audit"], responses=ALWAYS)


class AuditPage(TypedDict):
    """A page of the audit log."""

    acts: Annotated[list[AuditEntryJson], Field(description="Newest first.")]
    next: Annotated[int | None, Field(description="The cursor of the next page; null at the end.")]


@router.get("", summary="List what people did", response_model=AuditPage)
def list_audit(
    caller: Reader,
    context: ContextDep,
    cursor: NumberCursor = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED, description="Most on a page.")] = 100,
) -> Response:
    """List what people did with the console, the command line or this API, newest first: announcing, pausing, resuming,
    cancelling, retrying, resolving, resuming desks, creating and revoking keys, signing in and out.

    The log is of all desks together, so a key for some desks cannot read it (403). Acts stay for DESKBELL_AUDIT_FOR.
    """
    if caller.desks is not None:
        problem = Phrase("the audit log is of all desks, and {key} is for some", key=caller.name)
        raise Problem(HTTPStatus.FORBIDDEN, Phrase("The key is not for every desk"), problem)
    acts, following = actions_before(context.ledger, cursor, limit)
    return json_response(AuditPage(acts=[act.as_json() for act in acts], next=following))
