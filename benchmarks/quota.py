"""The used share of the quota while notifications wait, and refusals by a strict server."""

import time
from collections.abc import Iterator

from benchmarks.announcements import announced
from benchmarks.bench_setup import running
from benchmarks.figure import Figure
from benchmarks.size import Size

__all__ = ["measure"]

#: Each window has a slack of 0.3 s: at most 99.5 % of a minute can be used, less of a shorter window.
RATE, CALLS, WINDOW_SECONDS, WINDOWS = "100/minute", 100, 60, 10
OVER_QUOTA = "99991400"
LATENCY_MS = "50-400"


def measure(size: Size) -> Iterator[Figure]:
    windows = size.of(WINDOWS, 1)
    with running(rate=RATE, sandbox=("--latency-ms", LATENCY_MS)) as setup:
        id = announced(setup.ledger, 2 * windows * CALLS, "quota")
        time.sleep((windows + 0.5) * WINDOW_SECONDS)
        at = sorted(call["at"] for call in setup.calls())
        refused = setup.stats()["calls"]["message"].get(OVER_QUOTA, 0)
        setup.ledger.announcements.cancel(id, by="benchmark")
    shares = [_in_window(at, number) / CALLS for number in range(windows)]
    used = sum(shares) / windows
    yield Figure(
        f"share of the quota used while anything waits, {windows} windows at {RATE}, strict, API {LATENCY_MS} ms",
        "≥ 98.5 %, 0 refused",
        f"{used:.1%} ({min(shares):.1%} to {max(shares):.1%} of a window), {refused} refused",
        used >= 0.985 and refused == 0,
    )


def _in_window(at: list[float], number: int) -> int:
    begun = at[0] + number * WINDOW_SECONDS
    return sum(begun <= time < begun + WINDOW_SECONDS for time in at)
