"""Events of one desk while the API of two others hangs: they must not wait for threads held by the others."""

import time
from collections.abc import Iterator

from benchmarks.bench_setup import BenchSetup, running
from benchmarks.drain import responder
from benchmarks.figure import Figure
from benchmarks.latency import send_one_by_one
from benchmarks.systems import CREDENTIALS
from ledger.notification import Notification

__all__ = ["measure"]

SENDS, HUNG_DESKS, WAITING, HANGS_MS = 200, ("hung", "dead"), 500, 20_000
#: Tolerance, ms: machines are noisy, and a hung call would cost a thousand times this.
NOISE_MS = 20


def measure() -> Iterator[Figure]:
    with responder(HANGS_MS) as hung_url:
        desks = "".join(f'[desk.{name}]\n{CREDENTIALS}feishu_url = "{hung_url}"\n' for name in HUNG_DESKS)
        with running(rate="unlimited", desks=desks) as setup:
            alone = _p99(send_one_by_one(setup, SENDS))
            _hang(setup)
            beside = _p99(send_one_by_one(setup, SENDS))
    yield Figure(
        f"event on an idle desk while two others' API hangs {HANGS_MS // 1000} s a call, accept to call, {SENDS} sends",
        f"p99 as without them, within noise ({NOISE_MS} ms)",
        f"p99 {beside:.1f} ms, without them {alone:.1f} ms",
        beside <= alone + NOISE_MS,
    )


def _hang(setup: BenchSetup) -> None:
    for desk in HUNG_DESKS:
        events = [{"receiver_id": f"ou_{number}", "text": "x", "desk": desk} for number in range(WAITING)]
        setup.ledger.accept([Notification.build(event) for event in events])
    time.sleep(2)  # until they hold all threads they can get


def _p99(waited_ms: list[float]) -> float:
    if len(waited_ms) < SENDS:
        return float("inf")  # some were never called
    return waited_ms[int(len(waited_ms) * 0.99) - 1]
