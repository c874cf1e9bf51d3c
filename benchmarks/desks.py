"""Many desks at Feishu's quota, spread over two servers that one `deskbell up` works for: 10,000 desks in small."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple, cast

from benchmarks.bench_setup import process_of
from benchmarks.drain import counting, responder, wait_for
from benchmarks.exact import check_all_delivered
from benchmarks.figure import Figure
from benchmarks.measured import cpu_seconds_of
from benchmarks.size import Size, spread
from benchmarks.systems import CREDENTIALS, accept_events
from ledger.settings import Settings
from ledger.spread_ledger import open_ledgers
from tests.valkey_process import ValkeyProcess

__all__ = ["measure"]

SERVERS, DESKS = 2, 300
NAMES = [f"d{number}" for number in range(DESKS)]
RATE, A_MINUTE = "100/minute", 100
LATENCY_MS = 50
#: Until each desk has used its quota once, at once; and how long is measured then, windows of the quota, seconds.
WARM_UP_SECONDS, SECONDS = 60, 60
#: Notifications of each desk: what it may send until then, and some more, so that none runs out before.
EACH = (WARM_UP_SECONDS + SECONDS) * A_MINUTE // 60 + 20


class Run(NamedTuple):
    """What was measured in one run."""

    used: float  #: the share of all quotas
    worker_ms: float  #: CPU of all workers for a notification
    server_ms: float  #: CPU of its server


def measure(size: Size) -> Iterator[Figure]:
    """Of whole windows, whatever the share of the size."""
    runs = [_run() for _ in range(size.rounds)]
    used, worker_ms, server_ms = (list(column) for column in zip(*runs, strict=True))
    yield Figure(
        f"share of the quotas used of {DESKS} desks at {RATE}, half of them on each of {SERVERS} servers, appendfsync"
        f" always, {LATENCY_MS} ms API, one `deskbell up` of a worker for each server, {SECONDS} s",
        "≥ 98.5 %",
        f"{spread(used, '{:.1%}'.format)}; a notification takes {spread(worker_ms, '{:.2f} ms'.format)} CPU of a worker"
        f" and {spread(server_ms, '{:.2f} ms'.format)} of its server",
        median(used) >= 0.985,
    )


def _run() -> Run:
    with tempfile.TemporaryDirectory(prefix="deskbell-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        servers = [
            stack.enter_context(ValkeyProcess(folder / f"v{number}", appendonly="yes", appendfsync="always"))
            for number in range(SERVERS)
        ]
        settings = _settings(folder, [f"{server.url}/0" for server in servers])
        ledger = open_ledgers(settings)
        stack.callback(ledger.close)
        for desk in NAMES:
            accept_events(ledger.at(desk), desk, range(EACH))
        api = stack.enter_context(responder(LATENCY_MS))
        answered = stack.enter_context(counting(api))
        up: list[str | Path] = [Path(sys.executable).with_name("deskbell"), "up", "--json"]
        with process_of(up, _environment(settings, api), folder / "up.log") as (_, pid):
            time.sleep(WARM_UP_SECONDS)
            first = _Look.take(answered(), pid, servers)
            time.sleep(SECONDS)
            run = _Look.take(answered(), pid, servers).since(first)
            wait_for(answered, EACH * DESKS)
            check_all_delivered(ledger, NAMES, EACH * DESKS)
    return run


def _settings(folder: Path, urls: list[str]) -> Settings:
    file = folder / "desks.toml"
    tables = (f'[desk.{name}]\nredis = "{urls[n % SERVERS]}"\n{CREDENTIALS}' for n, name in enumerate(NAMES))
    file.write_text("".join(tables), "utf-8")
    return Settings(redis_url=urls[0], desks=file, data_dir=folder, rate=RATE, _env_file=None)


def _environment(settings: Settings, api: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("DESKBELL_")},
        "DESKBELL_REDIS_URL": str(settings.redis_url),
        "DESKBELL_DESKS": str(settings.desks),
        "DESKBELL_DATA_DIR": str(settings.data_dir),
        "DESKBELL_FEISHU_URL": api,
        "DESKBELL_RATE": RATE,
        "DESKBELL_WORKERS": "1",
        "DESKBELL_CONCURRENCY": "32",
        "DESKBELL_PORT": "0",
    }


class _Look(NamedTuple):
    """At one moment."""

    at: float
    calls: int
    worker_seconds: float
    server_seconds: float

    @classmethod
    def take(cls, calls: int, up: int, servers: list[ValkeyProcess]) -> "_Look":
        used = [cast(dict[str, float], server.client.info("cpu")) for server in servers]
        workers = sum(cpu_seconds_of(pid) for pid in _workers(up))
        server_seconds = sum(cpu["used_cpu_user"] + cpu["used_cpu_sys"] for cpu in used)
        return cls(time.monotonic(), calls, workers, server_seconds)

    def since(self, first: "_Look") -> Run:
        calls = self.calls - first.calls
        quota = DESKS * A_MINUTE / 60 * (self.at - first.at)
        return Run(
            calls / quota,
            1000 * (self.worker_seconds - first.worker_seconds) / calls,
            1000 * (self.server_seconds - first.server_seconds) / calls,
        )


def _workers(up: int) -> list[int]:
    children = Path(f"/proc/{up}/task/{up}/children").read_text().split()
    return [int(pid) for pid in children if "worker" in Path(f"/proc/{pid}/cmdline").read_text()]
