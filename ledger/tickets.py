"""Open tickets as the ledger knows them: which statuses are open, and what an event of Feishu's says about one.

The index of open tickets is fed by workers (`worker.tickets`) and by these events; `ledger/lua/ticket.lua` keeps both
in step with what waits for a ticket to close.
"""

from dataclasses import dataclass

from ledger.redis_keys import key_digest
from ledger.store import Store

__all__ = ["BELIEVED_MS", "CLOSED_STATUSES", "OPEN_STATUSES", "TicketChange", "take_ticket_change"]

#: Created, in progress, queued, pending, awaiting the guest.
OPEN_STATUSES = (1, 2, 3, 4, 5)
#: By the bot, by an agent, by the guest.
CLOSED_STATUSES = (50, 51, 52)
#: An entry of the index is believed for this long, ms, unless a whole list came without it. Longer than one taking of
#: the list that failed.
BELIEVED_MS = 300_000
#: Events and the times of tickets are remembered for this long, ms. Feishu pushes an event again for 7 hours.
REMEMBERED_MS = 43_200_000


@dataclass(frozen=True, slots=True)
class TicketChange:
    """The content of one event."""

    event_id: str
    ticket_id: str
    at_ms: int  #: when it became so, by Feishu's clock
    is_open: bool
    open_id: str  #: of the guest
    other_ids: tuple[str, ...] = ()  #: the guest's union_id and user_id, as far as they are told


def take_ticket_change(store: Store, desk: str, change: TicketChange) -> int | None:
    """Updates this desk's index. Returns the number of notifications that became due.

    None: the event is a duplicate, or older than the ticket's last one.
    """
    woken: int = store.verbs.call(
        "ticket",
        desk,
        key_digest(change.event_id),
        key_digest(change.ticket_id),
        change.at_ms,
        int(change.is_open),
        REMEMBERED_MS,
        BELIEVED_MS,
        change.open_id,
        *change.other_ids,
    )
    return None if woken < 0 else woken
