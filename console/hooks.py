"""The page *Hooks and keys*: what came in lately, what it became, what was refused, and who may ask for anything."""

from starlette.responses import Response
from starlette.routing import Route

from console.doorway import look
from console.visit import Visit
from ledger.audit_log import recent_actions
from ledger.hook_log import HookLog

__all__ = ["routes"]

#: Lines of each list.
SHOWN = 50


def routes() -> list[Route]:
    return [look("/hooks", _page)]


def _page(visit: Visit) -> Response:
    ledger = visit.site.ledger
    if visit.who.desks is not None:  # what stands here is of all desks together
        return visit.page("hooks.html", is_limited=True)
    entries = HookLog(ledger.redis, ledger.keys).latest(SHOWN)
    return visit.page(
        "hooks.html", is_limited=False, entries=entries, keys=visit.site.keys.list(), acts=recent_actions(ledger, SHOWN)
    )
