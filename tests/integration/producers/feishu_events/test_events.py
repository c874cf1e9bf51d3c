"""Ticket events against the ledger: the index they keep, and whom they wake."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from ledger.addresses import Contact
from ledger.announcement import Spec
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Desk, Settings
from ledger.states import State
from ledger.tickets import BELIEVED_MS, REMEMBERED_MS
from ledger.unresolved import Answer, Unresolved, answer_json
from producers.feishu_events.envelope import Event
from producers.feishu_events.events import take_event
from tests.calm import Stopwatch

HELPDESK = "hd1"
MINUTE_MS = 60_000
_numbers = iter(range(1, 10_000))


def guest(name: str) -> dict[str, Any]:
    return {"id": {"open_id": f"ou_{name}", "union_id": f"on_{name}", "user_id": f"u_{name}"}, "name": "-"}


def ticket(status: int, name: str = "ada", **fields: Any) -> dict[str, Any]:
    return {
        "ticket_id": "t1", "helpdesk_id": HELPDESK, "guest": guest(name), "stage": 1, "status": status,
        "created_at": 1_666_592_755_000, "updated_at": 1_666_593_118_000 + status, "closed_at": -1, **fields,
    }  # fmt: skip


class Feishu:
    """Pushes events of one app's subscription."""

    def __init__(self, ledger: Ledger, desk: Desk) -> None:
        self.ledger = ledger
        self.desk = desk.model_copy(update={"helpdesk_id": HELPDESK})

    def push(self, kind: str, body: dict[str, Any], id: str | None = None, desks: tuple[Desk, ...] = ()) -> int:
        event = Event(id or f"e{next(_numbers)}", kind, None, body, desks or (self.desk,))
        return take_event(self.ledger, event)

    def created(self, **fields: Any) -> int:
        return self.push("helpdesk.ticket.created_v1", ticket(**{"status": 1, **fields}))

    def updated(self, status: int, **fields: Any) -> int:
        body = {"object": ticket(status, **fields), "old_object": {"status": 1}}
        return self.push("helpdesk.ticket.updated_v1", body)

    def index(self) -> set[str]:
        return {member.decode() for member in self.ledger.redis.zrange(self.ledger.keys.tickets(self.desk.name), 0, -1)}


@pytest.fixture
def feishu(ledger: Ledger, desk: Desk) -> Feishu:
    return Feishu(ledger, desk)


def accepted(ledger: Ledger, receiver: str = "ou_ada", **fields: Any) -> str:
    given = {"receiver_id": receiver, "text": "Hello", "on_open_ticket": "wait", **fields}
    return ledger.accept([Notification.build(given)])[0].id


def wait_for_ticket(leases: Leases, desk: Desk, receiver: str = "ou_ada") -> list[str]:
    """Claims all that is due, and records that it waits until this receiver's ticket is closed."""
    ids = leases.release([(desk, 100, 100)])[0].ids
    leases.claim(desk, "token", ids)
    results = [Result(id, State.DEFERRED, wait_ms=MINUTE_MS, extra={"awaits": receiver}) for id in ids]
    leases.record(desk, "token", results, "up")
    return ids


# -- the index


def test_a_ticket_that_opens_and_closes_enters_and_leaves_the_index(feishu: Feishu) -> None:
    feishu.created()
    assert feishu.index() == {"ou_ada"}
    for status in (2, 3, 4, 5):
        feishu.updated(status)
    assert feishu.index() == {"ou_ada"}
    feishu.updated(50)
    assert feishu.index() == set()


@pytest.mark.parametrize("status", [50, 51, 52])
def test_every_closed_status_closes(feishu: Feishu, status: int) -> None:
    feishu.created()
    feishu.updated(status)
    assert feishu.index() == set()


def test_whoever_is_known_under_another_id_stays_known_and_is_not_counted_twice(feishu: Feishu) -> None:
    feishu.created()
    assert feishu.index() == {"ou_ada"}
    feishu.ledger.redis.zadd(feishu.ledger.keys.tickets("default"), {"u_ada": 1})
    feishu.updated(2)
    seen = feishu.ledger.redis.zscore(feishu.ledger.keys.tickets("default"), "u_ada")
    assert isinstance(seen, float)
    assert seen > 1
    feishu.updated(52)
    assert feishu.index() == set()


def test_an_event_counts_once(feishu: Feishu) -> None:
    body = ticket(1)
    feishu.push("helpdesk.ticket.created_v1", body, id="same")
    feishu.ledger.redis.delete(feishu.ledger.keys.tickets("default"))
    feishu.push("helpdesk.ticket.created_v1", body, id="same")
    assert feishu.index() == set()


def test_an_older_event_that_is_pushed_again_later_reopens_nothing(feishu: Feishu) -> None:
    """The first push of `created` was not answered, so that it came 15 s later, after `updated`."""
    feishu.updated(50)
    feishu.created(updated_at=-1)
    assert feishu.index() == set()


def test_what_is_remembered_goes_away_and_outlives_feishus_last_push(feishu: Feishu) -> None:
    feishu.created()
    keys, client = feishu.ledger.keys, feishu.ledger.redis
    lives = [client.pttl(name) for name in client.scan_iter(match=keys("desk", "default", "*"))]
    assert all(0 < ms <= REMEMBERED_MS for ms in lives)
    assert min(lives) <= BELIEVED_MS < 8 * 3_600_000 < max(lives)


def test_each_desk_of_the_helpdesk_is_told_and_no_other(feishu: Feishu) -> None:
    same = feishu.desk.model_copy(update={"name": "same"})
    other = feishu.desk.model_copy(update={"name": "other", "helpdesk_id": "hd2"})
    feishu.push("helpdesk.ticket.created_v1", ticket(1), desks=(same, other))
    keys, client = feishu.ledger.keys, feishu.ledger.redis
    assert [client.zcard(keys.tickets(name)) for name in ("same", "other")] == [1, 0]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("im.message.receive_v1", {"message": {}}),
        ("helpdesk.ticket_message.created_v1", ticket(1)),
        ("helpdesk.ticket.created_v1", {}),
        ("helpdesk.ticket.updated_v1", ticket(1)),
        ("helpdesk.ticket.updated_v1", {"object": [1]}),
        ("helpdesk.ticket.created_v1", ticket(60)),
        ("helpdesk.ticket.created_v1", ticket(True)),
        ("helpdesk.ticket.created_v1", ticket(1, guest={"id": "ou_ada"})),
        ("helpdesk.ticket.created_v1", ticket(1, guest={"id": {"open_id": "", "union_id": "on_x"}})),
        ("helpdesk.ticket.created_v1", ticket(1, ticket_id=7)),
        ("helpdesk.ticket.created_v1", ticket(1, ticket_id="")),
        ("helpdesk.ticket.created_v1", ticket(1, helpdesk_id=None)),
    ],
)
def test_what_means_nothing_here_is_done_with(feishu: Feishu, kind: str, body: dict[str, Any]) -> None:
    assert feishu.push(kind, body) == 0
    assert feishu.ledger.redis.keys() == []


def test_times_that_are_none_do_not_count(feishu: Feishu) -> None:
    feishu.created(created_at="x", updated_at=2**60, closed_at=True)
    assert feishu.index() == {"ou_ada"}
    feishu.updated(50)
    assert feishu.index() == set()


# -- whom they wake


def test_a_closed_ticket_makes_due_what_waits_for_it(
    feishu: Feishu, ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id = accepted(ledger)
    assert wait_for_ticket(leases, desk) == [id]
    assert leases.release([(desk, 100, 100)])[0].ids == []
    assert feishu.updated(51) == 1
    assert leases.release([(desk, 100, 100)])[0].ids == [id]
    record = ledger.get(id)
    assert (record.progress.state, record.progress.deferrals) == (State.QUEUED, 0)


@pytest.mark.parametrize("receiver", ["on_ada", "u_ada"])
def test_the_guest_is_recognised_by_every_id(
    feishu: Feishu, ledger: Ledger, leases: Leases, desk: Desk, receiver: str
) -> None:
    accepted(ledger, receiver, user_id_type="union_id" if receiver == "on_ada" else "user_id")
    wait_for_ticket(leases, desk, receiver)
    assert feishu.updated(50) == 1


def test_rows_of_an_announcement_are_woken_too(feishu: Feishu, ledger: Ledger, leases: Leases, desk: Desk) -> None:
    message: dict[str, Any] = {"msg_type": "text", "content": {"text": "hi"}}
    spec = Spec(name="N", message=message, on_open_ticket="wait")  # type: ignore[arg-type]
    id, _ = ledger.announcements.open(spec, key="k", digest="d")
    ledger.announcements.load(id, [b'[1,"ou_ada",[]]', b'[2,"ou_bob",[]]'])
    ledger.announcements.start(id, spec, 2)
    assert len(wait_for_ticket(leases, desk)) == 2
    assert feishu.updated(50) == 2
    assert ledger.announcements.get(id).counts[State.DEFERRED] == 2
    assert len(leases.release([(desk, 100, 100)])[0].ids) == 2


def test_nobody_else_is_woken(feishu: Feishu, ledger: Ledger, leases: Leases, desk: Desk) -> None:
    accepted(ledger, "ou_bob")
    wait_for_ticket(leases, desk, "ou_bob")
    assert feishu.updated(50) == 0
    assert feishu.created(name="bob", ticket_id="t2") == 0, "a ticket that opens wakes nobody"


def test_what_was_cancelled_or_sent_meanwhile_is_left_alone(
    feishu: Feishu, ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id = accepted(ledger)
    wait_for_ticket(leases, desk)
    ledger.cancel([id], "me")
    assert feishu.updated(50) == 0
    assert ledger.get(id).progress.state is State.CANCELLED


def test_what_waits_for_a_failing_desk_is_not_woken(feishu: Feishu, ledger: Ledger, leases: Leases, desk: Desk) -> None:
    """It was deferred for a ticket first, and then for an outage: the second wait is not the ticket's."""
    id = accepted(ledger)
    wait_for_ticket(leases, desk)
    feishu.updated(50)
    leases.claim(desk, "t2", leases.release([(desk, 100, 100)])[0].ids)
    leases.record(desk, "t2", [Result(id, State.DEFERRED, wait_ms=MINUTE_MS)], "")
    feishu.ledger.redis.sadd(ledger.keys("desk", "default", "awaiting", "ou_ada"), id)
    assert feishu.updated(52) == 0


def test_who_waits_is_forgotten_by_itself(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    accepted(ledger)
    wait_for_ticket(leases, desk)
    assert 0 < ledger.redis.pttl(ledger.keys("desk", "default", "awaiting", "ou_ada")) <= 2 * MINUTE_MS


# -- a Redis that is away


@pytest.fixture
def dead_ledger() -> Iterator[Ledger]:
    settings = Settings(redis_url="redis://127.0.0.1:1/0", _env_file=None)
    ledger = Ledger(settings)
    yield ledger
    ledger.redis.close()


def test_a_redis_that_is_away_is_an_error_so_that_feishu_pushes_again(dead_ledger: Ledger, desk: Desk) -> None:
    watch = Stopwatch()
    with pytest.raises(redis.ConnectionError):
        Feishu(dead_ledger, desk).created()
    assert watch.calm_seconds < 3


# -- people


ANN, PHONE, OTHER = Contact("email", "ann@x.cn"), Contact("mobile", "+8613800138000"), Contact("email", "bob@x.cn")


def cached(feishu: Feishu) -> set[Contact]:
    keys, app = feishu.ledger.keys, feishu.desk.app
    return {each for each in (ANN, PHONE, OTHER) if feishu.ledger.redis.exists(keys.person(app, each.digest))}


@pytest.mark.parametrize("kind", ["contact.user.updated_v3", "contact.user.deleted_v3"])
@pytest.mark.parametrize(
    ("body", "left"),
    [
        ({"object": {"open_id": "ou_ann"}}, {OTHER}),
        ({"object": {"open_id": "ou_new", "email": "bob@x.cn"}, "old_object": {}}, {ANN, PHONE}),
        ({"object": {"open_id": "ou_new"}, "old_object": {"mobile": "+86 138 0013 8000"}}, {ANN, OTHER}),
        ({"object": [], "old_object": {"open_id": 5, "email": ["ann@x.cn"]}}, {ANN, PHONE, OTHER}),
        ({}, {ANN, PHONE, OTHER}),
    ],
)
def test_of_a_person_who_has_changed_it_is_forgotten_whose_an_address_is(
    feishu: Feishu, kind: str, body: dict[str, Any], left: set[Contact]
) -> None:
    unresolved = Unresolved(feishu.ledger.settings, feishu.ledger.redis)
    people = {ANN: "ou_ann", PHONE: "ou_ann", OTHER: "ou_bob"}
    answers = [Answer(contact, answer_json(open_id), MINUTE_MS) for contact, open_id in people.items()]
    unresolved.answer(feishu.desk, "ada", answers)
    assert cached(feishu) == {ANN, PHONE, OTHER}
    assert feishu.push(kind, body) == 0
    assert cached(feishu) == left
