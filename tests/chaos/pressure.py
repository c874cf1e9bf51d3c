"""How busy the machine was, whoever kept it busy: times that were measured on an overloaded one say nothing."""

import re
import time
from pathlib import Path

__all__ = ["OVERLOADED", "Pressure"]

#: Above this share nobody can promise anything within seconds. On two cores that have nothing else to do a run itself
#: causes about a half.
OVERLOADED = 0.9
_CPU = Path("/proc/pressure/cpu")


class Pressure:
    """Begins to count when it is made. Where the kernel does not tell (PSI), it counts nothing."""

    def __init__(self) -> None:
        self._began, self._waited = time.monotonic(), _waited_seconds()

    def share(self) -> float:
        """Of the time since then, in which at least one process that could have run had to wait for a processor."""
        return (_waited_seconds() - self._waited) / (time.monotonic() - self._began)


def _waited_seconds() -> float:
    try:
        found = re.search(r"^some .*total=(\d+)", _CPU.read_text("utf-8"), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found[1]) / 1e6 if found else 0.0
