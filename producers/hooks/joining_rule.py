"""Which messages of a rule go together: `throttle`, `digest`, `quiet`, and `urgent`, which passes all three."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ledger.errors import BadInput
from ledger.joining import SPANS, Joining
from ledger.messages.jinja_text import Expression, Leaf, has_markup
from ledger.phrases import Phrase
from ledger.times import duration, zone_of
from producers.hooks.dialect import hashed
from producers.hooks.quiet_hours import QuietHours
from producers.hooks.schema import RuleFields
from producers.hooks.template_context import TemplateContext, expression, leaf, template

__all__ = ["ALONE", "JoiningRule", "Joins"]

#: A group's name stands as a line of the message, in characters. A longer key of a window is hashed.
_MOST_GROUP, _MOST_KEY = 100, 200
#: What a text says where it means no, in lower case.
_NO = frozenset({"", "0", "false", "no", "none", "null"})
#: What says that messages go together, and what is of no use without one of these.
_JOIN = (*SPANS, "quiet")
_BESIDE = ("throttle_key", "digest_by", "timezone", "urgent")


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
        self._urgent = _condition(fields.urgent, f"{where}.urgent") if fields.urgent else None

    def joins(self, context: TemplateContext, problems: list[BadInput], now: datetime | None = None) -> Joins:
        """What cannot be worked out keeps nothing back: it is a problem, and the message is urgent, or has no group."""
        if (not self.spans and self._quiet is None) or self._is_urgent(context, problems):
            return ALONE
        now = now or datetime.now(UTC)
        quiet_ends = self._quiet_ends(now)
        key = "" if quiet_ends or "digest" in self.spans else _text(self._key, context, problems, _MOST_KEY)
        joining = Joining(
            name=f"{self._name}/{key}" if key else self._name,
            group=_text(self._group, context, problems, _MOST_GROUP),
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
        if self._urgent is None:
            return False
        try:
            if isinstance(self._urgent, Leaf):
                return self._urgent.text(context.values()).strip().lower() not in _NO
            found = self._urgent.value(context.values())
            return found.strip().lower() not in _NO if isinstance(found, str) else bool(found)
        except BadInput as error:
            problems.append(error)
            return True


def _check_company(fields: RuleFields, where: str) -> None:
    if any(getattr(fields, name) for name in _JOIN):
        return
    for name in _BESIDE:
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


def _condition(text: str, where: str) -> Expression | Leaf:
    return template(text, where) if has_markup(text) else expression(text, where)


def _text(made_by: Leaf | None, context: TemplateContext, problems: list[BadInput], most: int) -> str:
    if made_by is None:
        return ""
    try:
        text = " ".join(made_by.text(context.values()).split())
    except BadInput as error:
        problems.append(error)
        return ""
    return text if len(text) <= most else _cut(text, most)


def _cut(text: str, most: int) -> str:
    """Still another for another text."""
    digest = hashed(text)[:8]
    return f"{text[: most - len(digest) - 2]}… {digest}"
