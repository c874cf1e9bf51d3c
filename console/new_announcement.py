"""A new announcement: a file and a message, what would come of them, and the word that sends it."""

from starlette.responses import Response
from starlette.routing import Route

from console.doorway import act, look
from console.ports import Proposal, Uploaded
from console.visit import Visit
from ledger.errors import BadInput

__all__ = ["routes"]

#: Fields of the form that are handed on by their names.
FIELDS = (
    *("name", "text", "desk", "receive_type", "between", "timezone", "at", "expires"),
    *("weight", "on_open_ticket", "on_unknown", "skip_invalid", "allow_duplicates"),
)


def routes() -> list[Route]:
    return [
        look("/announcements/new", _form),
        act("/announcements/new", _propose, uploads=True),
        act("/announcements/accept", _accept),
    ]


def _form(visit: Visit) -> Response:
    return _form_page(visit, 200, None)


def _form_page(visit: Visit, status: int, problem: BadInput | None) -> Response:
    desks = [name for name in visit.site.ledger.settings.all_desks if visit.who.sees(name)]
    given = {name: visit.field(name) for name in FIELDS}
    return visit.page("new.html", status, desks=desks, given=given, problem=problem)


def _propose(visit: Visit) -> Response:
    try:
        proposal = _proposal(visit)
    except BadInput as problem:
        return _form_page(visit, 422, problem)
    return visit.page("proposal.html", proposal=proposal)


def _proposal(visit: Visit) -> Proposal:
    """Raises BadInput."""
    recipients, message = visit.file("recipients"), visit.file("message")
    if recipients is None:
        raise BadInput("recipients", visit.say("new.no_file"))
    fields = {name: visit.field(name) for name in FIELDS if visit.field(name)}
    desk = fields.get("desk", "default")
    if not visit.who.sees(desk):
        raise BadInput("desk", visit.say("new.not_your_desk"))
    named = Uploaded(message.filename or "", message.file) if message else None
    return visit.site.proposals.propose(
        Uploaded(recipients.filename or "", recipients.file), named, fields, visit.who.by
    )


def _accept(visit: Visit) -> Response:
    id = visit.site.proposals.accept(visit.field("token"), visit.who.by, visit.who.sees)
    visit.note("announce", id)
    visit.site.live.forget()
    return visit.to(f"/announcements/{id}", told="announced")
