"""Which messages of a rule go together: `throttle`, `digest`, `quiet`, and `urgent`, which passes all three."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ledger.errors import BadInput
from ledger.joining import SPANS, Joining
from ledger.phrases import Phrase
from ledger.times import duration, zone_of
from producers.hooks.quiet_hours import QuietHours
from producers.hooks.rule_values import Condition, line_of
from producers.hooks.schema import RuleFields
from producers.hooks.template_context import TemplateContext, leaf

__all__ = ["ALONE", "JoiningRule", "Joins"]

#: A group's name stands as a line of the message, in characters. A longer key of a window is hashed.
_MOST_GROUP, _MOST_KEY = 100, 200
#: What says that messages go together, and what is of no use without one of these.
_JOIN = (*SPANS, "quiet")
_BESIDE_WINDOWS = ("throttle_key", "digest_by", "urgent")
_BESIDE = (*_BESIDE_WINDOWS, "timezone")  #: an alert uses it for its times, too


class Joins(NamedTuple):
    """Of one message: the spans as a notification takes them, and what the hook says of the window."""

    spans: dict[str, str]
    joining: Joining | None


ALONE = Joins({}, None)


class JoiningRule:
    """Thread-safe."""

    def __init__(self, hook: str, fields: RuleFields, where: str) -> None:
        """Raises BadInput naming the field."""
        _check_company(fields, where)
        self._name = f"hook/{hook}"
        self.spans = {name: span for name in SPANS if (span := getattr(fields, name))}
        self._quiet = _quiet_hours(fields, where)
        self._zone = _zone(fields.timezone, where)
        self._key = leaf(fields.throttle_key, f"{where}.throttle_key") if fields.throttle_key else None
        self._group = leaf(fields.digest_by, f"{where}.digest_by") if fields.digest_by else None
        self._urgent = Condition(fields.urgent, f"{where}.urgent") if fields.urgent else None

    def joins(self, context: TemplateContext, problems: list[BadInput], now: datetime | None = None) -> Joins:
        """What cannot be worked out keeps nothing back: it is a problem, and the message is urgent, or has no group."""
        if (not self.spans and self._quiet is None) or self._is_urgent(context, problems):
            return ALONE
        now = now or datetime.now(UTC)
        quiet_ends = self._quiet_ends(now)
        key = "" if quiet_ends or "digest" in self.spans else line_of(self._key, context, problems, _MOST_KEY)
        joining = Joining(
            name=f"{self._name}/{key}" if key else self._name,
            group=line_of(self._group, context, problems, _MOST_GROUP),
            is_quiet=quiet_ends is not None,
            until=quiet_ends or self._quiet_ends(now + self._length),
            zone=self._zone,
        )
        return Joins(self.spans, joining)

    @property
    def _length(self) -> timedelta:
        return max(map(duration, self.spans.values()), default=timedelta(0))

    def _quiet_ends(self, time: datetime) -> datetime | None:
        return self._quiet.end_at(time) if self._quiet else None

    def _is_urgent(self, context: TemplateContext, problems: list[BadInput]) -> bool:
        try:
            return self._urgent is not None and self._urgent.holds(context)
        except BadInput as error:
            problems.append(error)
            return True


def _check_company(fields: RuleFields, where: str) -> None:
    if any(getattr(fields, name) for name in _JOIN):
        return
    for name in _BESIDE if fields.alert is None else _BESIDE_WINDOWS:
        if getattr(fields, name) is not None:
            raise BadInput(f"{where}.{name}", Phrase("goes with {others} alone", others=" / ".join(_JOIN)))


def _quiet_hours(fields: RuleFields, where: str) -> QuietHours | None:
    if fields.quiet is None:
        return None
    if fields.timezone is None:
        raise BadInput(f"{where}.timezone", Phrase("is missing: say whose hours these are, such as Asia/Shanghai"))
    try:
        return QuietHours.read(fields.quiet, fields.timezone)
    except BadInput as error:
        field = "timezone" if error.field == "timezone" else "quiet"
        refusal = BadInput(f"{where}.{field}", error.problem)
    raise refusal


def _zone(name: str | None, where: str) -> str:
    try:
        return zone_of(name).key if name else ""
    except BadInput as error:
        refusal = BadInput(f"{where}.timezone", error.problem)
    raise refusal
