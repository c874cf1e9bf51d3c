"""One number format: which of its sections shows a number, and how."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from ledger.phrases import Phrase
from producers.announcements.recipients.number_formats.dates import IMPOSSIBLE_DAYS, Moment, Times
from producers.announcements.recipients.number_formats.digits import Digits
from producers.announcements.recipients.number_formats.format_code import Kind, NotUnderstood, Section, sections_of

__all__ = ["NotShown", "NumberFormat", "hidden", "not_understood"]

_TIMES = (Kind.DATE, Kind.HALF, Kind.ELAPSED)
_OPERATORS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "<>": operator.ne,
}  # fmt: skip
#: Sections for numbers: positive, negative, zero.
_NUMBERS = 3


class NotShown(Exception):
    """Excel shows no text for the number, or one that is not known here. The text is a Phrase: what to do."""


@dataclass(frozen=True, slots=True)
class NumberFormat:
    code: str
    is_date: bool
    _sections: tuple[Section, ...]
    _layouts: tuple[Digits | Times, ...]
    _text: Section | None

    @classmethod
    def of(cls, code: str) -> "NumberFormat":
        """Raises NotUnderstood."""
        sections = sections_of(code)
        has_text = sections[-1].has(Kind.TEXT) or len(sections) > _NUMBERS
        text = sections.pop() if has_text else None
        layouts = tuple(_layout(section) for section in sections)
        return cls(code, any(isinstance(each, Times) for each in layouts), tuple(sections), layouts, text)

    def shown(self, number: Decimal, *, is_1904: bool = False) -> str:
        """Raises NotShown."""
        try:
            text = self._shown(number, is_1904)
        except NotUnderstood:
            raise not_understood(self.code) from None
        if not text.strip():
            raise hidden(self.code)
        return text.strip()

    @property
    def changes_texts(self) -> bool:
        return self._text is not None and [token.kind for token in self._text.tokens] != [Kind.TEXT]

    def shown_text(self, text: str) -> str:
        """What a text looks like in it."""
        if self._text is None:
            return text
        return "".join(text if token.kind is Kind.TEXT else token.text for token in self._text.tokens)

    def moment(self, number: Decimal, *, is_1904: bool = False) -> Moment:
        """Raises NotShown."""
        _check_days(number, is_1904)
        return Moment.of(number, 0, is_1904)

    def _shown(self, number: Decimal, is_1904: bool) -> str:
        if not self._layouts:  # only texts have a format
            return Digits.of(sections_of("General")[0].tokens).shown(number)
        at, is_signed = self._section_of(number)
        layout = self._layouts[at]
        if isinstance(layout, Times):
            _check_days(number, is_1904)
            return layout.shown(number, is_1904)
        return ("-" if is_signed and number < 0 else "") + layout.shown(abs(number))

    def _section_of(self, number: Decimal) -> tuple[int, bool]:
        """Its place, and whether the sign of a negative number stands before it."""
        sections = self._sections
        if any(section.condition for section in sections):
            return self._by_condition(number)
        if number < 0 and len(sections) > 1:
            return 1, False
        if number == 0 and len(sections) == _NUMBERS:
            return 2, False
        return 0, True

    def _by_condition(self, number: Decimal) -> tuple[int, bool]:
        for at, section in enumerate(self._sections):
            if section.condition is None or _OPERATORS[section.condition[0]](number, section.condition[1]):
                return at, self._keeps_sign(at)
        raise _overflow()

    def _keeps_sign(self, at: int) -> bool:
        """Not where the condition leaves negative numbers alone: whoever wrote it says there that they are."""
        condition, first = self._sections[at].condition, self._sections[0].condition
        if condition and condition[0] in ("<", "<=") and condition[1] < 0:
            raise NotUnderstood  # Excel leaves the sign out or not by rules of its own
        if condition:
            return not (condition[0] in ("<", "<=") and condition[1] == 0)
        return not (at == 1 and first is not None and first[0] in (">", ">=") and first[1] == 0)


def not_understood(code: str) -> NotShown:
    return NotShown(
        Phrase("has the number format {code}, which is not known here: format the column as text", code=repr(code))
    )


def hidden(code: str) -> NotShown:
    return NotShown(Phrase("is hidden by its number format {code}: use another", code=repr(code)))


def _overflow() -> NotShown:
    return NotShown(Phrase("is not a date that Excel can show: it shows ##### in its place"))


def _check_days(number: Decimal, is_1904: bool) -> None:
    if not 0 <= number < IMPOSSIBLE_DAYS - (1462 if is_1904 else 0):
        raise _overflow()


def _layout(section: Section) -> Digits | Times:
    return Times.of(section) if section.has(*_TIMES) else Digits.of(section.tokens)
