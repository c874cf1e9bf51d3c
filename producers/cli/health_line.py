"""The health line on a terminal: what keeps notifications from being sent or accepted, and what to do."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from rich.text import Text

from ledger.announcement import Announcement
from ledger.desk_status import desk_status
from ledger.health import Condition, Severity, conditions
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.settings import Settings
from ledger.vitals import Vitals
from producers.cli.language import word
from producers.cli.output import printable

__all__ = ["LOOK_SECONDS", "HealthOf", "explained", "health_line", "health_texts", "with_remedy"]

#: An announcement is looked at twice a second; the parts on which it depends change less often, seconds.
LOOK_SECONDS = 2.0
_STYLES = {Severity.FAIL: "bold red", Severity.WARN: "yellow", Severity.NOTE: "dim"}


def health_line(condition: Condition) -> Phrase:
    severity = word(condition.severity.name.lower())
    return Phrase("{severity}: {found}", severity=severity, found=with_remedy(condition.found, condition.do))


def with_remedy(found: Phrase, do: str | None) -> Phrase:
    """What was found, and what to do about it if that is known."""
    return Phrase("{found} ({do})", found=found, do=do) if do else found


def explained(found: Iterable[Condition], settings: Settings) -> tuple[Condition, ...]:
    """With what the code of a held desk means, and what to do about it. Raises BadInput for a wrong file of codes."""
    return tuple(_explained(each, settings) if each.code is not None else each for each in found)


def _explained(condition: Condition, settings: Settings) -> Condition:
    # Here, since no other screen needs it.
    from feishu.codes import CodeTable

    rule = CodeTable.load(settings.error_codes).rule(condition.code, condition.http_status or 0, condition.found)
    if not rule.means:
        return condition
    found = Phrase("{found}: {means}", found=condition.found, means=rule.means)
    return replace(condition, found=found, do=rule.do or condition.do)


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
            ledger = self._ledger.at(announcement.spec.desk)
            status = desk_status(ledger, ledger.settings.desk(announcement.spec.desk), [announcement])
            found = conditions(Vitals.ask(ledger), [status], [announcement])
            # The bar itself says that this one is paused.
            told = (each for each in found if each.name != "all_paused")
            self._found = explained(told, self._ledger.settings)
        return self._found
