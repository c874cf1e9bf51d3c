"""What a worker counts while it delivers, and what the verbs count of what expires."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from ledger.delivery_options import ReceiveType
from ledger.leases import Swept
from ledger.progress import Attempt
from ledger.settings import Settings
from ledger.states import Outcome, State
from ledger.tally import MINUTES, Tally
from tests.integration.worker.delivering import TEXT, DeskAtWork, desk_at_work
from worker.metrics import DeskMetrics, count_swept

__all__: list[str] = []


@pytest.fixture
def at_work(empty_valkey: Settings) -> Iterator[DeskAtWork]:
    with desk_at_work(empty_valkey) as at_work:
        yield at_work


def counted(at_work: DeskAtWork) -> dict[str, int]:
    at_work.runtime.counters.write()
    [found] = Tally(at_work.ledger.redis, at_work.ledger.keys).totals(["default"])
    return found


def in_the_last_hour(at_work: DeskAtWork) -> Counter[str]:
    seconds, _ = at_work.ledger.redis.time()
    minutes = range(seconds // 60 - MINUTES + 1, seconds // 60 + 1)
    hour = Tally(at_work.ledger.redis, at_work.ledger.keys).minutes("default", minutes)
    return sum((Counter(minute.counts) for minute in hour), Counter())


def of(found: dict[str, int], *words: str) -> dict[str, int]:
    """What begins with these words, by the rest of its name; sums of latencies left out."""
    start = " ".join(words) + " "
    return {
        name.removeprefix(start): count
        for name, count in found.items()
        if name.startswith(start) and not name.endswith(" us")
    }


def test_attempts_are_counted_by_way_outcome_and_code_and_each_notification_once(at_work: DeskAtWork) -> None:
    at_work.send("ou_alice")
    at_work.send("ou_ticket_1")
    at_work.send("ou_unknown_1")
    at_work.announce("ou_bob", "ou_carol")
    at_work.deliver()
    found = counted(at_work)
    attempts = of(found, "attempts")
    assert attempts["chat delivered 0"] == 3
    assert attempts["user delivered 0"] == 1
    assert sum(count for name, count in attempts.items() if name.startswith("chat ticket_open ")) == 1
    assert sum(count for name, count in attempts.items() if name.startswith("chat refused ")) == 1
    assert sum(attempts.values()) == 6
    assert of(found, "ended") == {"delivered": 3, "rerouted": 1, "failed": 1}
    assert in_the_last_hour(at_work) == {"delivered": 3, "rerouted": 1, "failed": 1}


def test_attempts_in_the_tally_are_the_calls_that_the_ledger_counts(at_work: DeskAtWork) -> None:
    for receiver in ("ou_alice", "ou_ticket_1", "ou_unknown_1", "ou_flaky_1", "ou_cut_1"):
        at_work.send(receiver)
    at_work.deliver()
    by_outcome: Counter[str] = Counter()
    for name, count in of(counted(at_work), "attempts").items():
        by_outcome[name.split()[1]] += count
    calls: Any = at_work.ledger.redis.hgetall(at_work.ledger.keys.calls("default"))
    assert by_outcome == {outcome.decode(): int(count) for outcome, count in calls.items()}


def test_every_call_of_feishu_is_timed_whatever_it_is_for(at_work: DeskAtWork) -> None:
    at_work.send("ou_alice")
    at_work.deliver()
    found = counted(at_work)
    # The token first, then the send, and after it the list of open tickets.
    assert of(found, "calls") == {"token delivered": 1, "send delivered": 1, "tickets delivered": 1}
    for call in ("token", "send", "tickets"):
        assert sum(of(found, "call", call).values()) == 1
        assert found[f"call {call} us"] >= 0


def test_a_delivery_is_timed_from_its_acceptance_or_from_when_it_was_due(at_work: DeskAtWork) -> None:
    at_work.send("ou_alice")
    at_work.announce("ou_bob")
    at_work.send("ou_carol", at=datetime.now(UTC) + timedelta(milliseconds=20))
    long_ago = at_work.ledger.redis.time()[0] * 1000 - 3_000_000
    [slow] = at_work.ledger.events(State.QUEUED)
    at_work.ledger.redis.hset(at_work.ledger.keys.notification(slow.id), "created_at", long_ago)
    while sum(of(counted(at_work), "ended").values()) < 3:
        at_work.deliver()
    found = counted(at_work)
    event = of(found, "delivery", "event", "delivered")
    assert event.pop("3600") == 1  # 3,000 s: above 900 s
    assert sum(event.values()) == 1
    assert sum(of(found, "delivery", "announcement", "delivered").values()) == 1
    assert 3000 <= found["delivery event delivered us"] / 1e6 < 3010


def test_an_undocumented_code_is_a_label_only_if_it_is_the_helpdesks(at_work: DeskAtWork) -> None:
    cases = [(154_999, 401), (77_777_777, 400), (None, 502), (None, None), (154_000, 400)]
    attempts = [Attempt(1, ReceiveType.CHAT, Outcome.REFUSED, code, http_status) for code, http_status in cases]
    claimed: Any = SimpleNamespace(claim=SimpleNamespace(id="n_1"), attempts=attempts)
    DeskMetrics(at_work.runtime.counters, at_work.desk, at_work.runtime.codes).deliveries([claimed], [])
    assert of(counted(at_work), "attempts chat refused") == {
        "154999": 1, "other": 1, "http_502": 1, "none": 1, "154000": 1
    }  # fmt: skip


def test_what_expires_is_counted_though_no_worker_has_it_in_hand(at_work: DeskAtWork) -> None:
    for _ in range(2):
        at_work.send("ou_alice", expires="1h")
    at_work.announce("ou_bob", "ou_carol", "ou_dan", expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    redis, keys = at_work.ledger.redis, at_work.ledger.keys
    for record in at_work.ledger.events():
        redis.hset(keys.notification(record.id), "expires_at", 1)
    [announcement] = at_work.ledger.announcements.newest()
    redis.hset(keys.lane(announcement.id), "expires_at", 1)
    at_work.deliver()
    assert of(counted(at_work), "ended") == {"expired": 5}
    assert in_the_last_hour(at_work) == {"expired": 5}


def test_what_is_taken_back_from_lost_workers_is_counted(at_work: DeskAtWork) -> None:
    count_swept(at_work.runtime.counters, at_work.desk, Swept(returned=3, resent=0, unknown=2))
    found = counted(at_work)
    assert of(found, "swept") == {"returned": 3, "unknown": 2}
    assert of(found, "ended") == {"unknown": 2}


def test_no_message_and_no_receiver_stands_in_the_tally(at_work: DeskAtWork) -> None:
    at_work.send("ou_alice")
    at_work.send("ou_unknown_1")
    at_work.deliver()
    everything = str(counted(at_work))
    assert TEXT not in everything
    assert "ou_" not in everything


def test_a_worker_counts_on_while_redis_is_full(at_work: DeskAtWork) -> None:
    client: redis.Redis = at_work.ledger.redis
    at_work.send("ou_alice")
    client.config_set("maxmemory", 1)
    try:
        at_work.deliver()
        assert at_work.runtime.counters.write()
    finally:
        client.config_set("maxmemory", 0)
    assert of(counted(at_work), "ended") == {"delivered": 1}


def test_a_hundred_deliveries_are_written_in_two_round_trips(at_work: DeskAtWork) -> None:
    for number in range(100):
        at_work.send(f"ou_{number}")
    at_work.deliver()
    client = at_work.ledger.redis
    before = client.info("commandstats")
    at_work.runtime.counters.write()
    after = client.info("commandstats")
    calls = {name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"] for name in after}
    assert calls["cmdstat_time"] == calls["cmdstat_exec"] == 1
    assert calls["cmdstat_hincrby"] < 40
