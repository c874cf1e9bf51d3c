"""Events of one desk while the API of two others hangs: they must not wait for threads held by the others."""

import time
from collections.abc import Iterator
from statistics import median

from benchmarks.bench_setup import BenchSetup, running
from benchmarks.drain import responder
from benchmarks.figure import Figure
from benchmarks.latency import p99_of, send_one_by_one
from benchmarks.size import Size, spread
from benchmarks.systems import CREDENTIALS
from ledger.notification import Notification

__all__ = ["measure"]

SENDS, HUNG_DESKS, WAITING, HANGS_MS = 200, ("hung", "dead"), 500, 20_000
#: Tolerance, ms: machines are noisy, and a hung call would cost a thousand times this.
NOISE_MS = 20


def measure(size: Size) -> Iterator[Figure]:
    sends = size.of(SENDS)
    with responder(HANGS_MS) as hung_url:
        desks = "".join(f'[desk.{name}]\n{CREDENTIALS}feishu_url = "{hung_url}"\n' for name in HUNG_DESKS)
        with running(rate="unlimited", desks=desks) as setup:
            alone = p99_of(send_one_by_one(setup, sends))
            _hang(setup)
            beside = [p99_of(send_one_by_one(setup, sends)) for _ in range(size.rounds)]
    yield Figure(
        f"event on an idle desk while two others' API hangs {HANGS_MS // 1000} s a call, accept to call,"
        f" {size.rounds} rounds of {sends} sends",
        f"p99 as without them, within noise ({NOISE_MS} ms)",
        f"p99 {spread(beside, lambda ms: f'{ms:.1f} ms')}, without them {alone:.1f} ms",
        median(beside) <= alone + NOISE_MS,
    )


def _hang(setup: BenchSetup) -> None:
    for desk in HUNG_DESKS:
        events = [{"receiver_id": f"ou_{number}", "text": "x", "desk": desk} for number in range(WAITING)]
        setup.ledger.accept([Notification.build(event) for event in events])
    time.sleep(2)  # until they hold all threads they can get
