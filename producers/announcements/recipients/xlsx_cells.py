"""The text that a person sees in a cell."""

import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal

from ledger.phrases import Phrase
from producers.announcements.recipients.number_formats import (
    NotShown,
    NotUnderstood,
    NumberFormat,
    hidden,
    not_understood,
)
from producers.announcements.recipients.row import LONE_SURROGATE
from producers.announcements.recipients.xlsx_texts import Texts, unescaped

__all__ = ["Cells", "Shown"]

#: A text, and why it cannot be used, if so.
Shown = tuple[str, Phrase | None]
#: Digits of a number that Excel keeps; the others it makes zeros.
_DIGITS = 15
_TOO_LONG = 10**_DIGITS
#: So many numbers and their texts are kept: days, amounts and states repeat.
_KEPT = 10_000
_DAY = timedelta(days=1)
_EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  a cell has no zone
_ROUNDED = Phrase(
    "holds a number of more than {most} digits, of which Excel keeps {most}: format the column as text and type the"
    " numbers again",
    most=_DIGITS,
)
_NOT_STORED = Phrase("holds a formula whose value is not stored: open the file in Excel and save it")


class Cells:
    """What the cells of one workbook show."""

    def __init__(
        self, texts: Texts, codes: Mapping[str, str], *, is_1904: bool = False, is_calculated: bool = True
    ) -> None:
        """`codes` are the number formats by the numbers of the cell formats. Unless `is_calculated`, the program that
        wrote the file left it to Excel to calculate the formulas: a 0 only stands for the value."""
        self._texts, self._codes = texts, codes
        self._is_1904, self._is_calculated = is_1904, is_calculated
        self._formats: dict[str, NumberFormat | None] = {}
        self._plain: set[str] = set()  #: cell formats that leave texts as they are
        self._kept: dict[tuple[str, str], Shown] = {}

    def shown(self, kind: str, style: str, value: str | None, is_formula: bool) -> Shown:
        """`kind` and `style` as the file has them. Raises ValueError and IndexError for a broken cell."""
        if kind == "s" and value:
            return self._text(self._texts[int(value)], style)
        if is_formula and self._lacks_value(kind, value):
            return "", _NOT_STORED
        if not value:
            return "", None
        match kind:
            case "n":
                return self._kept.get((value, style)) or self._number(value, style)
            case "str" | "inlineStr":
                return self._text(unescaped(value), style)
            case "b":
                return ("TRUE" if value.strip() in ("1", "true") else "FALSE"), None
            case "e":
                return value, Phrase("contains the formula error {error}", error=value[:20])
            case "d":
                return self._date(value, style)
        raise ValueError  # a cell of an unknown kind

    def time(self, kind: str, style: str, value: str | None, is_formula: bool) -> Shown:
        """As `shown`, but dates in ISO form, whatever their format: they are read, not shown."""
        if kind == "d" and value:
            return value.strip(), None
        shown = self.shown(kind, style, value, is_formula)
        number_format = self._format(style)
        if kind != "n" or shown[1] or number_format is None or not number_format.is_date or not value:
            return shown
        return number_format.moment(Decimal(f"{float(value):.{_DIGITS}g}"), is_1904=self._is_1904).iso(), None

    def _lacks_value(self, kind: str, value: str | None) -> bool:
        if not value:
            return value is None or kind != "str"
        return kind == "n" and not self._is_calculated and not float(value)

    def _text(self, text: str, style: str) -> Shown:
        if style not in self._plain:
            text, problem = self._formatted_text(text, style)
            if problem:
                return text, problem
        if text.isascii():
            return text, None
        try:
            text.encode()
        except UnicodeEncodeError:
            return text.encode("utf-8", "replace").decode(), LONE_SURROGATE
        return text, None

    def _formatted_text(self, text: str, style: str) -> Shown:
        number_format = self._format(style)
        if number_format is None or not number_format.changes_texts:
            self._plain.add(style)
            return text, None
        shown = number_format.shown_text(text)
        if text.strip() and not shown.strip():
            return "", hidden(number_format.code).args[0]
        return shown, None

    def _number(self, value: str, style: str) -> Shown:
        shown = self._formatted(value, style)
        if len(self._kept) < _KEPT:
            self._kept[value, style] = shown
        return shown

    def _formatted(self, value: str, style: str) -> Shown:
        number = float(value)
        if not math.isfinite(number):
            raise ValueError  # no number
        decimal = Decimal(f"{number:.{_DIGITS}g}")
        if abs(number) >= _TOO_LONG:
            return f"{decimal:.{_DIGITS - 1}E}", _ROUNDED
        number_format = self._format(style)
        if number_format is None:
            return value, not_understood(self._codes[style]).args[0]
        try:
            return number_format.shown(decimal, is_1904=self._is_1904), None
        except NotShown as error:
            return value, error.args[0]

    def _date(self, value: str, style: str) -> Shown:
        """ISO 8601 in the file."""
        text = value.strip().removesuffix("Z")
        is_time = ":" in text and "-" not in text
        moment = datetime.fromisoformat(f"{_EXCEL_EPOCH:%Y-%m-%d} {text}" if is_time else text)
        days = repr((moment - _EXCEL_EPOCH) / _DAY)
        number_format = self._format(style)
        if number_format is None or not number_format.is_date:
            return text, None
        return self._formatted(days, style)

    def _format(self, style: str) -> NumberFormat | None:
        """None when it is not understood."""
        if style not in self._formats:
            self._formats[style] = None
            with suppress(NotUnderstood):
                self._formats[style] = NumberFormat.of(self._codes.get(style, "General"))
        return self._formats[style]
