"""The cost of a measured period: seconds, CPU of the workers, commands and round trips as Redis counts them."""

import os
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import redis

__all__ = ["Cost", "Reading", "cpu_seconds_of"]

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
#: Commands of the measurement itself.
_OWN = frozenset({"info", "client|setname", "client|setinfo", "hello", "ping"})


@dataclass(frozen=True)
class Reading:
    """The counters at one moment. `calls`: answers of the API so far."""

    at: float
    calls: int
    cpu_seconds: float
    commands: int
    round_trips: int
    server_seconds: float

    @classmethod
    def take(cls, calls: int, groups: Collection[int], client: redis.Redis) -> Self:
        """`groups` are the process groups of the workers."""
        stats = cast(dict[str, Any], client.info("stats", "commandstats", "cpu"))
        trips, server_seconds = int(stats["total_reads_processed"]), stats["used_cpu_user"] + stats["used_cpu_sys"]
        return cls(time.monotonic(), calls, _cpu_seconds(groups), _commands(stats), trips, server_seconds)


@dataclass(frozen=True)
class Cost:
    """The difference of two readings, per call of the API, except `seconds` and `calls`."""

    seconds: float
    calls: int
    cpu_ms: float
    commands: float
    round_trips: float
    server_ms: float

    @property
    def per_second(self) -> float:
        return self.calls / self.seconds

    @classmethod
    def between(cls, first: Reading, last: Reading) -> Self:
        calls = last.calls - first.calls
        return cls(
            last.at - first.at,
            calls,
            (last.cpu_seconds - first.cpu_seconds) * 1000 / calls,
            (last.commands - first.commands) / calls,
            (last.round_trips - first.round_trips) / calls,
            (last.server_seconds - first.server_seconds) * 1000 / calls,
        )


def _commands(stats: dict[str, Any]) -> int:
    """Includes the commands inside scripts, beside the script itself."""
    prefix = "cmdstat_"
    return sum(
        value["calls"]
        for name, value in stats.items()
        if name.startswith(prefix) and name.removeprefix(prefix) not in _OWN
    )


def cpu_seconds_of(pid: int) -> float:
    """User and system, of one process."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def _cpu_seconds(groups: Collection[int]) -> float:
    return sum(ticks for group, ticks in _processes() if group in groups) / _TICKS_PER_SECOND


def _processes() -> Iterable[tuple[int, int]]:
    """Group and CPU ticks of each process; see `proc(5)`, fields 5, 14 and 15."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it just ended
            yield int(fields[2]), int(fields[11]) + int(fields[12])
