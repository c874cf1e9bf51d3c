"""The page *Hooks and keys*: recent requests to hooks with their results, refusals, and the API keys."""

from starlette.responses import Response
from starlette.routing import Route

from console.page_request import PageRequest
from console.routing import page
from ledger.audit_log import recent_actions
from ledger.hook_log import HookLog

__all__ = ["routes"]

#: Lines per list.
SHOWN = 50


def routes() -> list[Route]:
    return [page("/hooks", _page)]


def _page(request: PageRequest) -> Response:
    ledger = request.context.ledger
    if request.who.desks is not None:  # what stands here is of all desks together
        return request.page("hooks.html", is_limited=True)
    entries = HookLog(ledger.redis, ledger.keys).latest(SHOWN)
    return request.page(
        "hooks.html",
        is_limited=False,
        entries=entries,
        keys=request.context.keys.list(),
        acts=recent_actions(ledger, SHOWN),
    )
