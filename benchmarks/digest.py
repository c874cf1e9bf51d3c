"""A storm of alerts with a digest or a throttle: how many messages it takes, how soon, and what joining costs."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

from benchmarks.bench_setup import BenchSetup, running
from benchmarks.figure import Figure
from benchmarks.size import Size, spread
from ledger.embedded import EmbeddedValkey
from ledger.joining import Joining
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Settings
from ledger.states import State

__all__ = ["measure"]

ALERTS, KINDS, RECEIVERS = 10_000, 40, 5
#: The storm lasts as long as a window. Seconds; an alert is not begun before its time.
STORM_SECONDS, WINDOW = 60.0, "60s"
#: Of a throttle the first message matters, so its storm is shorter. Seconds.
THROTTLED, THROTTLED_SECONDS, THROTTLE_SECONDS = 500, 3.0, 6
#: A slot of the usual quota, ms.
SLOT_MS = 600
#: Until the last window has closed and its messages are out, seconds.
LONGEST_SECONDS = 240
SENDS = 2_000


def measure(size: Size) -> Iterator[Figure]:
    alerts = size.of(ALERTS, least=400)
    with running(rate="100/minute") as setup:
        began, took = _storm(setup.ledger, alerts, STORM_SECONDS, {"digest": WINDOW})
        sent = _messages_of(setup)
    delay_ms = sent[0] - (began + STORM_SECONDS) * 1000
    what = f"{alerts:,} alerts in {took:.0f} s of {KINDS} kinds to {RECEIVERS} receivers, digest = {WINDOW}"
    yield Figure(f"{what}: messages", f"≤ {2 * RECEIVERS}", str(len(sent)), len(sent) <= 2 * RECEIVERS)
    yield Figure(
        f"{what}: from the end of the first alert's window to the first message", f"≤ a slot, {SLOT_MS} ms",
        f"{delay_ms:.0f} ms", delay_ms <= SLOT_MS,
    )  # fmt: skip
    yield from _throttled()
    yield from _costs(size)


def _throttled() -> Iterator[Figure]:
    with running(rate="100/minute") as setup:
        began, took = _storm(setup.ledger, THROTTLED, THROTTLED_SECONDS, {"throttle": f"{THROTTLE_SECONDS}s"})
        sent = _messages_of(setup)
    what = f"{THROTTLED} alerts in {took:.0f} s to {RECEIVERS} receivers, throttle = {THROTTLE_SECONDS}s"
    delay_ms = sent[0] - began * 1000
    yield Figure(
        f"{what}: from the first alert to the first message", f"≤ a slot, {SLOT_MS} ms",
        f"{delay_ms:.0f} ms", delay_ms <= SLOT_MS,
    )  # fmt: skip
    most = 2 * RECEIVERS * (1 + int(took / THROTTLE_SECONDS))  # a window each, if the machine was slow
    yield Figure(f"{what}: messages", f"≤ {most}", str(len(sent)), len(sent) <= most)


def _storm(ledger: Ledger, alerts: int, seconds: float, window: Mapping[str, str]) -> tuple[float, float]:
    """When it began, and how long it took, in seconds."""
    began = time.time()
    for number in range(alerts):
        due = began + number * seconds / alerts
        time.sleep(max(0.0, due - time.time()))
        ledger.accept([_alert(number, f"ou_{receiver}", window) for receiver in range(RECEIVERS)])
    return began, time.time() - began


def _alert(number: int, receiver: str, window: Mapping[str, str]) -> Notification:
    kind = f"kind {number % KINDS}"
    raw = {"receiver_id": receiver, "text": f"{kind}: disk {number} is full", "key": f"{number}/{receiver}"}
    return Notification.build({**raw, **window}, joining=Joining(name="hook/storm", group=kind))


def _messages_of(setup: BenchSetup) -> list[float]:
    """When each message was called for, ms, once all are out."""
    ends_at = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < ends_at:
        counts = setup.ledger.counts()
        if not any(counts[state] for state in State if not state.is_final):
            return [call["at"] * 1000 for call in setup.calls()]
        time.sleep(0.5)
    raise RuntimeError(f"not all messages were out after {LONGEST_SECONDS} s")


def _costs(size: Size) -> Iterator[Figure]:
    """One after the other, as a hook's posts come: CPU of producer and server, and round trips, for an event."""
    sends = size.of(SENDS)
    plain, joined = [], []
    with tempfile.TemporaryDirectory(prefix="deskbell-bench-") as folder:
        settings = Settings(data_dir=Path(folder), _env_file=None)
        with EmbeddedValkey(settings):
            ledger = Ledger(settings)
            for turn in range(size.rounds):
                plain.append(_cost(ledger, sends, f"ou_plain{turn}", {}))
                joined.append(_cost(ledger, sends, f"ou_joined{turn}", {"digest": "1h"}))
            ledger.redis.close()
    cpu, trips = ([joins[n] - alone[n] for joins, alone in zip(joined, plain, strict=True)] for n in (0, 1))
    what = f"joining, beyond accepting an event, {size.rounds} rounds of {sends:,}"
    yield Figure(f"{what}: CPU of producer and server", "≤ 0.2 ms", spread(cpu, "{:.3f} ms".format), median(cpu) <= 0.2)
    yield Figure(f"{what}: round trips", "≤ 1", spread(trips, "{:.2f}".format), median(trips) <= 1)


def _cost(ledger: Ledger, sends: int, receiver: str, window: Mapping[str, str]) -> tuple[float, float]:
    """The CPU of an event, ms, and its round trips."""
    before = _used(ledger)
    for number in range(sends):
        ledger.accept([_alert(number, receiver, window)])
    seconds, reads = (now - then for now, then in zip(_used(ledger), before, strict=True))
    return seconds * 1000 / sends, reads / sends


def _used(ledger: Ledger) -> tuple[float, float]:
    """CPU of this process and of the server, s, and how often the server has read from its connections."""
    info = ledger.redis.info()
    server = float(info["used_cpu_user"]) + float(info["used_cpu_sys"])
    return time.process_time() + server, float(info["total_reads_processed"])
