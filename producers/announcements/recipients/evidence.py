"""What speaks for each encoding of a text that is not UTF-8: which characters its bytes would be.

Nearly any bytes are valid GB18030, so validity says little: a Korean list would become rare Chinese characters. Each
encoding gets the logarithm of how likely its language would write just this; the same bytes, so they compare. The
detectors of charset-normalizer and chardet were tried: with lists of one to four names they are wrong too often.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files
from math import log
from typing import Any, NamedTuple

from ledger.phrases import Phrase

__all__ = ["GB18030", "Candidate", "most_likely"]

GB18030 = "GB18030"
#: Characters that are weighed: more do not change what they say.
_MOST_WEIGHED = 20_000
#: How much more likely than all others the first must be. A list with one name in it is decided by two characters.
_MARGIN = 1.2
#: ln of the share of: an ASCII character, one that nobody writes there, one that the encoding does not have.
_ASCII, _STRANGE, _IMPOSSIBLE = -4.1, -14.0, -8.0
#: ln of the share of a letter beyond ASCII in a language that writes one byte for each; of another sign; and what a
#: capital within a word costs, and an accented letter that stands beside no plain one.
_LETTER, _SIGN, _ODD_INSIDE, _ALONE = -3.7, -9.0, -4.0, -3.0
#: Where the scripts begin that are not Latin.
_GREEK = "\u0370"
#: Added to each of these: helpdesks of Feishu have few such lists.
_SELDOM = -2.5
_ALPHABETS = {
    "CP1252": Phrase("Western European"),
    "CP1250": Phrase("Central European"),
    "CP1251": Phrase("Cyrillic"),
    "KOI8-R": Phrase("Cyrillic"),
    "CP1253": Phrase("Greek"),
    "CP1255": Phrase("Hebrew"),
    "CP1256": Phrase("Arabic"),
    "CP874": Phrase("Thai"),
}


class Candidate(NamedTuple):
    """An encoding, as Python names it, and what is written in it."""

    encoding: str
    language: str


_Score = Callable[[bytes], float]
#: In the table of characters.
_TIERS = ("most", "often", "sometimes")


def most_likely(sample: bytes) -> Candidate | None:
    """The encoding of a sample, or None when two are about as likely. A character may be cut at either end."""
    scores = sorted(((score(sample), candidate) for candidate, score in _scores().items()), reverse=True)
    (best, found), (second, _) = scores[:2]
    return found if best - second >= _MARGIN else None


@cache
def _scores() -> Mapping[Candidate, _Score]:
    table = tomllib.loads(files(__package__).joinpath("characters.toml").read_text("utf-8"))
    most, often, sometimes = ({name: _characters(table, name, tier) for name in table} for tier in _TIERS)
    chinese = [(most["chinese"], 0.35), (often["chinese"], 0.4), (sometimes["chinese"], 0.03)]
    big5 = often["traditional"] | {each for each in most["chinese"] | often["chinese"] if _has("big5", each)}
    korean = _tiers((most["korean"], 0.4), (often["korean"], 0.45))
    japanese = _tiers((most["japanese"], 0.45), (often["japanese"], 0.35))
    return {
        Candidate(GB18030, Phrase("Chinese")): _table(
            GB18030, _tiers(*chinese, (often["traditional"], 0.12)), _rest_of_chinese
        ),
        Candidate("CP950", Phrase("traditional Chinese (Big5)")): _table("CP950", _tiers((big5, 0.8)), _rest_of_big5),
        Candidate("CP949", Phrase("Korean")): _table("CP949", korean, _rest_of_korean),
        Candidate("CP932", Phrase("Japanese (Shift-JIS)")): _table("CP932", japanese, _rest_of_japanese),
        Candidate("EUC-JP", Phrase("Japanese")): _table("EUC-JP", japanese, _rest_of_japanese),
        **{Candidate(codec, language): _alphabet(codec) for codec, language in _ALPHABETS.items()},
    }


def _characters(table: Mapping[str, Any], language: str, tier: str) -> frozenset[str]:
    return frozenset("".join(table[language].get(tier, "").split()))


def _table(codec: str, known: Mapping[str, float], rest: Callable[[str], float]) -> _Score:
    weigh = _weighed(known, rest)
    return lambda sample: sum(map(weigh, _text(sample, codec)))


def _alphabet(codec: str) -> _Score:
    return lambda sample: _SELDOM + sum(_letters(_text(sample, codec)))


def _text(sample: bytes, codec: str) -> str:
    return sample.decode(codec, "replace")[:_MOST_WEIGHED]


def _ln(share: float, count: int) -> float:
    """Of one of so many characters that come up equally often, and have this share of all that are written."""
    return log(share / count)


def _tiers(*tiers: tuple[frozenset[str], float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for characters, share in reversed(tiers):
        found |= dict.fromkeys(characters, _ln(share, len(characters)))
    return found


def _weighed(known: Mapping[str, float], rest: Callable[[str], float]) -> Callable[[str], float]:
    def weigh(character: str) -> float:
        if character.isascii():
            return _ASCII
        if character == "\ufffd":
            return _IMPOSSIBLE
        found = known.get(character)
        return rest(character) if found is None else found

    return cache(weigh)


def _has(codec: str, character: str) -> bool:
    return bool(character.encode(codec, "ignore"))


def _lead(codec: str, character: str) -> int:
    """The first of two bytes; 0 for a character that has not two."""
    written = character.encode(codec, "ignore")
    return written[0] if len(written) == 2 else 0


def _rest_of_chinese(character: str) -> float:
    if not "\u4e00" <= character <= "\u9fff":
        return _STRANGE
    lead = _lead("gb2312", character)
    if not lead:
        return _ln(0.02, 14_240)
    return _ln(0.08, 3_755) if lead < 0xD8 else _ln(0.02, 3_008)


def _rest_of_big5(character: str) -> float:
    lead = _lead("big5", character)
    if not lead >= 0xA4:
        return _STRANGE
    return _ln(0.18, 5_401) if lead <= 0xC6 else _ln(0.01, 7_652)


def _rest_of_korean(character: str) -> float:
    if not "가" <= character <= "힣":
        return _STRANGE
    return _ln(0.19, 2_350) if _has("euc_kr", character) else _ln(0.002, 8_822)


def _rest_of_japanese(character: str) -> float:
    if "\uff61" <= character <= "\uff9f":  # half-width katakana
        return _ln(0.02, 63)
    lead = _lead("euc_jp", character)
    if not lead >= 0xB0:
        return _STRANGE
    return _ln(0.16, 2_965) if lead <= 0xCF else _ln(0.01, 3_390)


def _letters(text: str) -> Iterable[float]:
    """As alphabets are written: words of letters of one kind, capitals at their heads."""
    for before, character, after in zip(f" {text}", text, f"{text[1:]} ", strict=False):
        if character.isascii():
            yield _ASCII
        elif not character.isalpha():
            yield _IMPOSSIBLE if character == "\ufffd" else _SIGN
        elif character < _GREEK and not _is_plain(before) and not _is_plain(after):
            yield _LETTER + _ALONE
        else:
            yield _LETTER + (_ODD_INSIDE if before.isalpha() and _is_odd(before, character) else 0)


def _is_odd(before: str, character: str) -> bool:
    """Whether the one is not behind the other in a word: a capital, or a letter of another script."""
    return character.isupper() or (before < _GREEK) != (character < _GREEK)


def _is_plain(character: str) -> bool:
    return character.isascii() and character.isalpha()
