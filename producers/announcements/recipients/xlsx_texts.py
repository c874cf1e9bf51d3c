"""The texts of a workbook, to which its cells refer by their number."""

import re
from array import array
from collections.abc import Iterator
from typing import IO

from ledger.phrases import Phrase
from producers.announcements.recipients.bounds import MOST_ROWS, TooMuch
from producers.announcements.recipients.xlsx_xml import Target, fed, main_names

__all__ = ["Texts", "unescaped"]

_MOST_TEXTS = 4 * MOST_ROWS
_NAMES = main_names("si", "t", "rPh")
#: How a workbook writes a character that XML cannot hold, and an underscore before what looks like that.
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


class Texts:
    """Kept as UTF-8 in one piece: two million texts of their own would take twice the room."""

    def __init__(self, part: IO[bytes] | None = None) -> None:
        """Raises ParseError, and TooMuch."""
        self._utf8 = bytearray()
        self._ends = array("Q", [0])
        for text in _texts(part) if part else ():
            self._utf8 += text.encode("utf-8", "surrogatepass")
            self._ends.append(len(self._utf8))
            if len(self._ends) > _MOST_TEXTS:
                raise TooMuch(Phrase("has more than {most:,} different texts: save it as CSV UTF-8", most=_MOST_TEXTS))

    def __getitem__(self, number: int) -> str:
        """Raises IndexError."""
        if number < 0:
            raise IndexError(number)
        return self._utf8[self._ends[number] : self._ends[number + 1]].decode("utf-8", "surrogatepass")


def unescaped(text: str) -> str:
    """With `_x000D_` as the character that it stands for. Half of a surrogate pair stays one."""
    if "_x" not in text:
        return text
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _texts(part: IO[bytes]) -> Iterator[str]:
    target = _TextTarget(Phrase("a text"))
    for _ in fed(part, target):
        yield from target.take()


class _TextTarget(Target):
    """Without its formatting, and without the reading aids of Japanese."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self._found: list[str] = []
        self._pieces: list[str] = []
        self._is_read = self._is_aid = False

    def take(self) -> list[str]:
        found, self._found = self._found, []
        return found

    def start(self, name: str, _: dict[str, str]) -> None:
        self.is_silent = False
        self._level += 1
        self.check_level()
        kind = _NAMES.get(name)
        if kind == "t":
            self._is_read = not self._is_aid
        elif kind == "si":
            self._pieces, self._parts, self._characters = [], 0, 0
        elif kind == "rPh":
            self._is_aid = True
        self._parts += 1
        self.check_size()

    def data(self, text: str) -> None:
        self.is_silent = False
        if self._is_read:
            self._characters += len(text)
            self.check_size()
            self._pieces.append(text)

    def end(self, name: str) -> None:
        self.is_silent = False
        self._level -= 1
        kind = _NAMES.get(name)
        if kind == "t":
            self._is_read = False
        elif kind == "si":
            self._found.append(unescaped("".join(self._pieces)))
        elif kind == "rPh":
            self._is_aid = False
