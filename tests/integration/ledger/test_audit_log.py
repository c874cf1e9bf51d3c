"""Every act of a person is in the audit log, and stays there as long as it should."""

from datetime import timedelta

import orjson
import pytest

from ledger.announcement import Spec
from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.audit_log import PORTION, all_actions, recent_actions, record_action
from ledger.dead_letters import DeadLetters
from ledger.errors import NotAllowed
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.redis_clock import time_ms

__all__: list[str] = []


def acts(ledger: Ledger) -> list[tuple[str, str, str]]:
    return [(act.by, act.did, act.id) for act in all_actions(ledger)]


def accepted(ledger: Ledger, count: int) -> list[str]:
    events = [Notification.build({"receiver_id": f"ou_{number}", "text": "hi"}) for number in range(count)]
    return [each.id for each in ledger.accept(events)]


def test_each_act_on_an_announcement_is_recorded_once(ledger: Ledger) -> None:
    spec = Spec(name="Office move", message={"msg_type": "text", "content": {"text": "Hello"}})
    opened = ledger.announcements.open(spec, key="k", digest="d")
    ledger.announcements.load(opened.id, [b'[2,"ou_1",[]]'])
    for _ in range(2):  # the second time it had been started before
        ledger.announcements.start(opened.id, spec, 1, "ada")
    ledger.announcements.pause(opened.id, "ada")
    ledger.announcements.resume(opened.id, "bob")
    ledger.announcements.resolve(opened.id, "bob", "failed")
    ledger.announcements.cancel(opened.id, "ada")
    assert acts(ledger) == [
        ("ada", "announce", opened.id),
        ("ada", "pause", opened.id),
        ("bob", "resume", opened.id),
        ("bob", "resolve as failed", opened.id),
        ("ada", "cancel", opened.id),
    ]


def test_what_was_done_before_a_refusal_is_recorded_and_the_refusal_is_not(ledger: Ledger) -> None:
    first, second, third = accepted(ledger, 3)
    ledger.cancel([second], "ada")
    with pytest.raises(NotAllowed):
        ledger.cancel([first, second, third], "bob")
    assert acts(ledger) == [("ada", "cancel", second), ("bob", "cancel", first)]


def test_keys_and_desks_are_in_it_and_bulk_acts_that_did_nothing_are_not(ledger: Ledger) -> None:
    keys = ApiKeys(ledger)
    keys.create("ops", frozenset({Scope.READ}), None, None, by="ada")
    for _ in range(2):
        keys.revoke("ops", by="bob")
    ledger.resume_desk("default", "ada")
    DeadLetters(code=1).retry(ledger, "ada")
    assert acts(ledger) == [
        ("ada", "create key", "ops"),
        ("bob", "revoke key", "ops"),
        ("ada", "resume desk", "default"),
    ]


def test_an_act_is_dropped_when_it_is_older_than_the_audit_log_goes_back(ledger: Ledger) -> None:
    now_ms = time_ms(ledger.redis.time())
    day_ms = timedelta(days=1) // timedelta(milliseconds=1)
    for days in (401, 400.5, 399):
        ledger.redis.lpush(ledger.keys.acts, orjson.dumps([now_ms - round(days * day_ms), "ada", "pause", "a_1"]))
    record_action(ledger, "bob", "resume", "a_1")
    assert [act.did for act in all_actions(ledger)] == ["pause", "resume"]
    record_action(ledger, "bob", "cancel", "a_1")
    assert [act.did for act in recent_actions(ledger, 2)] == ["cancel", "resume"]


def test_all_of_a_long_log_is_read_in_its_order_while_it_grows(ledger: Ledger) -> None:
    count = 2 * PORTION + 7
    record_action(ledger, "ada", "retry", *(f"n_{number}" for number in range(count)))
    entries = all_actions(ledger)
    first = next(entries)
    record_action(ledger, "ada", "later")
    assert [first.id, *(entry.id for entry in entries)] == [f"n_{number}" for number in range(count)]
