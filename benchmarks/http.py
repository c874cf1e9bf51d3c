"""The HTTP API: acceptance with fsync by one web process, its latency and memory."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, cast

import orjson
import requests

from benchmarks.bench_setup import process_of, running
from benchmarks.exact import NotExact
from benchmarks.figure import Figure
from benchmarks.measured import cpu_seconds_of
from benchmarks.size import Size, spread
from ledger.embedded import EmbeddedValkey
from ledger.ledger import Ledger
from ledger.settings import Settings

__all__ = ["measure", "web_process"]

CONNECTIONS = 32
EVENTS = 200


def measure(size: Size) -> Iterator[Figure]:
    with web_process() as (pid, port, ledger):
        press(port, CONNECTIONS, 500, 1, ledger)
        yield one_by_one(port, ledger, size)
        yield in_batches(pid, port, ledger, size)
        yield memory(pid, port, ledger, size)
    yield until_the_call(size)


@contextmanager
def web_process() -> Iterator[tuple[int, int, Ledger]]:
    """A Valkey and one web process, without workers: its pid, its port, and the ledger."""
    with tempfile.TemporaryDirectory(prefix="deskbell-bench-") as folder:
        settings = Settings(data_dir=Path(folder), _env_file=None)
        command: list[str | Path] = [Path(sys.executable).with_name("deskbell"), "web", "--port", "0", "--json"]
        environment = {**os.environ, "DESKBELL_DATA_DIR": folder}
        with EmbeddedValkey(settings), process_of(command, environment, Path(folder) / "web.log") as (line, pid):
            yield pid, int(orjson.loads(line)["url"].rpartition(":")[2]), Ledger(settings)


def press(port: int, connections: int, requests: int, batch: int, ledger: Ledger) -> dict[str, Any]:
    """Raises NotExact unless each request was accepted once."""
    before = sum(ledger.counts().values())
    command = [sys.executable, "-m", "benchmarks.http_load", *map(str, (port, connections, requests, batch))]
    load: dict[str, Any] = orjson.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    if set(load["statuses"]) != {"202"}:
        raise NotExact(f"not all were accepted: {load['statuses']}")
    if (found := sum(ledger.counts().values()) - before) != requests * batch:
        raise NotExact(f"{requests * batch} were accepted, and {found} are in the ledger")
    return load


def one_by_one(port: int, ledger: Ledger, size: Size) -> Figure:
    calls = size.of(5_000, 100)
    runs = [press(port, CONNECTIONS, calls, 1, ledger) for _ in range(size.rounds)]
    rates, p99s = [calls / run["seconds"] for run in runs], [run["p99_ms"] for run in runs]
    return Figure(
        f"`POST /v1/notifications` over {CONNECTIONS} connections, one web process, each fsynced, {size.rounds} rounds",
        "≥ 1,800/s, p99 ≤ 60 ms",
        f"{spread(rates, '{:,.0f}/s'.format)}, p99 {spread(p99s, '{:.0f} ms'.format)}",
        median(rates) >= 1_800 and median(p99s) <= 60,
    )


def in_batches(pid: int, port: int, ledger: Ledger, size: Size) -> Figure:
    calls = size.of(500)
    begun, runs = cpu_seconds_of(pid), [press(port, 8, calls, 100, ledger) for _ in range(size.rounds)]
    cpu_ms = (cpu_seconds_of(pid) - begun) * 1_000_000 / (100 * calls * size.rounds)
    rates, p99s = [100 * calls / run["seconds"] for run in runs], [run["p99_ms"] for run in runs]
    return Figure(
        f"… in batches of 100 over 8 connections, {size.rounds} rounds",
        "≥ 20,000 notifications/s",
        f"{spread(rates, '{:,.0f}/s'.format)}, p99 {spread(p99s, '{:.0f} ms'.format)} a batch,"
        f" {cpu_ms:.0f} ms CPU of the web process for 1,000",
        median(rates) >= 20_000,
    )


def memory(pid: int, port: int, ledger: Ledger, size: Size) -> Figure:
    """In five steps; the ledger is emptied in between, since only the web process is measured."""
    calls, sizes = size.of(1_000), []
    for _ in range(6):
        press(port, 8, calls, 100, ledger)
        ledger.redis.flushall()
        sizes.append(rss_mb(pid))
    grown = sizes[-1] / sizes[0]
    return Figure(
        f"memory of the web process while it accepts {500 * calls:,} more, in batches of 100",
        "flat (≤ 5 %)",
        f"{sizes[0]:.0f} MB, then {sizes[-1]:.0f} MB",
        grown <= 1.05,
    )


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(cast(re.Match[str], re.search(r"VmRSS:\s+(\d+)", status))[1]) / 1024


def until_the_call(size: Size) -> Figure:
    events = size.of(EVENTS)
    with running(rate="unlimited") as setup, requests.Session() as session:
        sent = {}
        for number in range(events + 1):
            receiver = f"ou_{number}"
            sent[receiver] = time.time()
            body = {"receiver_id": receiver, "text": "Disk full on db-3"}
            session.post(f"{setup.web_url}/v1/notifications", json=body, timeout=30).raise_for_status()
            time.sleep(0.02 + 0.02 * (number % 3))  # until the desk is idle again
        time.sleep(1)
        calls = {call["receiver_id"]: call["at"] for call in setup.calls()}
    waited = sorted((calls[receiver] - at) * 1000 for receiver, at in sent.items() if receiver != "ou_0")
    p50, p99 = median(waited), waited[int(len(waited) * 0.99) - 1]
    return Figure(
        f"event by HTTP on an idle desk, request to call, {len(waited)} sends, 2 worker processes",
        "p99 ≤ 60 ms",
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms",
        p99 <= 60,
    )
