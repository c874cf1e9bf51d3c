"""`/healthz`: the process lives. `/readyz`: it can accept, or why not. Neither requires a key."""

from http import HTTPStatus
from typing import Annotated, Any, NotRequired, cast

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import JSONResponse
from typing_extensions import TypedDict

from ledger.ledger import Ledger
from producers.doctor.diagnosis import Status, check_desks, check_ledger
from producers.web.context import ContextDep
from producers.web.problems import RETRY_AFTER_SECONDS

__all__ = ["router"]

router = APIRouter(tags=["health"])


class Health(TypedDict):
    """The process lives."""

    status: Annotated[str, Field(description="`ok`")]


class NotWell(TypedDict):
    """Something that `deskbell doctor` finds fault with."""

    name: Annotated[str, Field(description="What was looked at.")]
    status: Annotated[Status, Field(description="How bad it is.")]
    found: Annotated[str, Field(description="What was found.")]
    do: Annotated[str, Field(description="What to do about it.")]


class Readiness(TypedDict):
    """Whether notifications can be accepted now."""

    status: Annotated[str, Field(description="`ok` or `unready`")]
    reasons: NotRequired[Annotated[list[str], Field(description="Why not.")]]
    checks: Annotated[list[NotWell], Field(description="What else is not well, such as no worker or a held desk.")]


_UNREADY: dict[int | str, dict[str, Any]] = {503: {"model": Readiness, "description": "No, and why not"}}


@router.get("/healthz", summary="Whether the process lives", response_model=Health)
async def check_health() -> dict[str, str]:
    """Check that the process lives. A supervisor must not restart it because Redis is unavailable, so Redis is not
    asked."""
    return {"status": "ok"}


@router.get(
    "/readyz", summary="Whether notifications can be accepted now", response_model=Readiness, responses=_UNREADY
)
def check_readiness(context: ContextDep) -> JSONResponse:
    """Check Redis, as `deskbell doctor` does: 503, with the reasons, if nothing can be accepted, or is kept.

    Where desks are on several servers, only that of DESKBELL_REDIS_URL makes it a 503: without the others their own
    desks wait, and `checks` says so.
    """
    # Ledgers of its own, which have not asked yet: a server may be another one than a moment ago.
    home, *others = (Ledger(server.settings, server.redis) for server in context.screen.servers)
    checks, is_reached = check_ledger(home)
    reasons = [f"{check.name}: {check.found}" for check in checks if check.status is Status.FAIL and not check.accepts]
    servers = [home] if is_reached else []
    for other in others:
        of_other, is_reached = context.other_servers.checked(other)
        checks += of_other
        servers += [other] if is_reached else []
    # What keeps notifications from being sent is no reason to send producers away.
    checks += check_desks(context.settings, servers) if servers else []
    unwell = [cast(NotWell, check.as_json()) for check in checks if check.status is not Status.OK]
    if not reasons:
        return JSONResponse(Readiness(status="ok", checks=unwell))
    return JSONResponse(
        Readiness(status="unready", reasons=reasons, checks=unwell),
        HTTPStatus.SERVICE_UNAVAILABLE,
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )
