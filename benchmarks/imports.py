"""What a process pays in CPU before it does anything: for the Python client, and for the help of the command line."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure
from benchmarks.size import Size, spread

__all__ = ["measure"]

#: Runs of each, in turns: what the machine does besides then meets all alike.
RUNS = 9
#: What is run, by its name, and the CPU seconds that the median may take.
_CASES: dict[str, tuple[list[str], float | None]] = {
    "`python -c pass`": ([sys.executable, "-c", "pass"], None),
    "`import celery, requests`": ([sys.executable, "-c", "import celery, requests"], None),
    "`from deskbell import Notifier`": ([sys.executable, "-c", "from deskbell import Notifier"], 0.25),
    "`Notifier.from_env()`, which loads a Redis client": (
        [sys.executable, "-c", "from deskbell import Notifier; Notifier.from_env()"],
        None,
    ),
    "`Notifier.http(…)`, which loads `requests`": (
        [sys.executable, "-c", "from deskbell import Notifier; Notifier.http('http://127.0.0.1:1')"],
        None,
    ),
    "`deskbell --help`": ([str(Path(sys.executable).with_name("deskbell")), "--help"], 0.35),
    "`deskbell send --help`": ([str(Path(sys.executable).with_name("deskbell")), "send", "--help"], None),
}


def measure(size: Size) -> Iterator[Figure]:
    runs_each = size.of(RUNS, 1)
    seconds: dict[str, list[float]] = {name: [] for name in _CASES}
    for _ in range(runs_each + 1):
        for name, (command, _most) in _CASES.items():
            seconds[name].append(_cpu_seconds(command))
    for name, (_command, most) in _CASES.items():
        runs = seconds[name][1:]  # the first may have had to compile
        yield Figure(
            f"CPU of {name}, user and system, {runs_each} runs in turns",
            f"≤ {most} s" if most else "",
            spread(runs, lambda seconds: f"{seconds:.2f} s"),
            median(runs) <= most if most else None,
        )


def _cpu_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "DESKBELL_REDIS_URL": "redis://127.0.0.1:1/0"}
    subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
