"""Events by e-mail or mobile: they wait outside their lane until Feishu has said whose the address is."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import redis

from ledger.addresses import Contact
from ledger.desk_status import desk_statuses
from ledger.errors import KeyReused
from ledger.health import conditions
from ledger.inspection.inspection import broken_invariants
from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.rescheduling import reschedule
from ledger.settings import Desk
from ledger.states import State
from ledger.unresolved import Answer, ContactHold, Unresolved, answer_json
from ledger.vitals import Vitals

ANN, BOB = Contact("email", "ann@corp.example"), Contact("email", "bob@corp.example")
NOBODY = orjson.dumps({"problem": "nobody is there", "reason": "no_such_person"})
DAY_MS = 86_400_000


@pytest.fixture
def unresolved(client: redis.Redis, ledger: Ledger) -> Unresolved:
    return Unresolved(ledger.settings, client)


def event(email: str = ANN.value, **fields: Any) -> Notification:
    return Notification.build({"email": email, "text": "hello", **fields})


def accept(ledger: Ledger, email: str = ANN.value, **fields: Any) -> str:
    return ledger.accept([event(email, **fields)])[0].id


def is_whole(ledger: Ledger) -> bool:
    return broken_invariants(ledger, lambda: int(ledger.redis.time()[0] * 1000)) == []


def found(contact: Contact, open_id: str, kept_ms: int = DAY_MS) -> Answer:
    return Answer(contact, answer_json(open_id), kept_ms)


def ids_released(leases: Leases, desk: Desk) -> list[str]:
    [released] = leases.release([(desk, 10, 10)])
    return released.ids


def test_it_is_queued_and_cannot_be_released_until_it_has_a_receiver(
    ledger: Ledger, leases: Leases, desk: Desk, unresolved: Unresolved
) -> None:
    id = accept(ledger)
    assert ledger.get(id).progress.state is State.QUEUED
    assert ledger.get(id).as_json()["receiver_id"] is None
    assert ids_released(leases, desk) == []
    assert ledger.counts()[State.QUEUED] == 1
    assert is_whole(ledger)

    assert unresolved.ask(desk, "ada").contacts == [ANN]
    assert unresolved.answer(desk, "ada", [found(ANN, "ou_ann")]) == 0
    assert is_whole(ledger)
    assert ids_released(leases, desk) == [id]
    _, [claim] = leases.claim(desk, "bob", [id])
    assert (claim.notification.receiver_id, claim.notification.email) == ("ou_ann", ANN.value)
    assert claim.message().wire_content() == '{"text":"hello"}'


def test_the_next_one_for_the_same_person_is_addressed_at_acceptance(
    ledger: Ledger, leases: Leases, desk: Desk, unresolved: Unresolved
) -> None:
    accept(ledger)
    unresolved.ask(desk, "ada")
    unresolved.answer(desk, "ada", [found(ANN, "ou_ann")])
    second = accept(ledger, text="again")
    assert ledger.get(second).as_json()["receiver_id"] == "ou_ann"
    assert unresolved.ask(desk, "ada") == ([], None)
    assert second in ids_released(leases, desk)
    assert is_whole(ledger)


def test_each_address_leads_to_its_own_person(
    ledger: Ledger, leases: Leases, desk: Desk, unresolved: Unresolved
) -> None:
    first, second = (accept(ledger, contact.value) for contact in (ANN, BOB))
    unresolved.ask(desk, "ada")
    unresolved.answer(desk, "ada", [found(BOB, "ou_bob")])
    assert ids_released(leases, desk) == [second]
    unresolved.answer(desk, "ada", [found(ANN, "ou_ann")])
    assert ids_released(leases, desk) == [first]
    receivers = [ledger.get(id).as_json()["receiver_id"] for id in (first, second)]
    assert receivers == ["ou_ann", "ou_bob"]


def test_an_answer_is_kept_for_its_time_and_no_longer(ledger: Ledger, desk: Desk, unresolved: Unresolved) -> None:
    accept(ledger)
    unresolved.ask(desk, "ada")
    unresolved.answer(desk, "ada", [found(ANN, "ou_ann", kept_ms=1)])
    time.sleep(0.05)
    later = accept(ledger, text="the address may be somebody else's by now")
    assert ledger.get(later).as_json()["receiver_id"] is None
    assert unresolved.ask(desk, "ada").contacts == [ANN]


def test_what_leads_to_nobody_fails_without_an_attempt_and_can_be_retried(
    ledger: Ledger, desk: Desk, unresolved: Unresolved
) -> None:
    id = accept(ledger)
    unresolved.ask(desk, "ada")
    unresolved.answer(desk, "ada", [Answer(ANN, NOBODY, DAY_MS)])
    shown = ledger.get(id).as_json()
    assert (shown["state"], shown["attempts"], shown["receiver_id"]) == ("failed", [], None)
    assert shown["error"] == {"code": None, "msg": "nobody is there", "reason": "no_such_person"}
    assert is_whole(ledger)

    assert ledger.retry([id], "ada") == [State.QUEUED]
    assert ledger.get(id).as_json()["error"] is None
    assert is_whole(ledger)
    assert unresolved.ask(desk, "ada").contacts == [ANN], "what was cached may be wrong by now"


def test_nobody_is_remembered_so_that_feishu_is_not_asked_again(
    ledger: Ledger, desk: Desk, unresolved: Unresolved
) -> None:
    accept(ledger)
    unresolved.ask(desk, "ada")
    unresolved.answer(desk, "ada", [Answer(ANN, NOBODY, DAY_MS)])
    second = accept(ledger, text="again")
    assert unresolved.ask(desk, "ada") == ([], None)
    assert ledger.get(second).progress.state is State.FAILED


def test_one_asks_for_all_and_each_address_once(ledger: Ledger, desk: Desk, unresolved: Unresolved) -> None:
    for email in (ANN.value, BOB.value, ANN.value):
        accept(ledger, email)
    assert unresolved.ask(desk, "ada").contacts == [ANN, BOB]
    assert unresolved.ask(desk, "bob").contacts == []
    assert unresolved.ask(desk, "ada").contacts == [ANN, BOB], "its answer was lost, and it asks again"
    assert is_whole(ledger)


def test_at_most_fifty_addresses_are_asked_about_at_once(ledger: Ledger, desk: Desk, unresolved: Unresolved) -> None:
    ledger.accept([event(f"p{number}@corp.example") for number in range(120)])
    sizes = []
    while contacts := unresolved.ask(desk, "ada").contacts:
        sizes.append(len(contacts))
        unresolved.answer(desk, "ada", [found(each, f"ou_{at}") for at, each in enumerate(contacts)])
        if sizes == [50, 50]:  # the rest would be waited for: more may come
            assert 0 < (unresolved.ask(desk, "ada").again_ms or 0) <= 1000
            ledger.redis.hdel(ledger.keys.desk("default"), "asked")
    assert sizes == [50, 50, 20]
    assert ledger.redis.llen(ledger.keys.waiting("e_default")) == 120


def test_what_a_lost_worker_asked_is_asked_by_another(ledger: Ledger, desk: Desk, unresolved: Unresolved) -> None:
    accept(ledger)
    unresolved.ask(desk, "ada")
    assert unresolved.ask(desk, "bob").again_ms == pytest.approx(10_000, abs=2_000)
    ledger.redis.hset(ledger.keys.desk("default"), "asker", f"{int(ledger.redis.time()[0]) * 1000 - 1} ada")
    assert unresolved.ask(desk, "bob").contacts == [ANN]


def test_an_answer_counts_whoever_brings_it(ledger: Ledger, desk: Desk, unresolved: Unresolved) -> None:
    id = accept(ledger)
    unresolved.ask(desk, "ada")
    for token in ("bob", "ada"):
        unresolved.answer(desk, token, [found(ANN, "ou_ann")])
    assert ledger.redis.lrange(ledger.keys.waiting("e_default"), 0, -1) == [id.encode()]


def test_it_can_be_cancelled(ledger: Ledger, desk: Desk, unresolved: Unresolved) -> None:
    id = accept(ledger, expires="1h")
    assert ledger.cancel([id], "ada") == [State.CANCELLED]
    assert unresolved.ask(desk, "ada") == ([], None)
    assert is_whole(ledger)


def test_it_expires_also_while_nobody_can_be_asked(ledger: Ledger, desk: Desk, unresolved: Unresolved) -> None:
    id = accept(ledger, expires=datetime.now(UTC) + timedelta(milliseconds=150))
    unresolved.ask(desk, "ada")
    unresolved.answer(desk, "ada", [], ContactHold("outage", 60_000, "away"))
    questions = unresolved.ask(desk, "ada")
    assert questions.contacts == []
    assert (questions.again_ms or 0) <= 150
    while ledger.get(id).progress.state is State.QUEUED:
        unresolved.ask(desk, "ada")
    assert ledger.get(id).progress.state is State.EXPIRED
    assert is_whole(ledger)


def test_one_with_a_time_is_asked_about_when_it_has_come(ledger: Ledger, desk: Desk, unresolved: Unresolved) -> None:
    id = accept(ledger, at=datetime.now(UTC) + timedelta(milliseconds=300))
    assert ledger.get(id).progress.state is State.SCHEDULED
    questions = unresolved.ask(desk, "ada")
    assert questions.contacts == []
    assert 0 < (questions.again_ms or 0) <= 300
    assert is_whole(ledger)
    while not (contacts := unresolved.ask(desk, "ada").contacts):
        pass
    assert contacts == [ANN]
    assert ledger.get(id).progress.state is State.QUEUED
    assert is_whole(ledger)
    unresolved.answer(desk, "ada", [found(ANN, "ou_ann")])
    assert ledger.redis.lrange(ledger.keys.waiting("e_default"), 0, -1) == [id.encode()]


def test_one_with_a_time_can_be_given_another(ledger: Ledger, desk: Desk, unresolved: Unresolved) -> None:
    id = accept(ledger, at="1h")
    reschedule(ledger, id, datetime.now(UTC) + timedelta(hours=2), "ada")
    assert is_whole(ledger)
    assert (unresolved.ask(desk, "ada").again_ms or 0) > 3_600_000
    reschedule(ledger, id, datetime.now(UTC), "ada")
    while not (contacts := unresolved.ask(desk, "ada").contacts):
        pass
    assert contacts == [ANN]


def test_a_hold_doubles_while_it_lasts_and_ends_with_an_answer(
    ledger: Ledger, desk: Desk, unresolved: Unresolved
) -> None:
    accept(ledger)
    hold, waits = ContactHold("outage", 1_000, "away", None, 503), []
    for _ in range(3):
        unresolved.ask(desk, "ada")
        news = unresolved.answer(desk, "ada", [], hold)
        waits.append((news, round((unresolved.ask(desk, "ada").again_ms or 0) / 1000)))
        kept = orjson.loads(ledger.redis.hget(ledger.keys.desk("default"), "people_hold") or b"")
        ledger.redis.hset(ledger.keys.desk("default"), "people_hold", orjson.dumps({**kept, "until": 1}))
    assert waits == [(1, 1), (0, 2), (0, 4)]
    unresolved.ask(desk, "ada")
    assert unresolved.answer(desk, "ada", [found(ANN, "ou_ann")]) == -1
    assert not ledger.redis.hexists(ledger.keys.desk("default"), "people_hold")


def test_an_operator_ends_a_hold(ledger: Ledger, desk: Desk, unresolved: Unresolved) -> None:
    accept(ledger)
    unresolved.ask(desk, "ada")
    unresolved.answer(desk, "ada", [], ContactHold("credentials", 60_000, "no scope"))
    assert unresolved.ask(desk, "ada").contacts == []
    assert ledger.resume_desk("default", "ada")
    assert unresolved.ask(desk, "ada").contacts == [ANN]


def test_a_key_stands_for_the_address_as_it_was_given(ledger: Ledger, desk: Desk, unresolved: Unresolved) -> None:
    first = accept(ledger, key="k")
    unresolved.ask(desk, "ada")
    unresolved.answer(desk, "ada", [found(ANN, "ou_ann")])
    [again] = ledger.accept([event(key="k")])
    assert (again.id, again.duplicate) == (first, True)
    for other in ({"receiver_id": "ou_ann"}, {"email": BOB.value}, {"mobile": "+8613800138000"}):
        with pytest.raises(KeyReused):
            ledger.accept([Notification.build({**other, "text": "hello", "key": "k"})])


def test_what_an_older_version_put_into_the_lane_is_not_sent_to_nobody(
    ledger: Ledger, leases: Leases, desk: Desk, unresolved: Unresolved
) -> None:
    id = accept(ledger)
    ledger.redis.zrem(ledger.keys.unresolved("default"), id)
    ledger.redis.rpush(ledger.keys.waiting("e_default"), id)
    ledger.redis.zadd(ledger.keys.desks, {"default": 0})
    assert ids_released(leases, desk) == []
    assert unresolved.ask(desk, "ada").contacts == [ANN]
    assert is_whole(ledger)


def test_one_that_was_released_without_a_receiver_is_not_claimed(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = accept(ledger)
    ends_ms = int(ledger.redis.time()[0] * 1000) + 60_000
    ledger.redis.zadd(ledger.keys.leases("default"), {id: ends_ms})
    _, claims = leases.claim(desk, "ada", [id])
    assert claims == []
    assert ledger.get(id).progress.state is State.QUEUED


def test_a_hold_is_told_by_the_status_the_health_line_and_in_json(
    ledger: Ledger, desk: Desk, unresolved: Unresolved
) -> None:
    accept(ledger)
    unresolved.ask(desk, "ada")
    unresolved.answer(desk, "ada", [], ContactHold("credentials", 10_000, "people: desk: no scope", 99991672, 400))
    [status] = desk_statuses(ledger, [desk])
    assert status.unresolved == 1
    assert status.as_json()["addresses"]["hold"]["reason"] == "people: desk: no scope"
    assert status.hold is None, "all else is sent"
    [condition] = [each for each in conditions(Vitals.ask(ledger), [status], ()) if each.name == "addresses_held"]
    assert condition.found == (
        "desk default: 1 event waits, since Feishu does not say who its address belongs to: people: desk: no scope"
    )
    assert condition.do == "grant the app contact:user.id:readonly, and publish a new version of it"


def test_without_a_worker_it_is_told_that_nobody_asks(ledger: Ledger) -> None:
    accept(ledger)
    ledger.redis.zadd(ledger.keys.unresolved_desks, {"default": 1})
    assert Vitals.ask(ledger).unserved == ("default",)
