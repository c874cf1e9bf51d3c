"""A number format code, such as `[Red]#,##0.00;"EMP"0000`, split into its sections and their tokens."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

__all__ = ["BUILT_IN", "Kind", "NotUnderstood", "Section", "Token", "sections_of"]


class NotUnderstood(Exception):
    """The code has a part whose meaning is not known here, so the number may look quite different in Excel."""


class Kind(StrEnum):
    LITERAL = "literal"
    GENERAL = "general"
    TEXT = "@"
    DIGIT = "digit"  #: 0, # or ?
    POINT = "."
    COMMA = ","
    PERCENT = "%"
    SLASH = "/"
    EXPONENT = "exponent"  #: E+ or E-
    DATE = "date"  #: yyyy, m, dd, hh, ss, aaaa …
    HALF = "half"  #: AM/PM, A/P, 上午/下午
    ELAPSED = "elapsed"  #: [h], [mm], [s]


class Token(NamedTuple):
    kind: Kind
    text: str


@dataclass(slots=True)
class Section:
    """What stands between two semicolons."""

    tokens: list[Token] = field(default_factory=list)
    condition: tuple[str, Decimal] | None = None  #: an operator and a limit
    language: int = 0  #: the primary language of Windows: 9 is English, 4 Chinese; 0 when none is named

    def has(self, *kinds: Kind) -> bool:
        return any(token.kind in kinds for token in self.tokens)


#: Excel shows 14 and 22 as each computer is set, and 27 to 58 by its language: 14 and 22 are read as ISO 8601, the
#: others as in China (ECMA-376, 18.8.30).
BUILT_IN = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00",
    5: '"$"#,##0_);("$"#,##0)', 6: '"$"#,##0_);("$"#,##0)', 7: '"$"#,##0.00_);("$"#,##0.00)',
    8: '"$"#,##0.00_);("$"#,##0.00)', 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM",
    20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd hh:mm",
    27: 'yyyy"年"m"月"', 28: 'm"月"d"日"', 29: 'm"月"d"日"', 30: "m-d-yy", 31: 'yyyy"年"m"月"d"日"',
    32: 'h"时"mm"分"', 33: 'h"时"mm"分"ss"秒"', 34: '上午/下午h"时"mm"分"', 35: '上午/下午h"时"mm"分"ss"秒"',
    36: 'yyyy"年"m"月"',
    37: "#,##0_);(#,##0)", 38: "#,##0_);(#,##0)", 39: "#,##0.00_);(#,##0.00)", 40: "#,##0.00_);(#,##0.00)",
    41: '_(* #,##0_);_(* (#,##0);_(* "-"_);_(@_)', 42: '_("$"* #,##0_);_("$"* (#,##0);_("$"* "-"_);_(@_)',
    43: '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)',
    44: '_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)',
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
    50: 'yyyy"年"m"月"', 51: 'm"月"d"日"', 52: 'yyyy"年"m"月"', 53: 'm"月"d"日"', 54: 'm"月"d"日"',
    55: '上午/下午h"时"mm"分"', 56: '上午/下午h"时"mm"分"ss"秒"', 57: 'yyyy"年"m"月"', 58: 'm"月"d"日"',
}  # fmt: skip

#: A letter of ASCII that stands for nothing is not among the literals: what it does is not known.
_TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)" | \\(?P<escaped>.) | _(?P<pad>.) | \*(?P<fill>.) | \[(?P<bracket>[^\]]*)\]
    | (?P<general>General|G/通用格式) | (?P<half>AM/PM|A/P|上午/下午) | (?P<exponent>E[+-])
    | (?P<date>y+|m+|d+|h+|s+|e+|aaaa?) | (?P<digit>[0#?]) | (?P<mark>[.,%/@;]) | (?P<plain>[^A-Za-z"\\_*\[\]])
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_COLOUR = re.compile(
    r"black|blue|cyan|green|magenta|red|white|yellow|color ?\d+|[黑蓝绿红白黄]色?|颜色 ?\d+", re.IGNORECASE
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)(-?[0-9]+(?:\.[0-9]+)?)")
_LOCALE = re.compile(r"\$([^-]*)(?:-(.*))?", re.DOTALL)
_HEXADECIMAL = re.compile(r"[0-9a-f]{1,8}", re.IGNORECASE)
_TAG = re.compile(r"([a-z]{2})(-[a-z0-9]+)*", re.IGNORECASE)
_LANGUAGES = {"en": 9, "zh": 4}
_OTHER_LANGUAGE = -1
#: Codes for "as this computer is set": the long date, and the time.
_SYSTEM = {"f800": BUILT_IN[14], "x-sysdate": BUILT_IN[14], "f400": BUILT_IN[21], "x-systime": BUILT_IN[21]}
#: Of the upper half of a locale: western digits, and the Gregorian calendar.
_PLAIN_DIGITS, _PLAIN_CALENDARS = (0, 1), (0, 1)
_KINDS = {kind.value: kind for kind in (Kind.POINT, Kind.COMMA, Kind.PERCENT, Kind.SLASH, Kind.TEXT)}
_MOST_SECTIONS = 4


def sections_of(code: str) -> list[Section]:
    """Raises NotUnderstood."""
    sections = [Section()]
    for match in _matches(code):
        kind, text = match.lastgroup or "", match[match.lastgroup or 0]
        if text == ";" and kind == "mark":
            sections.append(Section())
        elif kind == "bracket":
            if any(text.lower() == f"$-{name}" for name in _SYSTEM):
                return sections_of(_SYSTEM[text[2:].lower()])
            _take_bracket(sections[-1], text)
        else:
            sections[-1].tokens.append(_token(kind, text))
    if len(sections) > _MOST_SECTIONS:
        raise NotUnderstood
    return sections


def _matches(code: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(code):
        match = _TOKEN.match(code, at)
        if match is None:
            raise NotUnderstood
        yield match
        at = match.end()


def _token(kind: str, text: str) -> Token:
    match kind:
        case "mark":
            return Token(_KINDS[text], text)
        case "pad":
            return Token(Kind.LITERAL, " ")
        case "fill":  # as often as the width of the column leaves room for
            return Token(Kind.LITERAL, "")
        case "quoted" | "escaped" | "plain":
            return Token(Kind.LITERAL, text)
        case "exponent":
            return Token(Kind.EXPONENT, text.upper())
        case "date":
            return Token(Kind.DATE, text.lower())
    return Token(Kind(kind), text)


def _take_bracket(section: Section, text: str) -> None:
    if _ELAPSED.fullmatch(text):
        section.tokens.append(Token(Kind.ELAPSED, text.lower()))
    elif condition := _CONDITION.fullmatch(text.replace(" ", "")):
        section.condition = (condition[1], Decimal(condition[2]))
    elif locale := _LOCALE.fullmatch(text):
        section.tokens.append(Token(Kind.LITERAL, locale[1]))
        section.language = _language(locale[2] or "0")
    elif not _COLOUR.fullmatch(text):
        raise NotUnderstood  # such as [DBNum1], which writes digits as 一二三


def _language(locale: str) -> int:
    """Raises NotUnderstood for other digits than 0 to 9, and for other calendars."""
    if _HEXADECIMAL.fullmatch(locale):
        number = int(locale, 16)
        if number >> 24 not in _PLAIN_DIGITS or number >> 16 & 0xFF not in _PLAIN_CALENDARS:
            raise NotUnderstood
        return number & 0x3FF
    if tag := _TAG.match(locale):
        return _LANGUAGES.get(tag[1].lower(), _OTHER_LANGUAGE)
    raise NotUnderstood
