"""A number of days as a date, a time or a duration, as Excel shows it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from producers.announcements.recipients.number_formats.format_code import Kind, NotUnderstood, Section, Token
from producers.announcements.recipients.number_formats.general import rounded

__all__ = ["IMPOSSIBLE_DAYS", "Moment", "Times"]

_DAY_SECONDS = 86_400
#: Day 60 is 29 February 1900, which Excel shows although there was no such day; day 0 is 0 January 1900.
_LEAP_DAY, _DAYS_IN_1900 = 60, date(1899, 12, 31)
_DAYS_SINCE = date(1899, 12, 30)
#: From the first day of dates in 1900 to that in 1904.
_DAYS_TO_1904 = 1462
#: What comes after 9999-12-31.
IMPOSSIBLE_DAYS = 2_958_466
_ENGLISH, _CHINESE = 9, 4
_MONTHS = {
    _ENGLISH: [
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ],
    _CHINESE: ["一月", "二月", "三月", "四月", "五月", "六月", "七月", "八月", "九月", "十月", "十一月", "十二月"],
}
#: From Sunday.
_WEEKDAYS = {
    _ENGLISH: ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"],
    _CHINESE: ["日", "一", "二", "三", "四", "五", "六"],
}
_NOON = 12


@dataclass(frozen=True, slots=True)
class Moment:
    """What the parts of a format are taken from."""

    year: int
    month: int
    day: int
    weekday: int  #: 0 is Sunday
    seconds: Decimal  #: of the day
    total_seconds: Decimal

    @classmethod
    def of(cls, days: Decimal, decimals: int, is_1904: bool) -> "Moment":
        """Rounded to so many decimals of a second, as Excel does before it takes the number apart."""
        total = rounded(days * _DAY_SECONDS, decimals)
        whole_days, seconds = divmod(total, _DAY_SECONDS)
        number = int(whole_days) + (_DAYS_TO_1904 if is_1904 else 0)
        if number >= IMPOSSIBLE_DAYS:
            number = 0  # only of a duration
        return cls(*_calendar(number), weekday=(number + 6) % 7, seconds=seconds, total_seconds=total)

    def iso(self) -> str:
        """As Deskbell reads times: 2026-11-30, or 2026-11-30 09:00."""
        day = f"{self.year:04d}-{self.month:02d}-{self.day:02d}"
        minutes, seconds = divmod(int(self.seconds), 60)
        if not self.seconds:
            return day
        time = f"{minutes // 60:02d}:{minutes % 60:02d}"
        return f"{day} {time}:{seconds:02d}" if seconds else f"{day} {time}"


def _calendar(number: int) -> tuple[int, int, int]:
    if number == 0:
        return 1900, 1, 0
    if number == _LEAP_DAY:
        return 1900, 2, 29
    day = (_DAYS_IN_1900 if number < _LEAP_DAY else _DAYS_SINCE) + timedelta(number)
    return day.year, day.month, day.day


@dataclass(frozen=True, slots=True)
class Times:
    """The layout of one section."""

    tokens: tuple[Token, ...]
    language: int
    decimals: int  #: of the seconds
    has_halves: bool  #: of the day: hours are 1 to 12

    @classmethod
    def of(cls, section: Section) -> "Times":
        """Raises NotUnderstood."""
        tokens = tuple(_with_minutes(list(_with_decimals(section.tokens))))
        names = any(token.kind is Kind.DATE and token.text[0] in "md" and len(token.text) > 2 for token in tokens)
        if names and section.language not in (0, _ENGLISH, _CHINESE):
            raise NotUnderstood
        decimals = max((len(token.text) - 1 for token in tokens if token.kind is Kind.POINT), default=0)
        return cls(tokens, section.language, decimals, any(token.kind is Kind.HALF for token in tokens))

    def shown(self, days: Decimal, is_1904: bool) -> str:
        """Raises NotUnderstood."""
        moment = Moment.of(days, self.decimals, is_1904)
        return "".join([self._part(token, moment) for token in self.tokens])

    def _part(self, token: Token, moment: Moment) -> str:
        match token.kind:
            case Kind.DATE:
                return self._date_part(token.text, moment)
            case Kind.ELAPSED:
                unit = {"h": 3600, "m": 60, "s": 1}[token.text[0]]
                return str(int(moment.total_seconds // unit)).zfill(len(token.text))
            case Kind.POINT:
                return f".{moment.seconds % 1:.{len(token.text) - 1}f}".replace(".0.", ".", 1)
            case Kind.HALF:
                return self._half(token.text, moment)
        return token.text

    def _half(self, text: str, moment: Moment) -> str:
        names = text if len(text) == len("A/P") else "上午/下午" if self.language == _CHINESE else text.upper()
        return names.split("/")[moment.seconds >= _NOON * 3600]

    def _date_part(self, text: str, moment: Moment) -> str:
        hour, minute = int(moment.seconds) // 3600, int(moment.seconds) // 60 % 60
        match text[0], min(len(text), 5):
            case "y", width:
                return f"{moment.year:04d}" if width > 2 else f"{moment.year % 100:02d}"
            case "m", 1 | 2:
                return str(moment.month).zfill(len(text))
            case "d", 1 | 2:
                return str(moment.day).zfill(len(text))
            case "h", _:
                shown = (hour - 1) % _NOON + 1 if self.has_halves else hour
                return str(shown).zfill(min(len(text), 2))
            case "n", _:  # minutes, see _with_minutes
                return str(minute).zfill(min(len(text), 2))
            case "s", _:
                return str(int(moment.seconds) % 60).zfill(min(len(text), 2))
        return self._name(text, moment)

    def _name(self, text: str, moment: Moment) -> str:
        if text[0] == "m":
            name = _MONTHS[self.language or _ENGLISH][moment.month - 1]
            return name[: {3: 3, 5: 1}.get(len(text), len(name))]
        if text[0] == "a" or self.language == _CHINESE:
            return ("星期" if len(text) > 3 else "" if text[0] == "a" else "周") + _WEEKDAYS[_CHINESE][moment.weekday]
        if text[0] != "d":
            raise NotUnderstood  # eras
        name = _WEEKDAYS[_ENGLISH][moment.weekday]
        return name[:3] if len(text) == 3 else name


def _with_decimals(tokens: Sequence[Token]) -> Iterator[Token]:
    """The point and the zeros behind it as one token."""
    at = 0
    while at < len(tokens):
        token, at = tokens[at], at + 1
        if token.kind is Kind.POINT and at < len(tokens) and tokens[at].text == "0":
            while at < len(tokens) and tokens[at].kind is Kind.DIGIT and tokens[at].text == "0":
                token, at = Token(Kind.POINT, token.text + "0"), at + 1
        elif token.kind in (Kind.POINT, Kind.COMMA, Kind.SLASH, Kind.PERCENT):
            token = Token(Kind.LITERAL, token.text)
        elif token.kind in (Kind.DIGIT, Kind.EXPONENT, Kind.GENERAL, Kind.TEXT):
            raise NotUnderstood
        yield token


def _with_minutes(tokens: list[Token]) -> list[Token]:
    """m and mm are minutes behind hours and before seconds; they are written n here."""
    units = [at for at, token in enumerate(tokens) if token.kind in (Kind.DATE, Kind.ELAPSED)]
    for place, at in enumerate(units):
        before = tokens[units[place - 1]].text[0] if place else ""
        after = tokens[units[place + 1]].text[0] if place + 1 < len(units) else ""
        if tokens[at].kind is Kind.DATE and tokens[at].text in ("m", "mm") and (before == "h" or after == "s"):
            tokens[at] = Token(Kind.DATE, "n" * len(tokens[at].text))
    return tokens
