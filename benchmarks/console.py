"""The console: time and size of its pages, cost of an open page for Redis, and the effect of 200 open pages."""

import os
import re
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import requests

from benchmarks.announcements import announced
from benchmarks.bench_setup import BenchSetup, running
from benchmarks.figure import Figure
from benchmarks.http import web_process
from benchmarks.size import Size
from ledger.announcement import Spec
from ledger.ledger import Ledger
from ledger.states import State

__all__ = ["measure"]

ROWS, ANNOUNCEMENTS = 1_000_000, 50
#: Longer than a snapshot stays fresh, so that each page starts with a full survey.
STALE_SECONDS = 2.2
#: For counting commands, seconds.
WATCHED_SECONDS = 10
OPEN_PAGES = 200
RATE, CALLS_PER_SECOND = "300/6second", 50
#: With and without pages, in turns, so that other load on the machine affects both.
TURNS, TURN_SECONDS = 4, 12


def measure(size: Size) -> Iterator[Figure]:
    with web_process() as (pid, port, ledger):
        first = fill(ledger, size.of(ROWS))
        paths = ["/", "/announcements", f"/announcements/{first}", f"/announcements/{first}/rows", "/notifications"]
        yield from pages(port, [*paths, "/needs", "/hooks"], size)
        yield commands(pid, port, ledger, 1)
        yield commands(pid, port, ledger, OPEN_PAGES)
    yield undisturbed(size)


def fill(ledger: Ledger, rows: int) -> str:
    """Small announcements beside one of so many rows, whose id is returned."""
    large = announce(ledger, "Large", rows)
    for number in range(1, ANNOUNCEMENTS):
        announce(ledger, f"Announcement {number}", 1_000)
    return large


def announce(ledger: Ledger, name: str, count: int) -> str:
    spec = Spec(name=name, message={"msg_type": "text", "content": {"text": "We move"}}, columns=())
    return announced(ledger, count, name, spec, receiver=str)


def pages(port: int, paths: list[str], size: Size) -> Iterator[Figure]:
    """Times are the client's, on this machine; sizes include all files that the page loads."""
    url = f"http://127.0.0.1:{port}"
    session = requests.Session()
    shown, files = {}, {}
    for path in paths:
        times_ms = []
        for _ in range(size.rounds):
            time.sleep(STALE_SECONDS)
            began = time.perf_counter()
            answer = session.get(f"{url}/console{path}", timeout=30)
            times_ms.append((time.perf_counter() - began) * 1000)
            answer.raise_for_status()
        names = re.findall(r'(?:src|href)="(/console/static/[^"]+)"', answer.text)
        files |= {name: len(session.get(url + name, timeout=30).content) for name in set(names) - files.keys()}
        shown[path] = (
            median(times_ms),
            max(times_ms),
            (len(answer.content) + sum(files[name] for name in set(names))) / 1024,
        )
    worst = max(shown, key=lambda path: shown[path][1])
    largest = max(shown, key=lambda path: shown[path][2])
    of = f"{size.of(ROWS):,} rows, {ANNOUNCEMENTS} announcements"
    yield Figure(
        f"first page of the console, nobody having looked before, {of}, {len(paths)} pages {size.rounds} times each",
        "≤ 100 ms",
        f"Now {shown['/'][0]:.0f} ms (median); the slowest, {name_of(worst)}: {shown[worst][1]:.0f} ms at most",
        shown[worst][1] <= 100,
    )  # fmt: skip
    yield Figure(
        f"size of a page with its scripts and styles, uncompressed, {of}",
        "≤ 150 KB",
        f"Now {shown['/'][2]:.0f} KB; the largest, {name_of(largest)}: {shown[largest][2]:.0f} KB",
        shown[largest][2] <= 150,
    )


def name_of(path: str) -> str:
    return path.split("/")[-1] or "Now"


def commands(pid: int, port: int, ledger: Ledger, count: int) -> Figure:
    paths = ["now", "announcements", "badge", "needs"]
    with open_pages(port, [paths[n % len(paths)] for n in range(count)]):
        time.sleep(2)
        before, cpu_before = processed(ledger), cpu_seconds(pid)
        time.sleep(WATCHED_SECONDS)
        per_second = (processed(ledger) - before) / WATCHED_SECONDS
        share = (cpu_seconds(pid) - cpu_before) / WATCHED_SECONDS
    return Figure(
        f"Redis commands a second, open pages: {count}, announcements under way: {ANNOUNCEMENTS}",
        "≤ 20 for each page",
        f"{per_second:.1f} altogether; the web process takes {100 * share:.1f} % of a core",
        per_second <= 20 * count,
    )  # fmt: skip


def cpu_seconds(pid: int) -> float:
    """A process's time in user and kernel mode (proc(5): the 14th and 15th field)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def processed(ledger: Ledger) -> int:
    stats: Any = ledger.redis.info("stats")
    return int(stats["total_commands_processed"])


@contextmanager
def open_pages(port: int, streams: list[str]) -> Iterator[None]:
    """Reads these streams of the console as browsers would, and discards the events."""
    chosen, ended = selectors.DefaultSelector(), threading.Event()
    with ExitStack() as stack:
        for stream in streams:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.sendall(f"GET /console/live/{stream} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            connection.setblocking(False)
            chosen.register(connection, selectors.EVENT_READ)
        reader = threading.Thread(target=read_all, args=(chosen, ended))
        reader.start()
        try:
            yield
        finally:
            ended.set()
            reader.join()


def read_all(chosen: selectors.BaseSelector, ended: threading.Event) -> None:
    while not ended.is_set():
        for key, _ in chosen.select(0.5):
            connection: Any = key.fileobj
            if not connection.recv(1 << 18):
                chosen.unregister(connection)


def undisturbed(size: Size) -> Figure:
    turns = size.of(TURNS, 1)
    with running(rate=RATE, sandbox=("--demo",)) as setup:
        port = int(setup.web_url.rpartition(":")[2])
        id = announce(setup.ledger, "Under way", CALLS_PER_SECOND * TURN_SECONDS * turns * 3)
        time.sleep(8)  # skip the first window, which is not typical
        streams = ["now", "announcements", f"announcements/{id}", "badge"]
        alone = watched = 0
        for _ in range(turns):
            alone += delivered_in(setup, id, TURN_SECONDS)
            with open_pages(port, [streams[n % len(streams)] for n in range(OPEN_PAGES)]):
                watched += delivered_in(setup, id, TURN_SECONDS)
    return Figure(
        f"slots used in {turns * TURN_SECONDS} s at {RATE} with {OPEN_PAGES} open pages, against none",
        "at most 0.5 % fewer",
        f"{watched:,} against {alone:,} ({100 * (watched - alone) / alone:+.2f} %)",
        watched >= 0.995 * alone,
    )


def delivered_in(setup: BenchSetup, id: str, seconds: float) -> int:
    """The number of deliveries within this time."""
    began, before = time.monotonic(), delivered(setup, id)
    time.sleep(seconds - (time.monotonic() - began))
    return delivered(setup, id) - before


def delivered(setup: BenchSetup, id: str) -> int:
    return setup.ledger.announcements.get(id).counts[State.DELIVERED]
