"""Everybody who has an open ticket with a helpdesk, as far as Feishu shows it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from feishu.client import FeishuClient, TicketPage
from feishu.query_retry import QueryRetry
from ledger.errors import DeskbellError
from ledger.phrases import Phrase

__all__ = ["LIST_SECONDS", "OpenTickets", "open_tickets", "ticket_pages"]

#: Longest for all pages of the ticket list: 50 at most, each in less than a second as a rule. The call that is under
#: way then may still end.
LIST_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class OpenTickets:
    """Unless `complete`, there may be others: Feishu shows 10,000, and not always whose they are."""

    open_ids: frozenset[str]
    complete: bool


def open_tickets(feishu: FeishuClient, retry: QueryRetry | None = None) -> OpenTickets:
    """All pages of the list. Tickets that open or close meanwhile may be missed: the list has no fixed view.

    Raises AskFailed, and DeskbellError when the time is up.
    """
    pages = list(ticket_pages(feishu, retry or QueryRetry(within_seconds=LIST_SECONDS)))
    guests = [ticket.guest_open_id for page in pages for ticket in page.tickets]
    open_ids = frozenset(guest for guest in guests if guest is not None)
    return OpenTickets(open_ids, complete=None not in guests and not pages[-1].cut)


def ticket_pages(feishu: FeishuClient, retry: QueryRetry | None = None) -> Iterator[TicketPage]:
    """The pages of the list one by one; without `retry` each is asked for once. Raises as `open_tickets`."""
    for number in count(1):
        if retry and retry.is_over:
            raise DeskbellError(Phrase("Feishu did not list its open tickets within {most:g} s", most=LIST_SECONDS))
        page = retry(feishu.open_tickets, page=number) if retry else feishu.open_tickets(page=number)
        yield page
        if page.last:
            return
