"""Everybody who has an open ticket with a helpdesk, as far as Feishu shows it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from feishu.client import TicketPage
from feishu.query_retry import QueryRetry
from ledger.errors import DeskbellError

__all__ = ["LIST_SECONDS", "OpenTickets", "open_tickets"]

#: Longest for all pages of the ticket list: 50 at most, each in less than a second as a rule. The call that is under
#: way then may still end.
LIST_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class OpenTickets:
    """Unless `complete`, there may be others: Feishu shows 10,000, and not always whose they are."""

    open_ids: frozenset[str]
    complete: bool


class _Feishu(Protocol):
    def open_tickets(self, guest_open_id: str | None = None, page: int = 1) -> TicketPage: ...


def open_tickets(feishu: _Feishu, retry: QueryRetry | None = None) -> OpenTickets:
    """All pages of the list. Tickets that open or close meanwhile may be missed: the list has no fixed view.

    Raises AskFailed, and DeskbellError when the time is up.
    """
    pages = list(_pages(feishu, retry or QueryRetry(within_seconds=LIST_SECONDS)))
    guests = [ticket.guest_open_id for page in pages for ticket in page.tickets]
    open_ids = frozenset(guest for guest in guests if guest is not None)
    return OpenTickets(open_ids, complete=None not in guests and not pages[-1].cut)


def _pages(feishu: _Feishu, retry: QueryRetry) -> Iterator[TicketPage]:
    for number in count(1):
        if retry.is_over:
            raise DeskbellError(f"Feishu did not list its open tickets within {LIST_SECONDS:g} s")
        page = retry(feishu.open_tickets, page=number)
        yield page
        if page.last:
            return
