"""Processes that are killed, stopped and started again, and what becomes of the notifications they held."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ledger.states import State
from tests.acceptance.installation import Installation, eventually, soon
from tests.calm import Stopwatch

#: How long Redis is away, seconds; 20 s would cost CI seven more. Not a number at random: Celery on its own tries to
#: reconnect 12 s and then 20 s after the loss, so that workers which leave it to Celery are found out.
REDIS_AWAY_SECONDS = 13
#: How soon workers must send again, once Redis is back, seconds.
RESUME_SECONDS = 5
#: How soon another pacer must lead when the leading one is gone, seconds.
TAKE_OVER_SECONDS = 2
#: From the lead to the start of a call, and a margin, seconds.
CALL_STARTS_SECONDS = 0.5
#: A lease with DESKBELL_TIMEOUT=1,1 lasts 21 s: `ledger.leases` adds 15 s to the longest call, which may take 6 s.
SHORT_LEASE_SECONDS = 21


@dataclass(frozen=True)
class Killed:
    """A worker was killed in a call, and another one has been started."""

    installation: Installation
    id: str
    since: Stopwatch


@pytest.fixture(scope="module", autouse=True)
def killed(folders: Callable[[], Path]) -> Iterator[Killed]:
    """Happens before all other tests of this module, so that they pass the time until the lease is over."""
    with Installation(folders(), workers=1, DESKBELL_TIMEOUT="1,1") as installation:
        installation.sandbox.fault({"receiver_id": "ou_slow"}, {"delay_ms": 900}, times=1)
        accepted = installation.send("ou_slow")
        eventually(lambda: installation.sandbox.stats()["in_flight"], 5, "the call in flight")
        installation.workers[0].kill()
        installation.start_worker()
        yield Killed(installation, accepted.id, Stopwatch())


@dataclass(frozen=True)
class Outage:
    """Redis was killed while events were being sent, and came back."""

    installation: Installation
    ids: list[str]
    receivers: set[str]
    silent_seconds: float  #: from its return to the next call, calm ones


@pytest.fixture(scope="module")
def outage(folders: Callable[[], Path]) -> Iterator[Outage]:
    with Installation(
        folders(), sandbox=("--rate", "unlimited", "--latency-ms", "200-600"), DESKBELL_RATE="10/second"
    ) as installation:
        receivers = [f"ou_outage{number}" for number in range(60)]
        ids = installation.accept(*receivers)
        eventually(lambda: len(installation.sandbox.deliveries()) >= 10, 10, "ten delivered")
        installation.kill_valkey()
        time.sleep(REDIS_AWAY_SECONDS)  # nothing to look for: that nothing happens is the point
        last_seen = len(installation.sandbox.calls())
        installation.valkey.start()
        back = Stopwatch()
        eventually(lambda: len(installation.sandbox.calls()) > last_seen, 30, "a call after Redis was back")
        yield Outage(installation, ids, set(receivers), back.calm_seconds)


def test_an_outage_of_redis_loses_nothing_and_doubles_nothing_unsaid(outage: Outage) -> None:
    records = outage.installation.wait_until_delivered(outage.ids, seconds=40)

    maybe_twice = {record["receiver_id"] for record in records if "unknown" in _outcomes(record)}
    deliveries = outage.installation.sandbox.deliveries()
    assert deliveries.keys() == outage.receivers
    assert {receiver for receiver, count in deliveries.items() if count > 1} <= maybe_twice
    assert all(worker.runs for worker in outage.installation.workers)
    assert outage.installation.counts() == {State.DELIVERED: len(outage.ids)}


def test_workers_send_again_soon_after_redis_is_back(outage: Outage) -> None:
    assert outage.silent_seconds <= RESUME_SECONDS


def test_a_worker_that_is_told_to_stop_finishes_its_calls(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation()
    installation.sandbox.fault({"prefix": "ou_"}, {"delay_ms": 1500})
    receivers = [f"ou_stop{number}" for number in range(30)]
    ids = installation.accept(*receivers)
    eventually(lambda: installation.sandbox.stats()["in_flight"] == 16, 10, "all threads of both workers in a call")

    installation.workers[0].terminate()
    assert installation.workers[0].wait(seconds=5) == 0

    records = installation.wait_until_delivered(ids, seconds=30)
    assert [_outcomes(record) for record in records] == [["delivered"]] * len(receivers)
    assert installation.sandbox.deliveries() == dict.fromkeys(receivers, 1)


def test_another_pacer_takes_over_when_the_leading_one_is_killed(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation()
    leader = installation.leading_worker()

    gone = Stopwatch()
    leader.kill()
    accepted = installation.send("ou_next")
    soon(lambda: installation.leader_pid not in (None, leader.pid), TAKE_OVER_SECONDS, "another pacer leads")
    soon(lambda: installation.sandbox.sends("ou_next"), CALL_STARTS_SECONDS, "the call")
    assert gone.calm_seconds <= TAKE_OVER_SECONDS + CALL_STARTS_SECONDS

    record = installation.wait_for_state(accepted.id, State.DELIVERED)
    assert _outcomes(record) == ["delivered"]


def test_a_notification_moves_again_after_its_worker_was_killed_in_a_call(killed: Killed) -> None:
    looked_early = killed.since.calm_seconds < SHORT_LEASE_SECONDS
    record = killed.installation.wait_for_state(killed.id, State.DELIVERED, SHORT_LEASE_SECONDS + 5)

    # Where the tests before it took longer than the lease, it had moved long before.
    assert not looked_early or killed.since.calm_seconds < SHORT_LEASE_SECONDS + 5
    assert _outcomes(record) == ["unknown", "delivered"]
    assert "the worker was lost" in record["attempts"][0]["msg"]
    first, second = (call["started_ms"] for call in killed.installation.sandbox.sends("ou_slow"))
    assert second - first >= (SHORT_LEASE_SECONDS - 1) * 1000, "it moved while the worker might still have had it"
    assert killed.installation.sandbox.deliveries() == {"ou_slow": 2}, (
        "the first call went out before its worker was killed"
    )


def _outcomes(record: dict[str, list[dict[str, str]]]) -> list[str]:
    return [attempt["outcome"] for attempt in record["attempts"]]


def test_the_claims_of_a_killed_worker_leave_the_next_one_room(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation(workers=1)
    installation.sandbox.fault({"prefix": "ou_slow"}, {"delay_ms": 5_000})
    installation.accept(*(f"ou_slow{number}" for number in range(6)))
    eventually(
        lambda: installation.sandbox.stats()["in_flight"] == 6, 10, "as many calls in flight as one desk may have"
    )

    installation.workers[0].kill()
    installation.start_worker()
    accepted = installation.send("ou_next")
    installation.wait_for_state(accepted.id, State.DELIVERED, seconds=10)
