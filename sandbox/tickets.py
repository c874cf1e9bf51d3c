"""The tickets of all helpdesks: changed by the control API, listed by Feishu's, checked by every `chat` call."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.people import ids_and_name

__all__ = ["BOT", "HUMAN", "OPEN", "STATUSES", "TicketBook"]

#: The stage of a ticket: the bot answers, or a human agent.
BOT, HUMAN = 1, 2

#: Created, processing, in the queue, pending, awaiting the guest.
OPEN = frozenset({1, 2, 3, 4, 5})
#: Open; closed by the bot, by an agent, by the guest.
STATUSES = OPEN | {50, 51, 52}
#: Ticket ids count from here: nineteen digits, like Feishu's.
_FIRST_TICKET = 7_000_000_000_000_000_000
#: In a demo, guests with this prefix have an open ticket from the first query on.
_DEMO_PREFIX = "ou_ticket"


OnChange = Callable[[str, dict[str, Any]], None]


@dataclass(slots=True)
class _Ticket:
    id: str
    helpdesk_id: str
    guest_id: str
    status: int
    created_ms: int
    stage: int = HUMAN
    updated_ms: int = -1
    closed_ms: int = -1

    def move(self, status: int, now_ms: int) -> None:
        self.status, self.updated_ms = status, now_ms
        self.closed_ms = -1 if status in OPEN else now_ms

    def as_event(self) -> dict[str, Any]:
        """The shape of the ticket events: all ids of the guest, and `stage` for what the list calls `ticket_type`."""
        guest = ids_and_name(self.guest_id)
        ids = {name: guest[name] for name in ("open_id", "union_id", "user_id")}
        return {
            **self._as_everywhere(),
            "guest": {"id": ids, "name": guest["name"]},
            "stage": self.stage,
            "chat_id": f"oc_{self.id}",
        }

    def as_listed(self) -> dict[str, Any]:
        """The shape of `data.tickets[]`: times in ms, or -1."""
        name = ids_and_name(self.guest_id)["name"]
        return {
            **self._as_everywhere(),
            "guest": {"id": self.guest_id, "name": name, "email": f"{name}@example.com"},
            "comments": {},
            "ticket_type": self.stage,
            "agents": [],
            "customized_fields": [],
        }

    def _as_everywhere(self) -> dict[str, Any]:
        return {
            "ticket_id": self.id,
            "helpdesk_id": self.helpdesk_id,
            "status": self.status,
            "score": 0,
            "created_at": self.created_ms,
            "updated_at": self.updated_ms,
            "closed_at": self.closed_ms,
            "channel": 0,
            "solve": 1,
        }


class TicketBook:
    """Guests are known by open_id. `on_change` gets each change: its subtype, and the event."""

    def __init__(self, clock: Callable[[], float], demo: bool = False, on_change: OnChange = lambda *_: None) -> None:
        self._on_change = on_change
        self._clock = clock
        self._demo = demo
        self._by_id: dict[str, _Ticket] = {}
        self._by_guest: dict[tuple[str, str], list[_Ticket]] = {}

    def has_open(self, helpdesk_id: str, guest_id: str, stages: Collection[int] = (BOT, HUMAN)) -> bool:
        return any(ticket.status in OPEN and ticket.stage in stages for ticket in self._of_guest(helpdesk_id, guest_id))

    def start_service(self, helpdesk_id: str, guest_id: str, stage: int) -> str:
        """Opens a ticket, or goes on with the one that is open. Returns its id."""
        for ticket in self._of_guest(helpdesk_id, guest_id):
            if ticket.status in OPEN:
                ticket.stage = max(ticket.stage, stage)
                return ticket.id
        return self._open(helpdesk_id, guest_id, status=1, stage=stage).id

    def put(self, helpdesk_id: str, guest_id: str, status: int) -> list[str]:
        """Moves the guest's open tickets to `status`, or opens one if there are none. Returns their ids."""
        moved = [ticket for ticket in self._of_guest(helpdesk_id, guest_id) if ticket.status in OPEN]
        for ticket in moved:
            self._move(ticket, status)
        if not moved and status in OPEN:
            moved = [self._open(helpdesk_id, guest_id, status)]
        return [ticket.id for ticket in moved]

    def move(self, ticket_id: str, status: int) -> bool:
        """Sets a ticket's status. Returns whether the ticket exists."""
        ticket = self._by_id.get(ticket_id)
        if ticket is not None:
            self._move(ticket, status)
        return ticket is not None

    def select(
        self, helpdesk_id: str, *, guest_id: str | None, ticket_id: str | None, statuses: Collection[int]
    ) -> list[dict[str, Any]]:
        """The helpdesk's tickets in the order of opening; without filters, all."""
        tickets: Iterator[_Ticket] | list[_Ticket]
        tickets = iter(self._by_id.values()) if guest_id is None else self._of_guest(helpdesk_id, guest_id)
        return [
            ticket.as_listed()
            for ticket in tickets
            if ticket.helpdesk_id == helpdesk_id
            and (ticket_id is None or ticket.id == ticket_id)
            and (not statuses or ticket.status in statuses)
        ]

    def _of_guest(self, helpdesk_id: str, guest_id: str) -> list[_Ticket]:
        known = self._by_guest.get((helpdesk_id, guest_id))
        if known is None and self._demo and guest_id.startswith(_DEMO_PREFIX):
            return [self._open(helpdesk_id, guest_id, status=2)]
        return known or []

    def _open(self, helpdesk_id: str, guest_id: str, status: int, stage: int = HUMAN) -> _Ticket:
        ticket_id = str(_FIRST_TICKET + len(self._by_id) + 1)
        ticket = _Ticket(ticket_id, helpdesk_id, guest_id, status, self._now_ms(), stage)
        self._by_id[ticket.id] = ticket
        self._by_guest.setdefault((helpdesk_id, guest_id), []).append(ticket)
        self._on_change("ticket.created_v1", ticket.as_event())
        return ticket

    def _move(self, ticket: _Ticket, status: int) -> None:
        before = {"status": ticket.status, "updated_at": ticket.updated_ms}
        ticket.move(status, self._now_ms())
        self._on_change("ticket.updated_v1", {"object": ticket.as_event(), "old_object": before})

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
