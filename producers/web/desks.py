"""`/v1/desks`: the helpdesks, why one does not send, and the end of a hold."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import Field, with_config
from typing_extensions import TypedDict

from ledger.desk_facts import DeskJson, desk_facts
from ledger.errors import NotFound
from ledger.messages.json_fields import shortened
from producers.web.access import Operator, Reader
from producers.web.bodies import json_response
from producers.web.context import ContextDep
from producers.web.openapi.refusals import ALWAYS, refusals

__all__ = ["router"]

router = APIRouter(prefix="/v1/desks", tags=["desks"], responses=ALWAYS)

Name = Annotated[str, Path(description="Its name.", openapi_examples={"the first one": {"value": "default"}})]


class DeskList(TypedDict):
    """The desks that the key may use."""

    desks: Annotated[list[DeskJson], Field(description="In the order of the settings.")]


@with_config(title="ResumedDesk")
class ResumedDesk(TypedDict):
    """A desk whose hold has ended."""

    desk: Annotated[str, Field(description="Its name.")]
    resumed: Annotated[bool, Field(description="Whether it was held.")]


@router.get("", summary="List desks", response_model=DeskList)
def list_desks(caller: Reader, context: ContextDep) -> Response:
    """List the desks that the key may use: quota, calls, what waits and for how long, open tickets, and why one does
    not send."""
    desks = [desk for name, desk in context.settings.all_desks.items() if caller.may_use(name)]
    return json_response(DeskList(desks=[desk_facts(context.ledger, desk) for desk in desks]))


@router.post("/{name}/resume", summary="Resume a desk", response_model=ResumedDesk, responses=refusals(404))
def resume_desk(name: Name, caller: Operator, context: ContextDep) -> Response:
    """End its hold: it sends again at once, and is held again if the reason still stands."""
    if name not in context.settings.all_desks:
        raise NotFound(shortened(name))
    caller.check_desk(name)
    return json_response(ResumedDesk(desk=name, resumed=context.ledger.resume_desk(name, caller.by)))
