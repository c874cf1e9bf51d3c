"""An event beside a long announcement waits for at most one slot. Also, the share of the quota used meanwhile."""

import random
import time
from collections.abc import Iterator

from benchmarks.announcements import announced
from benchmarks.bench_setup import running
from benchmarks.figure import Figure
from benchmarks.size import Size
from ledger.notification import Notification

__all__ = ["measure"]

MINUTES = 3
ROWS, EVENTS = 100_000, 60


def measure(size: Size) -> Iterator[Figure]:
    rows, count = size.of(ROWS, 1000), size.of(EVENTS)
    with running(rate="100/minute") as setup:
        id = announced(setup.ledger, rows, "beside")
        time.sleep(3)
        rng = random.Random(7)
        accepted = {}
        begun = time.time()
        for number in range(count):
            receiver = f"ou_event{number}"
            setup.ledger.accept([Notification.build({"receiver_id": receiver, "text": "Disk full on db-3"})])
            accepted[receiver] = time.time()
            time.sleep(rng.uniform(0.5, 2 * 60 * MINUTES / EVENTS - 0.5))
        calls = setup.calls()
        ended = time.time()
        refused = setup.stats()["calls"]["message"].get("99991400", 0)
        setup.ledger.announcements.cancel(id, by="benchmark")
    waited = sorted(
        (call["at"] - accepted[call["receiver_id"]]) * 1000 for call in calls if call["receiver_id"] in accepted
    )
    p50, p99 = waited[len(waited) // 2], waited[-1]
    slot_ms = 60_300 / 100
    yield Figure(
        f"event beside an announcement of {rows:,} rows at 100/minute, accept to call, {len(waited)} events",
        "p99 ≤ 1 slot + 100 ms (703 ms)",
        f"p50 {p50:.0f} ms, max {p99:.0f} ms",
        len(waited) == count and p99 <= slot_ms + 100,
    )
    within = sum(begun <= call["at"] < ended for call in calls)
    used = within / ((ended - begun) * 100 / 60)
    yield Figure(
        f"share of the quota used while anything waits, {(ended - begun) / 60:.1f} windows of a minute",
        "≥ 98.5 %, 0 refused",
        f"{used:.1%}, {refused} refused",
        used >= 0.985 and refused == 0,
    )
