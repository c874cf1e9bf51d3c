"""What an idle process keeps in memory for itself, and how much of that each of its libraries takes."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench_setup import running
from benchmarks.figure import Figure
from benchmarks.size import Size, spread

__all__ = ["measure"]

#: After its start, seconds.
IDLE_SECONDS = 10
#: How a process is recognized by its arguments, and the MiB asked.
_PROCESSES = {"worker": ("\0worker\0", 45), "web": ("producers.cli\0web", 50)}
#: Imported one after the other in one process, and what each adds.
_WORKER = ("redis", "requests", "pydantic, pydantic_settings", "jinja2", "celery.apps.worker, kombu.transport.redis")
_WEB = ("redis", "requests", "pydantic, pydantic_settings", "jinja2", "fastapi, uvicorn, uvloop")
_IMPORTS = {
    "worker": (*_WORKER, "worker"),
    "web": (*_WEB, "producers.web.app"),
}
_ADDED = """
import importlib, re, sys
def own(): return sum(map(int, re.findall("Private.*?([0-9]+) kB", open("/proc/self/smaps_rollup").read()))) / 1024
before = own()
print(before)
for names in sys.argv[1:]:
    for name in names.split(", "): importlib.import_module(name)
    now = own()
    print(now - before)
    before = now
"""


def measure(size: Size) -> Iterator[Figure]:
    with running(rate="100/minute", workers=1):
        time.sleep(IDLE_SECONDS)
        for name, (argument, most) in _PROCESSES.items():
            mib = _own_mib(_process_with(argument))
            yield Figure(
                f"memory of an idle {name} process, not shared", f"≤ {most} MiB", f"{mib:.0f} MiB", mib <= most
            )
    for name, imports in _IMPORTS.items():
        yield from _added(name, imports, size.rounds)


def _added(process: str, imports: tuple[str, ...], runs: int) -> Iterator[Figure]:
    environment = {**os.environ, "DESKBELL_REDIS_URL": "redis://127.0.0.1:1/0"}
    command = [sys.executable, "-c", _ADDED, *imports]
    told = [subprocess.check_output(command, env=environment, text=True).split() for _ in range(runs)]
    for name, *mib in zip(("Python itself", *imports), *told, strict=True):
        yield Figure(
            f"… of which in a {process}: {name}", "", spread([*map(float, mib)], lambda mib: f"{mib:.1f} MiB"), None
        )


def _process_with(argument: str) -> int:
    """The process among our descendants."""
    parents = {int(path.name): _parent(path) for path in Path("/proc").glob("[0-9]*")}
    for pid in parents:
        ancestor: int | None = pid
        while ancestor and ancestor != os.getpid():
            ancestor = parents.get(ancestor)
        if ancestor and argument in Path(f"/proc/{pid}/cmdline").read_text():
            return pid
    raise LookupError(argument)


def _parent(path: Path) -> int | None:
    try:
        return int((path / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return None


def _own_mib(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(map(int, re.findall("Private.*?([0-9]+) kB", rollup))) / 1024
