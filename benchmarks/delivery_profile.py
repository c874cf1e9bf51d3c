"""The CPU of a delivery, step by step: `python -m benchmarks.delivery_profile`.

One thread delivers messages of four notifications, as those of `profile` have, of a desk with a quota that is never
used up. It has its own Valkey, and an API that answers at once. Neither Celery nor other threads are measured, and the
caches are warm: where a hundred threads take turns, the same steps take two to three times as long.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import feishu.api
from benchmarks.drain import responder
from benchmarks.systems import CREDENTIALS, TEXT
from feishu.client import FeishuClient
from http_client.transport import Transport
from ledger.gc_tuning import tune_gc
from ledger.leases import Leases, Share
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Settings
from tests.valkey_process import ValkeyProcess
from worker.claimed import ClaimedNotification
from worker.delivery import Delivery
from worker.metrics import DeskMetrics
from worker.runtime import Runtime

__all__ = ["main"]

#: Notifications of a message, those of a round, and rounds.
BATCH, COUNT, ROUNDS = 4, 400, 20
#: Each with the steps that it contains, further in.
STEPS: tuple[tuple[str, Any, str], ...] = (
    ("all of it", Delivery, "deliver"),
    ("  claim, a quarter of a round trip", Leases, "claim"),
    ("    reading what was claimed", Leases, "_claim"),
    ("  token and connection", FeishuClient, "ready"),
    ("  slot", ClaimedNotification, "take_slot"),
    ("  call", FeishuClient, "send"),
    ("    request and answer", Transport, "send"),
    ("    verdict", feishu.api, "verdict_of_answer"),
    ("    counts of the call", DeskMetrics, "call"),
    ("  record, a quarter of a round trip", Leases, "record"),
    ("  counts of the results", DeskMetrics, "deliveries"),
)
#: CPU ns of this thread by step.
_used: Counter[str] = Counter()


def main() -> None:
    for name, owner, method in STEPS:
        setattr(owner, method, _watched(name, getattr(owner, method)))
    rounds = _rounds()
    for name, _, _ in STEPS:
        microseconds = [used[name] / 1000 / COUNT for used in rounds]
        print(f"{name:40}{median(microseconds):7.1f} µs, {min(microseconds):7.1f} at the least")


def _rounds() -> list[Counter[str]]:
    """The first of them, which connects, is left out."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        valkey = stack.enter_context(ValkeyProcess(folder / "valkey"))
        (folder / "desks.toml").write_text(f"[desk.d0]\n{CREDENTIALS}", "utf-8")
        settings = Settings(
            redis_url=f"{valkey.url}/0",
            data_dir=folder,
            desks=folder / "desks.toml",
            feishu_url=stack.enter_context(responder(0)),
            rate="600000/minute",
            _env_file=None,
        )
        runtime = Runtime(settings)
        tune_gc()
        return [_round(runtime, Ledger(settings)) for _ in range(ROUNDS + 1)][1:]


def _round(runtime: Runtime, ledger: Ledger) -> Counter[str]:
    fields = [{"receiver_id": f"ou_{number}", "text": TEXT, "desk": "d0"} for number in range(COUNT)]
    ledger.accept([Notification.build(each) for each in fields])
    desk, delivery, left = runtime.settings.desk("d0"), runtime.delivery("d0"), COUNT
    _used.clear()
    while left:
        [released] = runtime.pacing.release([Share(desk, BATCH, COUNT)])
        if released.ids:
            delivery.deliver(released.ids)
        left -= len(released.ids)
    return _used.copy()


def _watched(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*args: Any, **named: Any) -> Any:
        begun = time.thread_time_ns()
        try:
            return step(*args, **named)
        finally:
            _used[name] += time.thread_time_ns() - begun

    return watched


if __name__ == "__main__":
    main()
