"""How much of the quota is used while anything waits, and whether a strict server ever refuses."""

import time
from collections.abc import Iterator

from benchmarks.figure import Figure
from benchmarks.site import Site, running
from ledger.models import Notification
from ledger.states import State

__all__ = ["COMMAND", "measure"]

COMMAND = "python -m benchmarks quota"
RATE, CALLS, WINDOW_SECONDS, EVENTS = "100/6second", 100, 6, 600
OVER_QUOTA = "99991400"


def measure() -> Iterator[Figure]:
    with running(rate=RATE) as site:
        site.ledger.accept(
            [Notification.build({"receiver_id": f"ou_{number}", "text": "Fire drill at 3"}) for number in range(EVENTS)]
        )
        _wait(site)
        at = sorted(call["at"] for call in site.calls())
        refused = site.stats()["calls"]["message"].get(OVER_QUOTA, 0)
    # Whole windows only, from the first call on: in the last one nothing may be left to send.
    windows = int((at[-1] - at[0]) / WINDOW_SECONDS)
    used = sum(time < at[0] + windows * WINDOW_SECONDS for time in at) / (windows * CALLS)
    yield Figure(
        f"{EVENTS} events at {RATE}, 2 worker processes, strict rolling window at the sandbox",
        "≥ 95 % of the quota used, 0 refused",
        f"{used:.1%} over {windows} windows, {refused} refused, {len(at)} calls in {at[-1] - at[0]:.1f} s",
        used >= 0.95 and refused == 0 and len(at) == EVENTS,
        COMMAND,
    )


def _wait(site: Site) -> None:
    deadline = time.monotonic() + 90
    while site.ledger.counts()[State.DELIVERED] < EVENTS:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all delivered: {site.ledger.counts()}")
        time.sleep(0.1)
