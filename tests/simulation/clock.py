"""Simulated time in Python's `time`, for a process that simulates and does nothing else.

`install` comes before the first import of the code under test: some of it binds `time.monotonic` as a default argument.
"""

import time
from typing import Protocol

__all__ = ["START_SECONDS", "Teller", "install", "tell"]

#: Unix time at which each schedule begins.
START_SECONDS = 1_800_000_000
_real_monotonic, _real_time, _real_time_ns, _real_sleep = time.monotonic, time.time, time.time_ns, time.sleep


class Teller(Protocol):
    """Who tells the time while a schedule is played."""

    now: float  #: seconds since its beginning

    def wall_offset(self) -> float:
        """By how much the clock of the machine is off that asks, seconds."""
        ...

    def sleep(self, seconds: float) -> None: ...


_teller: Teller | None = None


def tell(teller: Teller | None) -> None:
    """From now on it tells the time; None: the real clocks do."""
    global _teller
    _teller = teller


def install() -> None:
    time.monotonic, time.time, time.time_ns, time.sleep = _monotonic, _time, _time_ns, _sleep


def _monotonic() -> float:
    return _teller.now if _teller else _real_monotonic()


def _time() -> float:
    return START_SECONDS + _teller.now + _teller.wall_offset() if _teller else _real_time()


def _time_ns() -> int:
    return int(_time() * 1e9) if _teller else _real_time_ns()


def _sleep(seconds: float) -> None:
    (_teller.sleep if _teller else _real_sleep)(seconds)
