"""Settling what was maybe sent, and taking it back, over fakeredis and Valkey."""

import time
from typing import Any

import orjson
import pytest
import redis

from ledger.audit_log import recent_actions
from ledger.inspection.inspection import broken_invariants
from ledger.inspection.invariants import Invariant
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Desk
from ledger.settling import Settlement, Settling
from ledger.states import Resolution, State
from tests.integration.ledger.test_announcements import announce, counts_of, deliver

URL = "https://alerts.corp.example/deskbell"


@pytest.fixture
def at_once(ledger: Ledger) -> Settling:
    """Settles without time for taking it back."""
    return Settling(ledger, undo_ms=0)


def maybe_sent(ledger: Ledger, leases: Leases, desk: Desk, count: int = 1) -> list[str]:
    """Events, each of which owes a callback when it ends."""
    fields = {"receiver_id": "ou_a", "text": "x", "callback_url": URL, "on_unknown": "hold"}
    ledger.accept([Notification.build(fields) for _ in range(count)])
    return lose(leases, desk)


def lose(leases: Leases, desk: Desk) -> list[str]:
    """Everything that waits is called for, and no answer comes."""
    [released] = leases.release([(desk, 100, 100)])
    claims = leases.claim(desk, "t", released.ids)[1]
    leases.record(desk, "t", [Result(claim.id, State.UNKNOWN) for claim in claims], "up")
    return [claim.id for claim in claims]


def look(leases: Leases, desk: Desk) -> list[str]:
    """As the pacer does."""
    return leases.release([(desk, 100, 100)])[0].ids


def everything(client: redis.Redis) -> dict[bytes, Any]:
    """The ledger but for its audit log, its clock, when its desks are looked at, and what was taken back."""
    apart = (b":acts", b":desks", b":clock", b":schema", b":waitaof")
    kept = {}
    for name in client.scan_iter("*"):
        if name.endswith(apart) or b":undone:" in name:
            continue
        kind = client.type(name)
        read = {b"hash": "HGETALL", b"zset": "ZRANGE", b"list": "LRANGE", b"string": "GET", b"set": "SMEMBERS"}[kind]
        rest = {"ZRANGE": (0, -1, "WITHSCORES"), "LRANGE": (0, -1)}.get(read, ())
        kept[name] = client.execute_command(read, name, *rest), client.ttl(name) >= 0
    return kept


def only(settling: Settling) -> Settlement:
    [settlement] = settling.pending(["default"])
    return settlement


@pytest.mark.parametrize("outcome", Resolution)
def test_what_is_taken_back_leaves_the_ledger_as_it_was_and_both_steps_on_record(
    ledger: Ledger, leases: Leases, desk: Desk, client: redis.Redis, outcome: Resolution
) -> None:
    ids = maybe_sent(ledger, leases, desk, 2)
    before = everything(client)
    assert Settling(ledger).decide(ids, "ada", outcome) == 2
    assert look(leases, desk) == []
    settlement = only(Settling(ledger))
    assert (settlement.count, settlement.events, settlement.by) == (2, 2, "ada")
    assert broken_invariants(ledger) == []
    assert Settling(ledger).undo(settlement, "bob")
    assert everything(client) == before
    acts = [(act.by, act.did, act.id) for act in recent_actions(ledger, 4)]
    assert set(acts[2:]) == {("ada", f"resolve as {outcome}", id) for id in ids}
    assert set(acts[:2]) == {("bob", f"undo resolve as {outcome}", id) for id in ids}


def test_an_undo_whose_answer_was_lost_is_asked_again_and_takes_back_once(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    """redis-py repeats a command whose connection breaks: the second answer must not be that it is too late."""
    [id] = maybe_sent(ledger, leases, desk)
    Settling(ledger).decide([id], "ada", Resolution.FAILED)
    settlement = only(Settling(ledger))
    assert Settling(ledger).undo(settlement, "bob")
    assert Settling(ledger).undo(settlement, "bob")
    assert [act.did for act in recent_actions(ledger, 5)].count("undo resolve as failed") == 1
    assert ledger.get(id).progress.state is State.UNKNOWN


@pytest.mark.parametrize(
    ("outcome", "state"), [(Resolution.DELIVERED, State.DELIVERED), (Resolution.FAILED, State.FAILED)]
)
def test_it_is_carried_out_by_the_pacer_when_its_time_is_over(
    ledger: Ledger, leases: Leases, desk: Desk, at_once: Settling, outcome: Resolution, state: State
) -> None:
    [id] = maybe_sent(ledger, leases, desk)
    at_once.decide([id], "ada", outcome)
    assert ledger.get(id).progress.state is State.UNKNOWN
    settlement = only(at_once)
    look(leases, desk)
    record = ledger.get(id)
    assert (record.progress.state, record.progress.acts[-1][1:]) == (state, ("ada", f"resolve as {outcome}"))
    assert not at_once.undo(settlement, "ada"), "it is too late"
    assert broken_invariants(ledger) == []


def test_the_pacer_looks_at_the_desk_when_a_settlement_is_due(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    [id] = maybe_sent(ledger, leases, desk)
    look(leases, desk)
    assert ledger.redis.zscore(ledger.keys.desks, "default") is None
    Settling(ledger).decide([id], "ada", Resolution.DELIVERED)
    due_ms = only(Settling(ledger)).due_ms
    assert ledger.redis.zscore(ledger.keys.desks, "default") == due_ms
    [released] = leases.release([(desk, 1, 1)])
    assert released.again_ms is not None
    assert 0 < released.again_ms <= 10_000


def test_the_console_carries_it_out_where_no_worker_lives(
    ledger: Ledger, leases: Leases, desk: Desk, at_once: Settling
) -> None:
    [id] = maybe_sent(ledger, leases, desk)
    at_once.decide([id], "ada", Resolution.DELIVERED)
    at_once.carry_out("default")
    assert ledger.get(id).progress.state is State.DELIVERED
    assert at_once.pending(["default"]) == []


def test_a_resend_is_sent_after_its_time_and_not_before(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    [id] = maybe_sent(ledger, leases, desk)
    Settling(ledger).decide([id], "ada", Resolution.RESEND)
    assert look(leases, desk) == []
    Settling(ledger).undo(only(Settling(ledger)), "ada")
    Settling(ledger, undo_ms=0).decide([id], "ada", Resolution.RESEND)
    assert look(leases, desk) == [id]


def test_what_was_sent_again_and_lost_again_since_is_not_meant(
    ledger: Ledger, leases: Leases, desk: Desk, client: redis.Redis
) -> None:
    [id] = maybe_sent(ledger, leases, desk)
    Settling(ledger).decide([id], "ada", Resolution.DELIVERED)
    ledger.resolve([id], "bob", "resend")
    assert lose(leases, desk) == [id]
    name = ledger.keys.desk("default")
    [(settlement, kept)] = orjson.loads(client.hget(name, "settling")).items()
    client.hset(name, "settling", orjson.dumps({settlement: {**kept, "due": 1}}))
    look(leases, desk)
    assert ledger.get(id).progress.state is State.UNKNOWN
    assert not client.hexists(name, "settling")


def test_all_unknown_rows_of_an_announcement_are_settled_in_portions_and_later_ones_are_not(
    ledger: Ledger, leases: Leases, desk: Desk, at_once: Settling
) -> None:
    id = announce(ledger, 700)
    for _ in range(7):
        deliver(leases, desk, 90, to=State.UNKNOWN)
    assert at_once.decide([id], "ada", Resolution.DELIVERED) == 630
    assert only(at_once).rows_of(id, 630) == 630
    at_once.carry_out("default")
    assert counts_of(ledger, id)["unknown"] == 130
    deliver(leases, desk, 10, to=State.UNKNOWN)
    at_once.carry_out("default")
    assert counts_of(ledger, id)["delivered"] == 630
    assert counts_of(ledger, id)["unknown"] == 10
    assert broken_invariants(ledger) == []


def test_an_announcement_that_had_finished_is_kept_until_its_last_row_is_settled(
    ledger: Ledger, leases: Leases, desk: Desk, at_once: Settling
) -> None:
    id = announce(ledger, 2)
    deliver(leases, desk, 2, to=State.UNKNOWN)
    first, second = ledger.announcements.numbers_in(id, State.UNKNOWN)
    at_once.decide([first], "ada", Resolution.DELIVERED)
    look(leases, desk)
    assert ledger.redis.ttl(ledger.keys.lane(id)) == -1
    Settling(ledger).decide([second], "ada", Resolution.FAILED)
    Settling(ledger).undo(only(Settling(ledger)), "ada")
    assert ledger.redis.ttl(ledger.keys.lane(id)) == -1
    at_once.decide([second], "ada", Resolution.RESEND)
    look(leases, desk)
    assert ledger.announcements.get(id).state == "running"
    assert broken_invariants(ledger) == []


def test_nothing_is_settled_that_is_settled_already_or_of_a_cancelled_announcement(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    [settled, waiting] = maybe_sent(ledger, leases, desk, 2)
    ledger.resolve([settled], "bob", "failed")
    assert Settling(ledger).decide([settled, "n_0000000000000000", waiting], "ada", Resolution.DELIVERED) == 1
    assert only(Settling(ledger)).ids == {waiting}
    id = announce(ledger, 1)
    deliver(leases, desk, 1, to=State.UNKNOWN)
    again = announce(ledger, 3, key="again")
    deliver(leases, desk, 1, to=State.UNKNOWN)
    ledger.announcements.cancel(again, "bob")
    assert Settling(ledger).decide([again], "ada", Resolution.RESEND) == 0
    assert Settling(ledger).decide([again, id], "ada", Resolution.DELIVERED) == 2


def test_a_settlement_that_nobody_looks_at_is_found(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    [id] = maybe_sent(ledger, leases, desk)
    Settling(ledger).decide([id], "ada", Resolution.DELIVERED)
    assert broken_invariants(ledger) == []
    ledger.redis.zrem(ledger.keys.desks, "default")
    assert [(each.invariant, each.id) for each in broken_invariants(ledger)] == [(Invariant.DESK_LOOKED_AT, "default")]


@pytest.mark.parametrize("damage", ["{", '{"s": 1}', '{"s": {"due": 1, "at": 1, "by": "ada", "as": "failed"}}', "[1]"])
def test_a_damaged_settlement_stops_nobody_and_what_it_meant_is_unknown_still(
    ledger: Ledger, leases: Leases, desk: Desk, damage: str
) -> None:
    first, second = maybe_sent(ledger, leases, desk, 2)
    ledger.redis.hset(ledger.keys.desk("default"), "settling", damage)
    assert Settling(ledger).pending(["default"]) == []
    look(leases, desk)
    Settling(ledger, undo_ms=0).decide([second], "ada", Resolution.FAILED)
    look(leases, desk)
    states = [ledger.get(id).progress.state for id in (first, second)]
    assert states == [State.UNKNOWN, State.FAILED]


@pytest.mark.parametrize("outcome", [Resolution.DELIVERED, Resolution.FAILED])
def test_one_whose_record_was_damaged_while_it_was_unknown_is_settled_too(
    ledger: Ledger, leases: Leases, desk: Desk, at_once: Settling, outcome: Resolution
) -> None:
    [id] = maybe_sent(ledger, leases, desk)
    ledger.redis.hset(ledger.keys.notification(id), "progress", "{")
    assert at_once.decide([id], "ada", outcome) == 1
    time.sleep(0.005)  # it was unknown when it was decided, and nobody can say since when
    look(leases, desk)
    assert ledger.get(id).progress.state == State(outcome)
    assert broken_invariants(ledger) == []
