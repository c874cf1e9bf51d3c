"""How busy the machine was, whoever kept it busy: times that were measured on an overloaded one say nothing."""

from tests.calm import Stopwatch

__all__ = ["OVERLOADED", "Pressure"]

#: Above this share nobody can promise anything within seconds. On two cores that have nothing else to do a run itself
#: causes about a half.
OVERLOADED = 0.9


class Pressure:
    """Begins to count when it is made. Where the kernel does not tell (PSI), it counts nothing."""

    def __init__(self) -> None:
        self._watch = Stopwatch()

    def share(self) -> float:
        """Of the time since then, in which at least one process that could have run had to wait for a processor."""
        return 1 - self._watch.calm_seconds / self._watch.seconds
