"""The cost of a distant Redis: deliveries, and the quota's observance and use."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.announcements import announced
from benchmarks.bench_setup import BenchSetup, running
from benchmarks.figure import Figure
from benchmarks.size import Size
from ledger.notification import Notification
from ledger.rate import parse_rate, slack_ms
from ledger.states import State
from tests.far_redis import FarRedis
from tests.valkey_process import ValkeyProcess

__all__ = ["measure"]

ROUND_TRIPS_MS = (5, 20, 70, 150, 250)
RATES = ("100/minute", "5/second")
#: Up to this distance most of the quota should be used.
USED_UP_TO_MS = 150
EVENTS = 20
#: Duration of the measurement after the announcement's first calls, seconds.
WATCHED_SECONDS, LEFT_OUT_SECONDS = 60.0, 5.0
OVER_QUOTA = "99991400"


def measure(size: Size) -> Iterator[Figure]:
    for round_trip_ms in ROUND_TRIPS_MS[: size.of(len(ROUND_TRIPS_MS), 1)]:
        for rate in RATES:
            yield _figure(rate, round_trip_ms, WATCHED_SECONDS * size.share)


def _figure(rate: str, round_trip_ms: int, seconds: float) -> Figure:
    with _far(rate, round_trip_ms) as setup:
        id = announced(setup.ledger, 2000, f"far {rate} {round_trip_ms}")
        time.sleep(LEFT_OUT_SECONDS + seconds)
        used = _share(setup, rate, seconds)
        events = [Notification.build({"receiver_id": f"ou_{number}", "text": "hi"}) for number in range(EVENTS)]
        delivered = _delivered(setup, [accepted.id for accepted in setup.ledger.accept(events)])
        setup.ledger.announcements.cancel(id, by="benchmark")
        refused = setup.stats()["calls"]["message"].get(OVER_QUOTA, 0)
    is_asked = round_trip_ms <= USED_UP_TO_MS
    return Figure(
        f"Redis {round_trip_ms} ms away, {rate}: an announcement for {seconds:.0f} s, then {EVENTS} events",
        f"all delivered, 0 refused{', ≥ 97 % used' if is_asked else ''}",
        f"{delivered} delivered, {refused} refused, {used:.1%} used",
        delivered == EVENTS and not refused and (used >= 0.97 or not is_asked),
    )


def _delivered(setup: BenchSetup, ids: list[str], seconds: float = 30) -> int:
    deadline = time.monotonic() + seconds
    while True:
        states = [record.progress.state for record in setup.ledger.get_many(ids)]
        if all(state is State.DELIVERED for state in states) or time.monotonic() > deadline:
            return states.count(State.DELIVERED)
        time.sleep(0.2)


def _share(setup: BenchSetup, rate: str, seconds: float) -> float:
    """Share of the kept window's slots, evenly paced."""
    at = sorted(call["at"] for call in setup.calls())
    from_at = at[-1] - seconds
    [limit] = parse_rate(rate)
    slots = seconds / ((limit.seconds + slack_ms(limit) / 1000) / limit.calls)
    return sum(time >= from_at for time in at) / slots


@contextmanager
def _far(rate: str, round_trip_ms: int) -> Iterator[BenchSetup]:
    """A proxy with latency between everything else and Redis."""
    with (
        tempfile.TemporaryDirectory(prefix="deskbell-bench-far-") as folder,
        ValkeyProcess(Path(folder), appendonly="yes", appendfsync="always") as valkey,
        FarRedis(round_trip_ms, port=valkey.port) as far,
        running(rate=rate, redis_url=far.url) as setup,
    ):
        yield setup
