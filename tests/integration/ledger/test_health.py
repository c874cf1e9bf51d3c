"""The health line: each condition is found when it holds, and nothing is found while all is well."""

from dataclasses import replace

import pytest

from ledger.announcement import Spec
from ledger.announcements import Announcements
from ledger.desk_status import desk_status
from ledger.health import Condition, Severity, conditions
from ledger.ledger import Ledger
from ledger.memory import Fullness
from ledger.notification import Notification
from ledger.redis_clock import time_ms
from ledger.vitals import UNSERVED_MS, Vitals

__all__: list[str] = []


def found(ledger: Ledger) -> dict[str, Condition]:
    announcements = list(Announcements(ledger).newest())
    status = desk_status(ledger, ledger.settings.desk("default"), announcements)
    return {each.name: each for each in conditions(Vitals.ask(ledger), [status], announcements)}


def let_time_pass(ledger: Ledger) -> None:
    """As if the desk had been due for longer than it may go without a pacer."""
    ledger.redis.zincrby(ledger.keys.desks, -UNSERVED_MS - 1000, "default")


def accept(ledger: Ledger) -> None:
    ledger.accept([Notification.build({"receiver_id": "ou_ada", "text": "hi"})])


def beat(ledger: Ledger) -> None:
    ledger.redis.zadd(ledger.keys.workers, {"host:1:16": time_ms(ledger.redis.time())})


def announce(ledger: Ledger) -> str:
    spec = Spec(name="Office move", message={"msg_type": "text", "content": {"text": "Hello"}})
    opened = ledger.announcements.open(spec, key="k", digest="d")
    ledger.announcements.load(opened.id, [b'[2,"ou_1",[]]', b'[3,"ou_2",[]]'])
    ledger.announcements.start(opened.id, spec, 2)
    return opened.id


def test_an_empty_ledger_has_no_condition_but_those_of_its_server(ledger: Ledger) -> None:
    assert set(found(ledger)) <= {"not_durable"}


def test_a_backlog_that_was_just_accepted_is_in_nobodys_way(ledger: Ledger) -> None:
    accept(ledger)
    assert "no_worker" not in found(ledger)


def test_without_a_worker_what_waits_for_ten_seconds_is_a_failure(ledger: Ledger) -> None:
    accept(ledger)
    let_time_pass(ledger)
    assert found(ledger)["no_worker"].severity is Severity.FAIL


def test_workers_that_live_and_do_not_work_are_a_failure(ledger: Ledger) -> None:
    accept(ledger)
    beat(ledger)
    let_time_pass(ledger)
    assert found(ledger)["workers_idle"].severity is Severity.FAIL


def test_what_is_all_paused_is_told_and_needs_no_worker(ledger: Ledger) -> None:
    id = announce(ledger)
    ledger.announcements.pause(id, by="ada")
    let_time_pass(ledger)
    assert {name: each.severity for name, each in found(ledger).items() if name != "not_durable"} == {
        "all_paused": Severity.NOTE
    }


def test_beside_an_event_that_waits_not_all_is_paused(ledger: Ledger) -> None:
    ledger.announcements.pause(announce(ledger), by="ada")
    accept(ledger)
    assert "all_paused" not in found(ledger)


def test_nobody_hears_of_a_desk_that_he_does_not_see(ledger: Ledger) -> None:
    accept(ledger)
    let_time_pass(ledger)
    assert "no_worker" not in {each.name for each in conditions(Vitals.ask(ledger), [], [])}


@pytest.mark.parametrize(("share", "severity"), [(0.7, None), (0.8, Severity.WARN), (1.0, Severity.FAIL)])
def test_memory_is_told_from_three_quarters_on(ledger: Ledger, share: float, severity: Severity | None) -> None:
    vitals = replace(Vitals.ask(ledger), memory=Fullness(int(1000 * share), 1000))
    told = {each.name: each.severity for each in conditions(vitals, [], [])}
    assert told.get("redis_full") is severity


@pytest.mark.parametrize(
    ("ahead_ms", "says"), [(9_999, None), (-9_999, None), (10_000, "10 s ahead"), (-3_600_000, "3,600 s behind")]
)
def test_clocks_that_differ_are_told_from_ten_seconds_on(ledger: Ledger, ahead_ms: int, says: str | None) -> None:
    vitals = replace(Vitals.ask(ledger), ahead_ms=ahead_ms)
    told = [str(each.found) for each in conditions(vitals, [], []) if each.name == "clock_off"]
    assert [says in each for each in told if says] == ([True] if says else [])
    assert bool(told) is bool(says)
