"""A new announcement: upload, preview, confirmation."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from console.page_request import PageRequest
from console.people import CHOSEN, chosen_ids
from console.pickers import ZONE, picked_hours, picked_time
from console.ports import Asked, Proposal, Uploaded
from console.routing import action, page
from ledger.api_keys import Scope
from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput

__all__ = ["routes"]

#: Fields of the form, passed on by name.
FIELDS = (
    *("name", "text", "markdown", "desk", "receive_type", "weight", "on_open_ticket", "on_unknown", "first", "stop_at"),
    *("skip_invalid", "allow_duplicates", "encoding", "address_column", "hidden", "everyone", "direct", "partial"),
)
#: Fields with addresses, one on a line, or divided by commas.
ADDRESSES = ("addresses", "exclude")
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
    given = {name: request.field(name) or request.query(name) for name in (*FIELDS, *PICKED, *ADDRESSES)}
    chosen = {name: chosen_ids(request, name) for name in CHOSEN}
    names = _names(request, given["desk"] or DEFAULT_DESK, chosen["people"])
    return request.page("new.html", status, desks=desks, given=given, problem=problem, chosen=chosen, names=names)


def _names(request: PageRequest, desk: str, people: list[str]) -> Mapping[str, str]:
    """Of what is chosen, for those who may see people."""
    if not request.who.may_see_people or desk not in request.context.ledger.settings.all_desks:
        return {}
    return request.context.contacts.names(desk, people) if request.who.sees(desk) else {}


def _propose(request: PageRequest) -> Response:
    try:
        proposal = _proposal(request)
    except BadInput as problem:
        return _form_page(request, 422, problem)
    return request.page("proposal.html", proposal=proposal, zone=request.field(ZONE) or "UTC")


def _proposal(request: PageRequest) -> Proposal:
    """Raises BadInput."""
    lists = {name: _addresses(request, name) for name in ADDRESSES}
    lists |= {name: chosen_ids(request, name) for name in CHOSEN}
    lists["addresses"] += [f"id:{id}" for id in lists.pop("people")]
    recipients = _uploaded(request, "recipients")
    if not (recipients or lists["addresses"] or lists["departments"] or lists["groups"] or request.field("everyone")):
        raise BadInput("recipients", request.say("new.no_file"))
    fields = {name: request.field(name) for name in FIELDS if request.field(name)}
    fields |= _times(request)
    desk = fields.get("desk", DEFAULT_DESK)
    if not request.who.sees(desk):
        raise BadInput("desk", request.say("new.not_your_desk"))
    asked = Asked(fields, recipients, _uploaded(request, "message"), _uploaded(request, "exclude_file"), lists)
    return request.context.proposals.propose(asked, request.who.by)


def _uploaded(request: PageRequest, name: str) -> Uploaded | None:
    file = request.file(name)
    return Uploaded(file.filename or "", file.file) if file else None


def _addresses(request: PageRequest, name: str) -> list[str]:
    return [each.strip() for each in request.field(name).replace("\n", ",").split(",") if each.strip()]


def _times(request: PageRequest) -> dict[str, str]:
    """Those that were picked, and their zone, which is that of the rows' times, too. Raises BadInput."""
    picked = {name: picked_time(request, name) for name in ("at", "expires")} | {"between": picked_hours(request)}
    return {name: value for name, value in picked.items() if value} | {ZONE: request.field(ZONE) or "UTC"}


def _accept(request: PageRequest) -> Response:
    who = request.who
    id = request.context.proposals.accept(request.field("token"), who.by, who.sees, who.key)
    request.context.live.forget()
    return request.to(f"/announcements/{id}", flash="announced")
