"""Time as it would pass on a machine that has nothing else to do: lateness is judged by it, whoever keeps the
processors busy."""

import re
import time
from pathlib import Path

__all__ = ["OVERLOADED", "Stopwatch"]

#: Share of the time in which something waits for a processor, above which nobody can promise anything within seconds.
#: On two cores that have nothing else to do a chaos run itself causes about a half.
OVERLOADED = 0.9
_CPU = Path("/proc/pressure/cpu")


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._began, self._waited = time.monotonic(), _waited_seconds()

    @property
    def seconds(self) -> float:
        """That passed since."""
        return time.monotonic() - self._began

    @property
    def calm_seconds(self) -> float:
        """Those of them in which no process that could have run waited for a processor."""
        return self.seconds - self._waited_since

    @property
    def pressure(self) -> float:
        """Share of the time since, in which one did."""
        return self._waited_since / self.seconds

    @property
    def _waited_since(self) -> float:
        return _waited_seconds() - self._waited


def _waited_seconds() -> float:
    """Since the machine started, those in which at least one process waited for a processor (PSI); 0 where the kernel
    does not tell."""
    try:
        found = re.search(r"^some .*total=(\d+)", _CPU.read_text("utf-8"), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found[1]) / 1e6 if found else 0.0
