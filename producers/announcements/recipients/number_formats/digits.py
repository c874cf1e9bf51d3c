"""A number in the digits of a format: `000-0000`, `#,##0.00`, `0.0E+00`, `# ?/?`."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from producers.announcements.recipients.number_formats.format_code import Kind, NotUnderstood, Token
from producers.announcements.recipients.number_formats.general import general, rounded

__all__ = ["Digits"]

_BLANKS = {"0": "0", "?": " ", "#": ""}
_GROUP = 3


@dataclass(frozen=True, slots=True)
class Digits:
    """The layout of one section. It shows numbers that are not negative: the sign stands before all of it."""

    whole: tuple[Token, ...]  #: up to the point
    fraction: tuple[Token, ...]  #: with the point
    exponent: tuple[Token, ...]  #: with the E
    scale: int  #: the power of ten by which the number is multiplied
    is_grouped: bool
    decimals: int
    has_digits: bool
    is_ratio: bool
    around: tuple[str, str] | None  #: what stands around a number that Python writes the same: 0, #,##0, 0.00

    @classmethod
    def of(cls, tokens: Sequence[Token]) -> "Digits":
        """Raises NotUnderstood."""
        mantissa, exponent = _split(tokens, Kind.EXPONENT)
        whole, fraction = _split(mantissa, Kind.POINT)
        plain_whole, grouping, thousands = _without_commas(whole)
        plain_fraction, wrong, more_thousands = _without_commas(fraction)
        is_ratio, has_digits = _has(tokens, Kind.SLASH), bool(_count(tokens))
        if wrong or _has(fraction[1:], Kind.POINT) or _has(exponent[1:], Kind.EXPONENT, Kind.POINT, Kind.COMMA):
            raise NotUnderstood
        if (has_digits and _has(tokens, Kind.GENERAL)) or _has(tokens, Kind.TEXT):
            raise NotUnderstood
        return cls(
            whole=plain_whole,
            fraction=plain_fraction,
            exponent=tuple(exponent),
            scale=2 * sum(token.kind is Kind.PERCENT for token in tokens) - 3 * (thousands + more_thousands),
            is_grouped=grouping > 0,
            decimals=_count(fraction),
            has_digits=has_digits,
            is_ratio=is_ratio,
            around=None if exponent or is_ratio else _around(plain_whole, plain_fraction),
        )

    def shown(self, number: Decimal) -> str:
        """Raises NotUnderstood."""
        number = number.scaleb(self.scale)
        if self.is_ratio:
            return _as_fraction(self.whole, number)
        if self.exponent:
            return self._scientific(number)
        if not self.has_digits:
            return "".join(general(number) if token.kind is Kind.GENERAL else token.text for token in self.whole)
        return self._plain(rounded(number, self.decimals))

    def _plain(self, number: Decimal) -> str:
        if self.around:
            before, after = self.around
            return f"{before}{number:,f}{after}" if self.is_grouped else f"{before}{number:f}{after}"
        whole, _, decimals = f"{number:f}".partition(".")
        return _filled(self.whole, whole.lstrip("0"), self.is_grouped) + self._decimals(decimals)

    def _decimals(self, digits: str) -> str:
        """From the left; zeros at the end are left out where the format has # or ?."""
        shown = []
        kept, at = len(digits.rstrip("0")), 0
        for token in self.fraction:
            if token.kind is Kind.DIGIT:
                shown.append(digits[at] if at < kept else _BLANKS[token.text])
                at += 1
            else:
                shown.append(token.text)
        return "".join(shown)

    def _scientific(self, number: Decimal) -> str:
        width = max(1, _count(self.whole))  # ##0.0E+0 has exponents that three divides
        exponent = number.adjusted() // width * width if number else 0
        mantissa = rounded(number.scaleb(-exponent), self.decimals)
        if mantissa.adjusted() >= width:
            exponent += width
            mantissa = rounded(number.scaleb(-exponent), self.decimals)
        sign = "-" if exponent < 0 else self.exponent[0].text[1:].replace("-", "")
        return f"{self._plain(mantissa)}E{sign}{_filled(self.exponent[1:], str(abs(exponent)).lstrip('0'))}"


def _split(tokens: Sequence[Token], kind: Kind) -> tuple[Sequence[Token], Sequence[Token]]:
    at = next((at for at, token in enumerate(tokens) if token.kind is kind), len(tokens))
    return tokens[:at], tokens[at:]


def _around(whole: Sequence[Token], fraction: Sequence[Token]) -> tuple[str, str] | None:
    codes = "".join(
        token.text if token.kind is Kind.DIGIT else "." if token.kind is Kind.POINT else " "
        for token in (*whole, *fraction)
    )
    number = codes.strip()
    whole_digits, _, decimals = number.partition(".")
    if whole_digits.lstrip("#") != "0" or decimals.strip("0") or number.endswith("."):
        return None
    texts = [token.text for token in (*whole, *fraction)]
    before = len(codes) - len(codes.lstrip())
    return "".join(texts[:before]), "".join(texts[before + len(number) :])


def _has(tokens: Sequence[Token], *kinds: Kind) -> bool:
    return any(token.kind in kinds for token in tokens)


def _count(tokens: Sequence[Token]) -> int:
    return sum(token.kind is Kind.DIGIT for token in tokens)


def _without_commas(tokens: Sequence[Token]) -> tuple[tuple[Token, ...], int, int]:
    """The tokens, how many commas stand between digits, and how many right behind the last: a thousandth each."""
    kept: list[Token] = []
    grouping = thousands = 0
    last = max((at for at, token in enumerate(tokens) if token.kind is Kind.DIGIT), default=len(tokens))
    for at, token in enumerate(tokens):
        if token.kind is not Kind.COMMA:
            kept.append(token)
        elif at > last and all(each.kind is Kind.COMMA for each in tokens[last + 1 : at]):
            thousands += 1
        elif at < last and _count(tokens[:at]):
            grouping += 1
        else:
            kept.append(Token(Kind.LITERAL, ","))
    return tuple(kept), grouping, thousands


def _filled(tokens: Sequence[Token], digits: str, is_grouped: bool = False) -> str:
    """The digits in their places, from the right; those that are left over stand before the first."""
    places = _count(tokens)
    shown: list[str] = []  # from the right
    count = 0
    for token in reversed(tokens):
        if token.kind is not Kind.DIGIT:
            shown.append(token.text)
            continue
        places -= 1
        piece, digits = (digits, "") if places == 0 else (digits[-1:], digits[:-1])
        for digit in reversed(piece or _BLANKS[token.text]):
            if is_grouped and count and count % _GROUP == 0 and digit != " ":
                shown.append(",")
            shown.append(digit)
            count += 1
    return "".join(reversed(shown)) + digits


def _as_fraction(tokens: Sequence[Token], number: Decimal) -> str:
    before, after = _split(tokens, Kind.SLASH)
    start = len(before)
    while start and before[start - 1].kind is Kind.DIGIT:
        start -= 1
    whole, numerator = before[:start], before[start:]
    denominator = "".join(token.text for token in after[1:]).strip()
    if not numerator or not denominator:
        raise NotUnderstood
    units = int(number) if _count(whole) else 0
    parts = _nearest(Fraction(float(number)) - units, denominator)
    if parts == 1 and _count(whole):
        units, parts = units + 1, Fraction(0)
    if not parts and _count(whole):
        return _filled(whole, str(units))
    below = int(denominator) if denominator.isdigit() and int(denominator) else parts.denominator
    above = str(int(parts * below))
    return f"{_filled(whole, str(units) if units else '')}{_filled(numerator, above)}/{below}"


def _convergent(parts: Fraction, most: int) -> Fraction:
    """As Excel has it: the last convergent of the continued fraction, which may not be the best approximation."""
    before, last, rest = (1, 0), (int(parts), 1), parts - int(parts)
    while rest:
        digit, rest = divmod(1 / rest, 1)
        before, last = last, (int(digit) * last[0] + before[0], int(digit) * last[1] + before[1])
        if last[1] > most:
            return Fraction(*before)
    return Fraction(*last)


def _nearest(parts: Fraction, denominator: str) -> Fraction:
    """`denominator` is a number, as in # ?/8, or has a place for each of its digits."""
    if denominator.strip("0#?") == "":
        return _convergent(parts, 10 ** len(denominator) - 1)
    if not (denominator.isascii() and denominator.isdigit()):
        raise NotUnderstood
    return Fraction(int(parts * int(denominator) + Fraction(1, 2)), int(denominator))
