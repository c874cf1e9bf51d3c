"""Text in the columns of a screen, of which a Chinese character takes two."""

import re
import unicodedata

__all__ = ["width_of", "wrapped"]

#: A word, or a wide character: with the marks behind it, which must not begin a line, and those that open it.
_UNBREAKABLE = re.compile(r"[（“《]*(?:[!-~·…–]+|[^\s])[，。；：、！？）”》]*|\s+")


def wrapped(text: str, columns: int, indent: str = "") -> list[str]:
    """Lines of at most so many columns; those below the first begin with the indent. A longer word stays whole."""
    lines, line = [], ""
    for part in _UNBREAKABLE.findall(text):
        if line.strip() and width_of(line + part.rstrip()) > columns:
            lines.append(line.rstrip())
            line = indent
        line = line + part if line.strip() else line + part.lstrip()
    return [*lines, line.rstrip()]


def width_of(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
