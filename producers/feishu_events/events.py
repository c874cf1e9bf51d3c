"""The effect of Feishu's events: an opened ticket closes the way by `chat`, and a closed one reopens it.

After a person has changed or left, Deskbell asks again who their addresses belong to."""

import logging
from collections.abc import Mapping
from typing import Any, get_args

from ledger.addresses import Contact, ContactKind
from ledger.ledger import Ledger
from ledger.tickets import CLOSED_STATUSES, OPEN_STATUSES, TicketChange, take_ticket_change
from ledger.unresolved import forget_people
from producers.feishu_events.envelope import Event

__all__ = ["PERSON_EVENTS", "TICKET_EVENTS", "take_event"]

log = logging.getLogger(__name__)

#: The events that are used, and how their bodies hold the ticket: as a whole, or beside its former values.
TICKET_EVENTS = {"helpdesk.ticket.created_v1": None, "helpdesk.ticket.updated_v1": "object"}
#: A person has changed, or left: each with the person as it is now, and some former values.
PERSON_EVENTS = frozenset({"contact.user.updated_v3", "contact.user.deleted_v3"})
#: Longer than any id that Feishu has.
_ID_CHARACTERS = 128
#: Unix ms until the year 5138: what is beyond is none.
_LATEST_MS = 10**14


def take_event(ledger: Ledger, event: Event) -> int:
    """Processes the event, once for any number of pushes. Returns the number of notifications that became due.

    Events of other types or helpdesks are ignored: pushing them again would not help.
    """
    if event.type in PERSON_EVENTS:
        _forget_person(ledger, event)
        return 0
    if event.type not in TICKET_EVENTS:
        log.debug("an event that is not used: %s", event.type[:_ID_CHARACTERS])
        return 0
    ticket = _ticket_of(event)
    change = _change(event, ticket)
    if change is None:
        log.warning("a ticket event that cannot be understood: %s", event.type)
        return 0
    desks = [desk.name for desk in event.desks if desk.helpdesk_id == ticket.get("helpdesk_id")]
    woken = sum(take_ticket_change(ledger, name, change) or 0 for name in desks)
    if woken:
        log.info("a ticket has closed, %s notifications go on", woken, extra={"desk": desks[0]})
    return woken


def _forget_person(ledger: Ledger, event: Event) -> None:
    """Pushed again, it changes nothing more."""
    sides = [side for name in ("object", "old_object") if isinstance(side := event.body.get(name), dict)]
    open_ids = {side["open_id"] for side in sides if _is_id(side.get("open_id"))}
    contacts = [
        contact
        for side in sides
        for kind in get_args(ContactKind)
        if isinstance(text := side.get(kind), str) and (contact := Contact.read(kind, text))
    ]
    for app in {desk.app for desk in event.desks}:
        for server in ledger.servers_of([desk.name for desk in event.desks if desk.app == app]):
            forget_people(server, app, open_ids, contacts)


def _ticket_of(event: Event) -> Mapping[str, Any]:
    place = TICKET_EVENTS[event.type]
    found = event.body.get(place) if place else event.body
    return found if isinstance(found, dict) else {}


def _change(event: Event, ticket: Mapping[str, Any]) -> TicketChange | None:
    """None without ticket, guest or a status that is known. What has no time yet has -1."""
    status, ticket_id, ids = ticket.get("status"), ticket.get("ticket_id"), _guest_ids(ticket)
    if status not in (*OPEN_STATUSES, *CLOSED_STATUSES) or isinstance(status, bool) or not _is_id(ticket_id):
        return None
    if "open_id" not in ids:
        return None
    times = [ticket.get(name) for name in ("created_at", "updated_at", "closed_at")]
    at_ms = max([time for time in times if type(time) is int and 0 < time < _LATEST_MS], default=event.created_ms or 0)
    open_id = ids.pop("open_id")
    return TicketChange(event.id, str(ticket_id), at_ms, status in OPEN_STATUSES, open_id, tuple(ids.values()))


def _guest_ids(ticket: Mapping[str, Any]) -> dict[str, str]:
    guest = ticket.get("guest")
    ids = guest.get("id") if isinstance(guest, dict) else None
    if not isinstance(ids, dict):
        return {}
    return {kind: ids[kind] for kind in ("open_id", "union_id", "user_id") if _is_id(ids.get(kind))}


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _ID_CHARACTERS
