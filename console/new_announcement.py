"""A new announcement, and the edit of one that is not started: the form makes a draft, or changes it."""

from starlette.responses import Response
from starlette.routing import Route

from console.announcement_form import Trouble, asked_of, form_page
from console.page_request import PageRequest
from console.routing import action, lacks, page
from ledger.api_key import Scope
from ledger.errors import BadInput, Changed, NotAllowed

__all__ = ["routes"]


def routes() -> list[Route]:
    return [
        page("/announcements/new", _new),
        action("/announcements/new", _keep, needs=Scope.ANNOUNCE, uploads=True),
        page("/announcements/{id}/edit", _edit),
        action("/announcements/{id}/edit", _save, needs=Scope.ANNOUNCE, uploads=True),
    ]


def _new(request: PageRequest) -> Response:
    return form_page(request, None)


def _keep(request: PageRequest) -> Response:
    try:
        kept = request.context.drafting.keep(asked_of(request), request.who.person)
    except BadInput as problem:
        return form_page(request, None, Trouble(problem))
    if not isinstance(kept, str):
        return form_page(request, None, Trouble(summary=kept))
    request.context.live.forget()
    return request.to(f"/announcements/{kept}", flash="draft_kept")


def _edit(request: PageRequest) -> Response:
    draft = request.announcement()
    if not request.who.may_announce:
        return lacks(request, Scope.ANNOUNCE)
    if draft.draft is None:
        raise NotAllowed(draft.id, "edit", draft.state)
    return form_page(request, draft)


def _save(request: PageRequest) -> Response:
    """What was typed stays in the form unless it is saved."""
    draft, version = request.announcement(), request.version()
    if draft.draft is None:
        raise NotAllowed(draft.id, "edit", draft.state)
    try:
        refused = request.context.drafting.edit(draft, version, asked_of(request, draft), request.who.person)
    except BadInput as problem:
        return form_page(request, draft, Trouble(problem))
    except Changed as conflict:
        return form_page(request, request.announcement(), Trouble(conflict=conflict))
    if refused:
        return form_page(request, draft, Trouble(summary=refused))
    request.context.live.forget()
    return request.to(f"/announcements/{draft.id}", flash="draft_saved")
