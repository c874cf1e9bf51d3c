"""A new announcement: upload, preview, confirmation."""

from starlette.responses import Response
from starlette.routing import Route

from console.page_request import PageRequest
from console.pickers import ZONE, picked_hours, picked_time
from console.ports import Proposal, Uploaded
from console.routing import action, page
from ledger.api_keys import Scope
from ledger.errors import BadInput

__all__ = ["routes"]

#: Fields of the form, passed on by name.
FIELDS = (
    *("name", "text", "markdown", "desk", "receive_type", "weight", "on_open_ticket", "on_unknown", "first", "stop_at"),
    *("skip_invalid", "allow_duplicates", "encoding", "address_column", "hidden"),
)
#: Fields of the pickers.
PICKED = ("at_date", "at_time", "expires_date", "expires_time", "hours_from", "hours_to", ZONE)


def routes() -> list[Route]:
    return [
        page("/announcements/new", _form),
        action("/announcements/new", _propose, needs=Scope.ANNOUNCE, uploads=True),
        action("/announcements/accept", _accept, needs=Scope.ANNOUNCE),
    ]


def _form(request: PageRequest) -> Response:
    return _form_page(request, 200, None)


def _form_page(request: PageRequest, status: int, problem: BadInput | None) -> Response:
    desks = [name for name in request.context.ledger.settings.all_desks if request.who.sees(name)]
    given = {name: request.field(name) for name in (*FIELDS, *PICKED)}
    return request.page("new.html", status, desks=desks, given=given, problem=problem)


def _propose(request: PageRequest) -> Response:
    try:
        proposal = _proposal(request)
    except BadInput as problem:
        return _form_page(request, 422, problem)
    return request.page("proposal.html", proposal=proposal, zone=request.field(ZONE) or "UTC")


def _proposal(request: PageRequest) -> Proposal:
    """Raises BadInput."""
    recipients, message = request.file("recipients"), request.file("message")
    if recipients is None:
        raise BadInput("recipients", request.say("new.no_file"))
    fields = {name: request.field(name) for name in FIELDS if request.field(name)}
    fields |= _times(request)
    desk = fields.get("desk", "default")
    if not request.who.sees(desk):
        raise BadInput("desk", request.say("new.not_your_desk"))
    named = Uploaded(message.filename or "", message.file) if message else None
    return request.context.proposals.propose(
        Uploaded(recipients.filename or "", recipients.file), named, fields, request.who.by
    )


def _times(request: PageRequest) -> dict[str, str]:
    """Those that were picked, and their zone, which is that of the rows' times, too. Raises BadInput."""
    picked = {name: picked_time(request, name) for name in ("at", "expires")} | {"between": picked_hours(request)}
    return {name: value for name, value in picked.items() if value} | {ZONE: request.field(ZONE) or "UTC"}


def _accept(request: PageRequest) -> Response:
    who = request.who
    id = request.context.proposals.accept(request.field("token"), who.by, who.sees, who.key)
    request.context.live.forget()
    return request.to(f"/announcements/{id}", flash="announced")
