"""The health line on a terminal: what keeps notifications from being sent or accepted, and what to do."""

import time
from collections.abc import Callable, Iterable

from rich.text import Text

from ledger.announcement import Announcement
from ledger.desk_status import desk_status
from ledger.health import Condition, Severity, conditions
from ledger.ledger import Ledger
from ledger.vitals import Vitals
from producers.cli.output import printable

__all__ = ["HealthOf", "health_line", "health_texts"]

#: An announcement is looked at twice a second; the parts on which it depends change less often, seconds.
LOOK_SECONDS = 2.0
_STYLES = {Severity.FAIL: "bold red", Severity.WARN: "yellow", Severity.NOTE: "dim"}


def health_line(condition: Condition) -> str:
    do = f" ({condition.do})" if condition.do else ""
    return f"{condition.severity.name.lower()}: {condition.found}{do}"


def health_texts(found: Iterable[Condition]) -> list[Text]:
    return [Text(printable(health_line(condition)), style=_STYLES[condition.severity]) for condition in found]


class HealthOf:
    """The conditions that concern one announcement, looked up now and then."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger, self._clock = ledger, clock
        self._looked_at = float("-inf")
        self._found: tuple[Condition, ...] = ()

    def look(self, announcement: Announcement) -> tuple[Condition, ...]:
        """Raises redis-py's errors."""
        if self._clock() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = self._clock()
            status = desk_status(self._ledger, self._ledger.settings.desk(announcement.spec.desk), [announcement])
            found = conditions(Vitals.ask(self._ledger), [status], [announcement])
            # The bar itself says that this one is paused.
            self._found = tuple(each for each in found if each.name != "all_paused")
        return self._found
