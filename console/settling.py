"""Settling what was maybe sent, one by one, several or all of an announcement, and taking that back."""

from functools import partial

from starlette.responses import Response
from starlette.routing import Route

from console.page_request import PageRequest
from console.routing import action
from ledger.allowance import Allowance, sent_again
from ledger.api_key import ApiKey
from ledger.errors import BadInput, NotFound
from ledger.ids import is_announcement, is_notification
from ledger.messages.json_fields import shortened
from ledger.phrases import Phrase
from ledger.settling import MOST_SETTLED, Settlement, Settling
from ledger.states import Resolution, State

__all__ = ["routes"]


def routes() -> list[Route]:
    return [action("/settle", _settle), action("/settle/undo", _undo)]


def _settle(request: PageRequest) -> Response:
    """It takes effect later, so the page shows it as something that can be taken back."""
    ids, outcome = _ids(request), Resolution(request.choice("as", tuple(Resolution)))
    if not ids:
        return request.back(flash="nothing_ticked")
    ledger, who = request.context.ledger, request.who
    act = partial(Settling(ledger).decide, ids, who.by, outcome, who.sees)
    count = sent_again(ledger, who.key, _meant(request, ids), act) if outcome is Resolution.RESEND else act()
    request.context.live.forget()
    return request.back() if count else request.back(flash="settled_by_others")


def _ids(request: PageRequest) -> list[str]:
    """Of notifications, or of one announcement. Raises NotFound or BadInput."""
    ids = list(dict.fromkeys(request.values("id")))
    for id in ids:
        if not is_notification(id) and not is_announcement(id):
            raise NotFound(shortened(id))
    if len(ids) > MOST_SETTLED:
        raise BadInput("id", Phrase("at most {most} at once", most=MOST_SETTLED))
    return ids


def _meant(request: PageRequest, ids: list[str]) -> int:
    """How many may be sent again."""
    announcements = request.context.ledger.announcements
    return sum(announcements.get(id).counts[State.UNKNOWN] if is_announcement(id) else 1 for id in ids)


def _undo(request: PageRequest) -> Response:
    settlement = _settlement(request)
    if settlement is None or not Settling(request.context.ledger).undo(settlement, request.who.by):
        request.context.live.forget()
        return request.back(flash="undone_too_late")
    if settlement.outcome is Resolution.RESEND:
        Allowance(request.context.ledger, _maker(request, settlement)).give_back(settlement.count)
    request.context.live.forget()
    return request.back(flash="undone", n=settlement.count)


def _settlement(request: PageRequest) -> Settlement | None:
    desk, _, id = request.field("settlement").partition(" ")
    if desk not in request.context.ledger.settings.all_desks or not request.who.sees(desk):
        raise NotFound(shortened(desk))
    pending = Settling(request.context.ledger).pending([desk])
    return next((each for each in pending if each.id == id), None)


def _maker(request: PageRequest, settlement: Settlement) -> ApiKey | None:
    """The key among whose daily number it counted."""
    return next((key for key in request.context.keys.list() if settlement.by == f"key {key.name}"), None)
