"""Where a notification of a desk with a quota spends its time: `python -m benchmarks.profile [SHARE]`.

Prints, for each notification of the row of 100 desks at 600/minute: its costs, the CPU of the threads that receive
Celery's messages and of all others, Redis' commands by name with those inside scripts, and what the server calls slow.
For the Python side run `py-spy record --gil --pid` on a worker meanwhile.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import redis

from benchmarks.drain import drained
from benchmarks.engine import LATENCIES_MS, SECONDS
from benchmarks.size import Size
from benchmarks.systems import deskbell

__all__ = ["main"]

#: What takes the server longer than this counts as slow, ms.
SLOW_MS = 5
#: Commands that fewer notifications than one of so many need are left out.
SELDOM = 50


class _Look(NamedTuple):
    """At one moment: CPU ticks (10 ms) of the workers' first threads and of the others, and calls by command."""

    receiving: int
    others: int
    calls: dict[str, int]
    server_ms: float  #: CPU of the server


def main(share: float = 1.0) -> None:
    looks: list[_Look] = []
    slow: list[Sequence[Any]] = []

    def look(groups: Sequence[int], client: redis.Redis) -> None:
        stats = cast(dict[str, Any], client.info("commandstats"))
        calls = {name.removeprefix("cmdstat_"): value["calls"] for name, value in stats.items()}
        used = cast(dict[str, float], client.info("cpu"))
        looks.append(_Look(*_ticks(groups), calls, 1000 * (used["used_cpu_user"] + used["used_cpu_sys"])))
        client.config_set("latency-monitor-threshold", SLOW_MS)
        slow[:] = cast(list[Sequence[Any]], client.execute_command("LATENCY", "LATEST"))  # type: ignore[no-untyped-call]

    system = deskbell(100, "600/minute")
    cost = drained(system, LATENCIES_MS[-1], Size(share=share).of(int(system.per_second * SECONDS), 100), look)
    first, last = looks
    receiving, others = ((last[n] - first[n]) * 10 / cost.calls for n in range(2))
    print(
        f"{cost.per_second:,.0f}/s, {cost.cpu_ms:.2f} CPU ms: {receiving:.2f} receiving, {others:.2f} in other threads"
    )
    print(f"{(last.server_ms - first.server_ms) / cost.calls:.2f} CPU ms of the server")
    print(f"{cost.commands:.1f} commands, {cost.round_trips:.2f} round trips")
    for name, number in _most_first(first.calls, last.calls):
        if number * SELDOM > cost.calls:
            print(f"  {name:20}{number / cost.calls:6.2f}")
    for event, _, latest_ms, longest_ms, *_ in slow:
        print(f"slow: {event.decode()}, {latest_ms} ms, {longest_ms} ms at the most")


def _most_first(before: dict[str, int], after: dict[str, int]) -> list[tuple[str, int]]:
    by_name = {name: number - before.get(name, 0) for name, number in after.items()}
    return sorted(by_name.items(), key=lambda each: -each[1])


def _ticks(groups: Sequence[int]) -> tuple[int, int]:
    """The first thread of a worker runs Celery's event loop."""
    threads = [(thread.name == str(group), thread) for group in groups for thread in _threads(group)]
    ticks = [(is_first, _ticks_of(thread)) for is_first, thread in threads]
    return sum(n for is_first, n in ticks if is_first), sum(n for is_first, n in ticks if not is_first)


def _threads(process: int) -> Iterator[Path]:
    return Path(f"/proc/{process}/task").iterdir()


def _ticks_of(thread: Path) -> int:
    try:
        fields = (thread / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it just ended
    return int(fields[11]) + int(fields[12])


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
