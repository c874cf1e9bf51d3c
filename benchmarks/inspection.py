"""How long `doctor --ledger` takes over a large ledger, and how long the server makes others wait meanwhile."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.announcements import MILLION, a_ledger, announced
from benchmarks.figure import Figure
from benchmarks.size import Size
from ledger.connection import connect
from ledger.delivery_options import ReceiveType
from ledger.leases import Leases, Result
from ledger.ledger import MOST_AT_ONCE, Ledger
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.states import Outcome, State

__all__ = ["measure"]

FINISHED = 100_000


def measure(size: Size) -> Iterator[Figure]:
    rows, events = size.of(MILLION), size.of(FINISHED, MOST_AT_ONCE)
    with a_ledger() as ledger:
        deliver_events(ledger, events)
        announced(ledger, rows, "k")
        with longest_wait(ledger) as wait_ms:
            seconds, rss_mb = doctor(ledger.settings.data_dir)
        yield Figure(
            f"`doctor --ledger`, {rows:,} waiting rows and {events:,} finished events",
            "≤ 60 s, ≤ 150 MB RSS",
            f"{seconds:.0f} s, {rss_mb:.0f} MB peak RSS",
            seconds <= 60 and rss_mb <= 150,
        )
        waited = wait_ms()
        yield Figure("longest answer of Redis to another client meanwhile", "≤ 50 ms", f"{waited:.0f} ms", waited <= 50)


def deliver_events(ledger: Ledger, number: int) -> None:
    leases = Leases(ledger.redis, ledger.settings, longest_call_ms=1000)
    desk = ledger.settings.desk("default").model_copy(update={"rate": ()})
    event = Notification.build({"receiver_id": "ou_a", "text": "Disk full on db-3"})
    for _ in range(number // MOST_AT_ONCE):
        ledger.accept([event] * MOST_AT_ONCE)
        [released] = leases.release([(desk, MOST_AT_ONCE, MOST_AT_ONCE)])
        now_ms, claims = leases.claim(desk, "token", released.ids)
        attempt = Attempt(now_ms, ReceiveType.CHAT, Outcome.DELIVERED, 0, 200, "2026112200000000", 153, "om_0000000000")
        leases.record(desk, "token", [Result(claim.id, State.DELIVERED, [attempt]) for claim in claims], "up")


def doctor(data_dir: Path) -> tuple[float, float]:
    """Seconds, and MB at the most."""
    command = [Path(sys.executable).with_name("deskbell"), "doctor", "--ledger"]
    begun = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, "DESKBELL_DATA_DIR": str(data_dir)}, stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"doctor ended with {process.returncode}")
    return time.monotonic() - begun, usage.ru_maxrss / 1024


@contextmanager
def longest_wait(ledger: Ledger) -> Iterator[Callable[[], float]]:
    """What another client waited at the most for an answer while the body ran, ms."""
    over, waits = threading.Event(), [0.0]

    def ask() -> None:
        with connect(ledger.settings) as client:
            while not over.wait(0.001):
                asked = time.monotonic()
                client.ping()
                waits[0] = max(waits[0], (time.monotonic() - asked) * 1000)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield lambda: waits[0]
    finally:
        over.set()
        thread.join()
