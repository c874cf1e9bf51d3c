"""The index of open tickets: what feeds it, whom it names, and when the list is taken."""

import fakeredis
import pytest

from feishu.client import Ticket, TicketPage
from ledger.notification import Notification
from ledger.redis_keys import RedisKeys
from ledger.settings import Desk
from worker.tickets import BELIEVED_MS, LOOK_SECONDS, Tickets

DESK = Desk(name="it", rate="100/minute", feishu_url="http://127.0.0.1:1")  # type: ignore[arg-type]


def to(receiver: str, **fields: object) -> Notification:
    return Notification.build({"receiver_id": receiver, "text": "Hello", **fields})


class Helpdesk:
    """The ticket list of a pretended helpdesk, a page for each list of guests."""

    def __init__(self, *pages: list[str], cut: bool = False) -> None:
        self.pages = list(pages)
        self.cut = cut
        self.asked: list[int] = []

    def open_tickets(self, guest_open_id: str | None = None, page: int = 1) -> TicketPage:
        self.asked.append(page)
        tickets = tuple(Ticket(f"t{guest}", guest, 1) for guest in self.pages[page - 1])
        last = page == len(self.pages)
        return TicketPage(tickets, last, cut=last and self.cut)

    def has_open_ticket(self, open_id: str) -> bool:
        return any(open_id in page for page in self.pages)

    def open_id_of(self, user_id: str, user_id_type: str) -> str:
        return user_id.replace("u_", "ou_")


class Desktop:
    """An index with a clock that is moved by hand, for looking; believing goes by Redis time."""

    def __init__(self, helpdesk: Helpdesk) -> None:
        self.redis = fakeredis.FakeRedis()
        self.helpdesk = helpdesk
        self.seconds = 1000.0
        self.tickets = self.of_another_worker()

    def of_another_worker(self) -> Tickets:
        return Tickets(self.redis, RedisKeys("deskbell"), DESK, self.helpdesk, clock=lambda: self.seconds)

    def now_ms(self) -> int:
        seconds, microseconds = self.redis.time()
        return seconds * 1000 + microseconds // 1000

    def known(self, *receivers: str, later_ms: int = 0) -> set[str]:
        return set(self.tickets.known_open([to(receiver) for receiver in receivers], self.now_ms() + later_ms))


def test_the_list_fills_the_index_page_by_page() -> None:
    desktop = Desktop(Helpdesk(["ou_ada"], ["ou_bob"]))
    desktop.tickets.refresh_if_due()
    assert desktop.helpdesk.asked == [1, 2]
    assert desktop.known("ou_ada", "ou_bob", "ou_cid") == {"ou_ada", "ou_bob"}


def test_one_worker_takes_the_list_for_all() -> None:
    desktop = Desktop(Helpdesk(["ou_ada"]))
    desktop.tickets.refresh_if_due()
    desktop.of_another_worker().refresh_if_due()
    assert desktop.helpdesk.asked == [1]


def test_a_process_looks_only_now_and_then_whether_it_is_time() -> None:
    desktop = Desktop(Helpdesk(["ou_ada"]))
    desktop.tickets.refresh_if_due()
    desktop.redis.delete(RedisKeys("deskbell").tickets_turn("it"))
    desktop.tickets.refresh_if_due()
    assert desktop.helpdesk.asked == [1]
    desktop.seconds += LOOK_SECONDS
    desktop.tickets.refresh_if_due()
    assert desktop.helpdesk.asked == [1, 1]


def test_who_is_not_on_a_whole_list_has_no_open_ticket_any_more() -> None:
    desktop = Desktop(Helpdesk(["ou_ada"]))
    desktop.redis.zadd(RedisKeys("deskbell").tickets("it"), {"ou_old": desktop.now_ms() - 1000})
    desktop.tickets.refresh_if_due()
    assert desktop.known("ou_ada", "ou_old") == {"ou_ada"}


def test_a_list_that_was_cut_takes_nobody_out() -> None:
    desktop = Desktop(Helpdesk(["ou_ada"], cut=True))
    desktop.redis.zadd(RedisKeys("deskbell").tickets("it"), {"ou_old": desktop.now_ms() - 1000})
    desktop.tickets.refresh_if_due()
    assert desktop.known("ou_ada", "ou_old") == {"ou_ada", "ou_old"}


def test_a_refused_send_adds_its_receiver() -> None:
    desktop = Desktop(Helpdesk([]))
    desktop.tickets.note_open(to("ou_ada"))
    assert desktop.known("ou_ada") == {"ou_ada"}


def test_an_entry_is_not_believed_for_ever() -> None:
    desktop = Desktop(Helpdesk([]))
    desktop.tickets.note_open(to("ou_ada"))
    assert desktop.known("ou_ada", later_ms=BELIEVED_MS + 1000) == set()


def test_asking_about_one_corrects_the_index() -> None:
    desktop = Desktop(Helpdesk(["ou_ada"]))
    desktop.tickets.note_open(to("ou_bob"))
    assert desktop.tickets.is_open(to("ou_ada"))
    assert not desktop.tickets.is_open(to("ou_bob"))
    assert desktop.known("ou_ada", "ou_bob") == {"ou_ada"}


def test_another_kind_of_id_is_translated_once() -> None:
    desktop = Desktop(Helpdesk(["ou_ada"]))
    person = to("u_ada", user_id_type="user_id")
    assert desktop.tickets.is_open(person)
    desktop.helpdesk.open_id_of = None  # type: ignore[assignment,method-assign]
    assert desktop.tickets.is_open(person)


@pytest.mark.parametrize("receivers", [[], ["ou_ada"]])
def test_who_is_reached_by_user_is_not_looked_up(receivers: list[str]) -> None:
    desktop = Desktop(Helpdesk(["ou_ada"]))
    desktop.tickets.refresh_if_due()
    by_user = [to(receiver, receive_type="user") for receiver in receivers]
    assert desktop.tickets.known_open(by_user, desktop.now_ms()) == frozenset()


def test_redis_away_between_claim_and_record_breaks_off_no_delivery() -> None:
    """Such a delivery stayed unrecorded, and its notification became `unknown` although its fate was known."""
    server = fakeredis.FakeServer()
    tickets = Tickets(fakeredis.FakeRedis(server=server), RedisKeys("deskbell"), DESK, Helpdesk(["ou_a"]))
    server.connected = False
    assert tickets.known_open([to("ou_a")], now_ms=0) == frozenset()
    assert tickets.is_open(to("ou_a"))
    assert tickets.is_open(to("u_a", user_id_type="user_id"))
    assert not tickets.is_open(to("ou_b"))
