"""Messages delivered per slot, while some receivers have open tickets, and tickets open and close."""

import random
import time
from collections.abc import Iterator

import requests

from benchmarks.announcements import announced
from benchmarks.bench_setup import BenchSetup, running
from benchmarks.figure import Figure
from benchmarks.size import Size
from ledger.states import State

__all__ = ["measure"]

ROWS, RATE, LATENCY_MS = 1_500, "100/6second", "50-400"
#: Share of receivers with a ticket at the start; then one opens and one closes this often, seconds.
WITH_TICKET, CHANGES_SECONDS = 0.2, 4.0
LONGEST_SECONDS = 150
OPEN, CLOSED = 2, 52


def measure(size: Size) -> Iterator[Figure]:
    rows = size.of(ROWS)
    receivers = [f"ou_{number}" for number in range(rows)]
    rng = random.Random(11)
    with_ticket = set(rng.sample(receivers, int(rows * WITH_TICKET)))
    with running(rate=RATE, sandbox=("--latency-ms", LATENCY_MS)) as setup:
        for receiver in with_ticket:
            _move(setup, receiver, OPEN)
        id = announced(setup.ledger, rows, "tickets", receiver=str)
        deadline = time.monotonic() + LONGEST_SECONDS
        while setup.ledger.announcements.get(id).counts[State.DELIVERED] < rows and time.monotonic() < deadline:
            _one_opens_one_closes(setup, receivers, with_ticket, rng)
            time.sleep(CHANGES_SECONDS)
        calls, delivered = len(setup.calls()), setup.stats()["delivered"]
    each = delivered / calls
    yield Figure(
        f"messages delivered for each slot, {rows:,} rows at {RATE}, {WITH_TICKET:.0%} with an open ticket,"
        f" one more opening and one closing every {CHANGES_SECONDS:g} s",
        "≥ 0.97",
        f"{each:.3f} ({delivered:,} messages, {calls:,} calls)",
        each >= 0.97 and delivered == rows,
    )


def _one_opens_one_closes(setup: BenchSetup, receivers: list[str], with_ticket: set[str], rng: random.Random) -> None:
    opens = rng.choice([receiver for receiver in receivers if receiver not in with_ticket])
    closes = rng.choice(sorted(with_ticket))
    _move(setup, opens, OPEN)
    _move(setup, closes, CLOSED)
    with_ticket.symmetric_difference_update({opens, closes})


def _move(setup: BenchSetup, receiver: str, status: int) -> None:
    order = {"guest_id": receiver, "status": status}
    requests.post(f"{setup.sandbox_url}/sandbox/tickets", json=order, timeout=30).raise_for_status()
