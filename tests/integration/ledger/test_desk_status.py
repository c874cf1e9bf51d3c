"""What is told of a desk: `deskbell desks` and the console read it here."""

import orjson

from console.i18n import language
from feishu.codes import CodeTable
from feishu.verdict import Call, verdict_of_answer, verdict_of_failure
from http_client.errors import NeverSent
from http_client.response import Response
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

CHINESE, CODES = language("zh-CN"), CodeTable.load()


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


def test_why_a_desk_is_held_is_told_in_the_language_of_the_reader(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    refused = verdict_of_answer(Call("send"), Response(401, {}, b'{"code": 154001, "msg": "no such desk"}'), CODES)
    cut = verdict_of_failure(Call("token"), NeverSent("connect refused"))
    for verdict, english, chinese in (
        (refused, "send: HTTP 401, code 154001: no such desk", "调用 send：HTTP 401，错误码 154001：no such desk"),
        (cut, "token: connect refused", "调用 token：连接被拒绝"),
    ):
        leases.hold(desk, "credentials", 60_000, verdict.reason)
        status = desk_status(ledger, desk)
        assert status.hold
        assert (status.hold["reason"], CHINESE.meaning(status.hold["reason"])) == (english, chinese)
        kept = orjson.loads(ledger.redis.hget(ledger.keys.desk(desk.name), "hold"))
        assert kept["reason"] == english, "versions before this one read it"
        assert orjson.loads(orjson.dumps(status.as_json()))["hold"]["reason"] == english


def test_a_hold_of_a_version_before_phrases_is_shown_as_it_was(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    leases.hold(desk, "credentials", 60_000, "token: desk (HTTP 200, code 10014): app secret invalid")
    kept = orjson.loads(ledger.redis.hget(ledger.keys.desk(desk.name), "hold"))
    del kept["phrase"]
    ledger.redis.hset(ledger.keys.desk(desk.name), "hold", orjson.dumps(kept))
    hold = desk_status(ledger, desk).hold
    assert hold
    assert CHINESE.meaning(hold["reason"]) == "token: desk (HTTP 200, code 10014): app secret invalid"


def test_an_outage_which_the_ledger_itself_begins_is_told_in_both_languages(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    accept(ledger, 5)
    [released] = leases.release([(desk, 5, 5)])
    for claim in leases.claim(desk, "t", released.ids)[1]:
        leases.record(desk, "t", [Result(claim.id, State.DEFERRED, wait_ms=1000)], "down")
    hold = desk_status(ledger, desk).hold
    assert hold
    assert hold["reason"] == "the API does not answer, or answers with errors"
    assert CHINESE.meaning(hold["reason"]) == "飞书接口没有响应，或返回错误"
