"""What is told of a desk: `deskbell desks` and the console read it here."""

from ledger.announcement import Spec
from ledger.delivery_options import ReceiveType
from ledger.desk_status import desk_status
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.rate import Limit
from ledger.settings import Desk
from ledger.states import Outcome, State


def accept(ledger: Ledger, count: int) -> None:
    ledger.accept([Notification.build({"receiver_id": f"ou_{n}", "text": "Hello"}) for n in range(count)])


def test_an_untouched_desk_has_nothing_to_tell(ledger: Ledger, desk: Desk) -> None:
    status = desk_status(ledger, desk)
    assert (status.calls, status.in_flight, status.hold, status.tickets_open) == ({}, 0, None, 0)
    assert [(lane.name, lane.waiting) for lane in status.lanes] == [("events", 0)]


def test_calls_are_counted_by_outcome_and_slots_by_window(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    paced = desk.model_copy(update={"rate": (Limit(calls=4, seconds=60),)})
    accept(ledger, 5)
    [released] = leases.release([(paced, 10, 10)])
    _, claims = leases.claim(paced, "t", released.ids)
    outcomes = (Outcome.DELIVERED, Outcome.DELIVERED, Outcome.REFUSED)
    results = [
        Result(claim.id, State.DELIVERED, [Attempt(1_763_800_000_000, ReceiveType.CHAT, outcome)])
        for claim, outcome in zip(claims, outcomes, strict=False)
    ]
    leases.record(paced, "t", results, "up")
    status = desk_status(ledger, paced)
    assert [(window.used, window.limit) for window in status.windows] == [(4, 4)]
    assert status.calls == {Outcome.DELIVERED: 2, Outcome.REFUSED: 1}
    assert status.wasted == {Outcome.REFUSED: 1}
    assert status.in_flight == 1
    assert status.lanes[0].waiting == 1
    assert status.eta_seconds == 15, "one waits, and four a minute may go"


def test_a_question_on_the_way_to_a_send_is_no_call_of_the_quota(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    accept(ledger, 1)
    [released] = leases.release([(desk, 1, 1)])
    _, [claim] = leases.claim(desk, "t", released.ids)
    no_token = Attempt(1_763_800_000_000, None, Outcome.TRANSIENT, 10015)
    leases.record(desk, "t", [Result(claim.id, State.DEFERRED, [no_token], wait_ms=1000)], "")
    assert desk_status(ledger, desk).calls == {}


def test_an_announcement_is_a_lane_of_its_own_and_a_paused_one_has_no_eta(ledger: Ledger, desk: Desk) -> None:
    paced = desk.model_copy(update={"rate": (Limit(calls=1, seconds=1),)})
    spec = Spec(name="Office move", message={"msg_type": "text", "content": {"text": "Hello"}})
    opened = ledger.announcements.open(spec, key="k", digest="d")
    ledger.announcements.load(opened.id, [b'[2,"ou_1",[]]', b'[3,"ou_2",[]]'])
    ledger.announcements.start(opened.id, spec, 2)
    status = desk_status(ledger, paced)
    assert [(lane.name, lane.waiting) for lane in status.lanes] == [("events", 0), (opened.id, 2)]
    assert status.eta_seconds == 2
    ledger.announcements.pause(opened.id, by="ada")
    assert desk_status(ledger, paced).eta_seconds is None


def test_a_hold_is_told_with_its_reason(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    leases.hold(desk, "credentials", 60_000, "10015 wrong secret")
    shown = desk_status(ledger, desk).as_json()
    assert (shown["hold"]["kind"], shown["hold"]["reason"]) == ("credentials", "10015 wrong secret")
    assert shown["eta_seconds"] is None
