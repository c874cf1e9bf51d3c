"""`/healthz`: the process lives. `/readyz`: it can accept, or why not. Neither requires a key."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse

from ledger.ledger import Ledger
from producers.doctor.diagnosis import Status, check_desks, check_ledger
from producers.web.context import ContextDep
from producers.web.problems import RETRY_AFTER_SECONDS

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Whether the process lives")
async def healthz() -> dict[str, str]:
    """Check that the process lives. A supervisor must not restart it because Redis is unavailable, so Redis is not
    asked."""
    return {"status": "ok"}


@router.get("/readyz", summary="Whether notifications can be accepted now", responses={503: {"description": "No"}})
def readyz(context: ContextDep) -> Any:
    """Check Redis, as `deskbell doctor` does: 503, with the reasons, if nothing can be accepted, or is kept."""
    # A ledger of its own, which has not asked yet: the server may be another one than a moment ago.
    ledger = Ledger(context.settings, context.screen.redis)
    checks, reached = check_ledger(ledger)
    reasons = [f"{check.name}: {check.found}" for check in checks if check.status is Status.FAIL and not check.accepts]
    # What keeps notifications from being sent is no reason to send producers away.
    checks += check_desks(context.settings, ledger) if reached else []
    others = [check.as_json() for check in checks if check.status is not Status.OK]
    if not reasons:
        return {"status": "ok", "checks": others}
    return JSONResponse(
        {"status": "unready", "reasons": reasons, "checks": others},
        HTTPStatus.SERVICE_UNAVAILABLE,
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )
