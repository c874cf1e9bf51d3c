"""The rate at which waiting notifications are sent, and the cost of each.

One run measures all systems in turns (A B C A B C …), since the machine's speed drifts: only ratios within a run are
meaningful. Each system has its own Valkey; its workers are stopped while the work is enqueued; the first and the last
part of the run are left out. At the end each notification must have been sent exactly once.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis
import requests

from benchmarks.bench_setup import process_of
from benchmarks.exact import NotExact
from benchmarks.measured import Cost, Reading
from benchmarks.size import Size
from benchmarks.systems import System
from tests.valkey_process import ValkeyProcess

__all__ = ["counting", "drained", "interleaved", "responder", "wait_for"]

#: Shares of all notifications: before the first is the start; after the second, threads run out of work.
FROM, TO = 0.15, 0.9
#: A run that takes longer has failed, seconds.
LONGEST_SECONDS = 120
_LOOK_SECONDS = 0.02


def interleaved(systems: Sequence[System], latency_ms: int, size: Size, seconds: float) -> dict[str, list[Cost]]:
    """The costs by system name, from rounds of about `seconds` each."""
    costs: dict[str, list[Cost]] = {system.name: [] for system in systems}
    for _ in range(size.rounds):
        for system in systems:
            count = size.of(int(system.per_second * seconds), 100)
            costs[system.name].append(drained(system, latency_ms, count))
    return costs


def drained(
    system: System,
    latency_ms: int,
    count: int,
    look: Callable[[Sequence[int], redis.Redis], None] = lambda *_: None,
) -> Cost:
    """The cost of sending `count` waiting notifications. `look(groups, client)` is called before either reading."""
    with tempfile.TemporaryDirectory(prefix="deskbell-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        valkey = stack.enter_context(ValkeyProcess(folder / "valkey", appendonly="yes", appendfsync=system.appendfsync))
        api_url = stack.enter_context(responder(latency_ms))
        answered = stack.enter_context(counting(api_url))
        environment = system.environment(folder, f"{valkey.url}/0", api_url)
        system.enqueue(environment, system.warm_up or count)
        groups = [stack.enter_context(_group(command, folder, environment)) for command in system.workers(latency_ms)]
        if system.warm_up:
            wait_for(answered, system.warm_up)
            with _standing_still(groups):
                system.enqueue(environment, count)
        readings = []
        for share in (FROM, TO):
            calls = wait_for(answered, system.warm_up + int(count * share))
            look(groups, valkey.client)
            readings.append(Reading.take(calls, groups, valkey.client))
        if system.drains:
            wait_for(answered, system.warm_up + count)
        if system.check:
            system.check(environment, system.warm_up + count)
        _check_once(api_url, system, count)
    return Cost.between(*readings)


def _check_once(api_url: str, system: System, count: int) -> None:
    """Raises NotExact. The receivers of the warm-up are those of the first notifications once more."""
    lines = requests.get(f"{api_url}/times", timeout=30).text.splitlines()
    times = {int(often): int(number) for often, number in map(str.split, lines)}
    twice = min(count, system.warm_up)
    expected = {often: number for often, number in ((1, count + system.warm_up - 2 * twice), (2, twice)) if number}
    if times.keys() - {1} if not system.drains else times != expected:
        raise NotExact(f"{system.name}: messages by how often they were sent: {times}, not {expected}")


def wait_for(answered: Callable[[], int], calls: int) -> int:
    deadline = time.monotonic() + LONGEST_SECONDS
    while (count := answered()) < calls:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{count} of {calls} calls in {LONGEST_SECONDS} s")
        time.sleep(_LOOK_SECONDS)
    return count


@contextmanager
def counting(api_url: str) -> Iterator[Callable[[], int]]:
    """The number of answered sends."""
    with requests.Session() as session:
        session.trust_env = False
        yield lambda: int(session.get(f"{api_url}/count", timeout=30).text)


@contextmanager
def _standing_still(groups: Sequence[int]) -> Iterator[None]:
    for group in groups:
        os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        for group in groups:
            os.killpg(group, signal.SIGCONT)


@contextmanager
def responder(latency_ms: int) -> Iterator[str]:
    """The URL of an API that answers every call after this latency."""
    command: list[str | Path] = [sys.executable, "-m", "benchmarks.responder", str(latency_ms)]
    with process_of(command, dict(os.environ), Path(os.devnull)) as (line, _):
        yield line.split()[-1].decode()


@contextmanager
def _group(command: Sequence[str | Path], folder: Path, environment: dict[str, str]) -> Iterator[int]:
    """Starts a program as the leader of a process group, which is killed at the end, with its data."""
    with (folder / "workers.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
