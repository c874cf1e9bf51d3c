"""The page *Hooks*: what came to each hook, refusals, and what people did; and a page on which to try a hook."""

from starlette.responses import Response
from starlette.routing import Route

from console.page_request import PageRequest
from console.ports import HookFacts, Tried
from console.routing import action, page
from ledger.api_key import Scope
from ledger.audit_log import recent_actions
from ledger.errors import BadInput, NotFound
from ledger.hook_log import KEPT, HookLog, tallies_of

__all__ = ["routes"]

#: Lines per list.
SHOWN = 50


def routes() -> list[Route]:
    return [
        page("/hooks", _page),
        page("/hooks/{name}", _hook_page),
        action("/hooks/{name}", _try, needs=Scope.OPERATE),
    ]


def _page(request: PageRequest) -> Response:
    ledger = request.context.ledger
    if request.who.desks is not None:  # what stands here is of all desks together
        return request.page("hooks.html", is_limited=True)
    entries = HookLog(ledger.redis, ledger.keys).latest(2 * KEPT)
    tallies = tallies_of(entries)
    facts = request.context.hooks.facts()
    return request.page(
        "hooks.html",
        is_limited=False,
        hooks=facts,
        gone=sorted(tallies.keys() - {each.name for each in facts}),
        tallies=tallies,
        entries=entries[:SHOWN],
        acts=recent_actions(ledger, SHOWN),
    )


def _try(request: PageRequest) -> Response:
    """Sends nothing, and keeps nothing of what was pasted."""
    if request.who.desks is not None:
        return request.page("hooks.html", is_limited=True)
    name = _facts(request).name
    try:
        tried = request.context.hooks.try_payload(
            name, request.field("payload"), request.field("sent_headers"), request.who.name
        )
    except BadInput as problem:
        return _hook_page(request, problem=problem)
    return _hook_page(request, tried=tried)


def _hook_page(request: PageRequest, tried: Tried | None = None, problem: BadInput | None = None) -> Response:
    if request.who.desks is not None:
        return request.page("hooks.html", is_limited=True)
    ledger, facts = request.context.ledger, _facts(request)
    given = {name: request.field(name) for name in ("payload", "sent_headers")}
    entries = HookLog(ledger.redis, ledger.keys).latest(SHOWN, hook=facts.name)
    status = problem.http_status if problem else 200
    return request.page("hook.html", status, hook=facts, entries=entries, given=given, tried=tried, problem=problem)


def _facts(request: PageRequest) -> HookFacts:
    """Raises NotFound."""
    name = request.part("name")
    found = next((each for each in request.context.hooks.facts() if each.name == name), None)
    if found is None:
        raise NotFound(name[:32])
    return found
