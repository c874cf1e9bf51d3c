"""An event on an idle desk: from the return of `accept` to the start of the call at the sandbox."""

import time
from collections.abc import Iterator
from itertools import count
from statistics import median

from benchmarks.bench_setup import BenchSetup, running
from benchmarks.figure import Figure
from benchmarks.size import Size, spread
from ledger.notification import Notification
from ledger.states import State

__all__ = ["measure", "p99_of", "send_one_by_one", "wait_until_delivered"]

SENDS = 200
#: For the last call of a round to be made, seconds.
LONGEST_SECONDS = 60
_numbers = count()


def measure(size: Size) -> Iterator[Figure]:
    sends = size.of(SENDS)
    with running(rate="unlimited") as setup:
        rounds = [send_one_by_one(setup, sends) for _ in range(size.rounds)]
    p50s, p99s = [median(waited) for waited in rounds], [p99_of(waited) for waited in rounds]
    yield Figure(
        f"event on an idle desk, accept to call, {size.rounds} rounds of {sends} sends, 2 worker processes",
        "p50 ≤ 8 ms, p99 ≤ 15 ms",
        f"p50 {spread(p50s, _ms)}, p99 {spread(p99s, _ms)}",
        median(p50s) <= 8 and median(p99s) <= 15,
    )


def p99_of(waited_ms: list[float]) -> float:
    return waited_ms[int(len(waited_ms) * 0.99) - 1]


def _ms(value: float) -> str:
    return f"{value:.1f} ms"


def send_one_by_one(setup: BenchSetup, sends: int) -> list[float]:
    """Times from acceptance to call, ms, shortest first. The desk is idle before each; the first send is left out."""
    returned, ids = {}, []
    for number in range(sends + 1):
        receiver = f"ou_{next(_numbers)}"
        ids.append(_send(setup, receiver))
        returned[receiver] = time.time()
        time.sleep(0.02 + 0.02 * (number % 3) if number else 1)
    wait_until_delivered(setup, ids)
    called = {call["receiver_id"]: call["at"] for call in setup.calls()}
    return sorted((called[receiver] - at) * 1000 for receiver, at in list(returned.items())[1:])


def _send(setup: BenchSetup, receiver: str) -> str:
    event = Notification.build({"receiver_id": receiver, "text": "Disk full on db-3"})
    return setup.ledger.accept([event])[0].id


def wait_until_delivered(setup: BenchSetup, ids: list[str]) -> None:
    """On a busy machine a call may be late by seconds."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while any(record.progress.state is not State.DELIVERED for record in setup.ledger.get_many(ids)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all {len(ids)} events were delivered within {LONGEST_SECONDS} s")
        time.sleep(0.1)
