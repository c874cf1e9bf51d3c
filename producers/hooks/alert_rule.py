"""Which alert a message of a rule tells of: `alert`, `resolved`, `fired_at`, `resolved_at`."""

from datetime import UTC, datetime, timedelta

from ledger.alert import Alert
from ledger.errors import BadInput
from ledger.messages.jinja_text import Leaf
from ledger.phrases import Phrase
from ledger.times import zone_of
from producers.hooks.readable import moment
from producers.hooks.rule_values import Condition, line_of
from producers.hooks.schema import RuleFields
from producers.hooks.template_context import TemplateContext, leaf

__all__ = ["AlertRule"]

#: In characters: the name of an alert, beyond which it is cut and hashed, and a text that may be a time.
_MOST_NAME, _MOST_TIME = 200, 40
#: Fields that need `alert`.
_BESIDE = ("resolved", "fired_at", "resolved_at")
#: A tool's clock may be this far ahead of ours: such a time counts as now.
_MOST_AHEAD = timedelta(minutes=5)


class AlertRule:
    """Thread-safe."""

    def __init__(self, hook: str, fields: RuleFields, where: str) -> None:
        """Raises BadInput naming the field."""
        for name in _BESIDE if fields.alert is None else ():
            if getattr(fields, name) is not None:
                raise BadInput(f"{where}.{name}", Phrase("goes with {others} alone", others="alert"))
        self._hook = f"hook/{hook}"
        self._name = leaf(fields.alert, f"{where}.alert") if fields.alert else None
        self._resolved = Condition(fields.resolved, f"{where}.resolved") if fields.resolved else None
        self._times = [
            leaf(text, f"{where}.{name}") if (text := getattr(fields, name)) else None
            for name in ("fired_at", "resolved_at")
        ]
        self._zone = zone_of(fields.timezone).key if fields.timezone else ""

    def alert(self, context: TemplateContext, problems: list[BadInput]) -> Alert | None:
        """None where it names none. What cannot be worked out is a problem, and keeps nothing back."""
        name = line_of(self._name, context, problems, _MOST_NAME)
        if not name:
            return None
        fired_at, resolved_at = (_time(each, context, problems) for each in self._times)
        return Alert(
            name=f"{self._hook}/{name}",
            is_resolved=self._is_resolved(context, problems),
            fired_at=fired_at,
            resolved_at=resolved_at,
            zone=self._zone,
        )

    def _is_resolved(self, context: TemplateContext, problems: list[BadInput]) -> bool:
        try:
            return self._resolved is not None and self._resolved.holds(context)
        except BadInput as error:
            problems.append(error)
            return False


def _time(made_by: Leaf | None, context: TemplateContext, problems: list[BadInput]) -> datetime | None:
    text = line_of(made_by, context, problems, _MOST_TIME)
    found = moment(float(text) if text.replace(".", "", 1).isdecimal() else text)
    now = datetime.now(UTC)
    return min(found, now) if found and found.year > 1 and found <= now + _MOST_AHEAD else None
