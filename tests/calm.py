"""Time as it would pass on a machine that has nothing else to do: lateness is judged by it, whoever keeps the
processors busy."""

import re
import time
from pathlib import Path

__all__ = ["Stopwatch", "waited_seconds"]

_CPU = Path("/proc/pressure/cpu")


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._began, self._waited = time.monotonic(), waited_seconds()

    @property
    def seconds(self) -> float:
        """That passed since."""
        return time.monotonic() - self._began

    @property
    def calm_seconds(self) -> float:
        """Those of them in which no process that could have run waited for a processor."""
        return self.seconds - (waited_seconds() - self._waited)


def waited_seconds() -> float:
    """Since the machine started, those in which at least one process waited for a processor (PSI); 0 where the kernel
    does not tell."""
    try:
        found = re.search(r"^some .*total=(\d+)", _CPU.read_text("utf-8"), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found[1]) / 1e6 if found else 0.0
