"""Who has an open ticket: the pages of the list, what is repeated, and for how long; what a refusal tells."""

import pytest

from feishu.client import Ticket, TicketPage
from feishu.codes import Kind
from feishu.open_tickets import LIST_SECONDS, OpenTickets, open_tickets
from feishu.query_retry import TRIES, QueryRetry
from feishu.verdict import AskFailed, Verdict
from ledger.errors import DeskbellError


class Pages:
    """A ticket list of these pages; the first calls fail as often as told."""

    def __init__(self, *pages: TicketPage, failures: int = 0) -> None:
        self._pages = pages
        self._failures = failures
        self.asked: list[int] = []

    def open_tickets(self, guest_open_id: str | None = None, page: int = 1) -> TicketPage:
        self.asked.append(page)
        if len(self.asked) <= self._failures:
            raise AskFailed(verdict(Kind.TRANSIENT))
        return self._pages[page - 1]


def page(*guests: str | None, last: bool = True, cut: bool = False) -> TicketPage:
    return TicketPage(tuple(Ticket(str(number), guest, 2) for number, guest in enumerate(guests)), last, cut)


def verdict(kind: Kind = Kind.DESK, **more: object) -> Verdict:
    return Verdict(**{"call": "people", "kind": kind, "started_at_ms": 0, "elapsed_ms": 1, **more})


def asking() -> QueryRetry:
    return QueryRetry(lambda seconds: None)


def test_the_open_tickets_are_those_of_all_pages() -> None:
    feishu = Pages(page("ou_2", "ou_1", last=False), page("ou_1", "ou_3"))
    assert open_tickets(feishu, asking()) == OpenTickets(frozenset({"ou_1", "ou_2", "ou_3"}), complete=True)
    assert feishu.asked == [1, 2]


@pytest.mark.parametrize("end", [page("ou_1", cut=True), page("ou_1", None)])
def test_a_list_that_was_cut_or_hides_a_guest_is_not_complete(end: TicketPage) -> None:
    assert open_tickets(Pages(end), asking()) == OpenTickets(frozenset({"ou_1"}), complete=False)


def test_no_tickets_are_a_complete_list() -> None:
    assert open_tickets(Pages(page()), asking()) == OpenTickets(frozenset(), complete=True)


def test_a_page_that_fails_is_asked_for_again_but_not_for_ever() -> None:
    feishu = Pages(page("ou_1"), failures=TRIES - 1)
    assert open_tickets(feishu, asking()).open_ids == {"ou_1"}
    with pytest.raises(AskFailed):
        open_tickets(Pages(page("ou_1"), failures=TRIES), asking())


class Clock:
    """Stands still but for what is slept, and for what a page takes."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_list_of_tickets_that_never_ends_is_given_up() -> None:
    clock = Clock()
    feishu = Pages(*[page("ou_1", last=False)] * 50)
    asked = feishu.open_tickets

    def slowly(guest_open_id: str | None = None, page: int = 1) -> TicketPage:
        clock.now += 10
        return asked(guest_open_id, page)

    feishu.open_tickets = slowly  # type: ignore[method-assign]
    retry = QueryRetry(clock.sleep, within_seconds=LIST_SECONDS, clock=clock)
    with pytest.raises(DeskbellError, match=r"did not list its open tickets within 180 s"):
        open_tickets(feishu, retry)
    assert clock.now == 1000 + 190  # the page that was under way at the end came


def test_no_wait_goes_beyond_the_time_for_the_list() -> None:
    clock = Clock()

    class Throttling:
        def open_tickets(self, guest_open_id: str | None = None, page: int = 1) -> TicketPage:
            raise AskFailed(verdict(Kind.THROTTLED, retry_after_seconds=60))

    with pytest.raises(AskFailed):
        open_tickets(Throttling(), QueryRetry(clock.sleep, within_seconds=LIST_SECONDS, clock=clock))
    assert 120 <= clock.now - 1000 <= LIST_SECONDS  # 60 s and some jitter, twice: a third one would come too late


def test_what_feishu_said_is_told_on_one_line() -> None:
    refused = verdict(
        http_status=200, code=10015, msg="app secret invalid", log_id="20240911", means="It is wrong.", do="Mend it."
    )
    assert str(AskFailed(refused)) == (
        "It is wrong. Mend it. (asked for people, HTTP 200, code 10015, msg app secret invalid, log id 20240911)"
    )
    assert str(AskFailed(verdict(ended="connect refused"))) == "(asked for people, connect refused)"
