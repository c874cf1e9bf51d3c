"""An event on an idle desk: from the return of `accept` to the start of the call at the sandbox."""

import statistics
import time
from collections.abc import Iterator

from benchmarks.bench_setup import BenchSetup, running
from benchmarks.figure import Figure
from ledger.notification import Notification

__all__ = ["measure", "send_one_by_one"]

SENDS = 200


def measure() -> Iterator[Figure]:
    with running(rate="unlimited") as setup:
        waited = send_one_by_one(setup, SENDS)
    p50, p99 = statistics.median(waited), waited[int(len(waited) * 0.99) - 1]
    yield Figure(
        f"event on an idle desk, accept to call, {len(waited)} sends, 2 worker processes",
        "p50 ≤ 8 ms, p99 ≤ 15 ms",
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {waited[-1]:.1f} ms",
        len(waited) == SENDS and p50 <= 8 and p99 <= 15,
    )


def send_one_by_one(setup: BenchSetup, sends: int) -> list[float]:
    """Times from acceptance to call, ms, shortest first. The desk is idle before each."""
    _send(setup, "ou_warm")
    time.sleep(1)
    setup.forget_calls()
    returned = {}
    for number in range(sends):
        receiver = f"ou_{number}"
        _send(setup, receiver)
        returned[receiver] = time.time()
        time.sleep(0.02 + 0.02 * (number % 3))
    time.sleep(1)
    return sorted((call["at"] - returned[call["receiver_id"]]) * 1000 for call in setup.calls())


def _send(setup: BenchSetup, receiver: str) -> None:
    setup.ledger.accept([Notification.build({"receiver_id": receiver, "text": "Disk full on db-3"})])
