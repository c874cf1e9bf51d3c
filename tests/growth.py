"""How the CPU time of some work grows with its input: what is linear takes four times as long for four times as much.

CPU time of this thread alone, and the least of several turns: others on the machine do not count.
"""

import time
from collections.abc import Callable, Sequence

__all__ = ["MOST_GROWTH", "growth"]

#: From a quarter of an input to the whole of it. Linear work grows fourfold, quadratic work sixteenfold.
MOST_GROWTH = 6.0
#: The least of so many turns counts; of so many if it is still too much, since others may keep the machine busy.
_TURNS, _MOST_TURNS = 3, 12
#: Shorter work is measured as if it took this long: the clock, the caches and the collector would decide, seconds.
_LEAST_SECONDS = 0.005


def growth(leases: Callable[[], object], quarter_of_it: Callable[[], object]) -> float:
    """How many times as long `leases` takes as a quarter of it. In turns, so that a noisy second meets both."""
    pairs: list[tuple[float, float]] = []
    while len(pairs) < _TURNS or (_ratio(pairs) > MOST_GROWTH and len(pairs) < _MOST_TURNS):
        pairs.append((_seconds(leases), _seconds(quarter_of_it)))
    return _ratio(pairs)


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    return min(whole for whole, _ in pairs) / max(min(quarter for _, quarter in pairs), _LEAST_SECONDS)


def _seconds(leases: Callable[[], object]) -> float:
    began = time.thread_time()
    leases()
    return time.thread_time() - began
