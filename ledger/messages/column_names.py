"""Names of columns, as people write them in a sheet and in a message: `Full name`, ` ＮＡＭＥ`, `金额(元)`."""

import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches

import orjson

from ledger.phrases import Phrase

__all__ = ["folded", "listed", "nearest", "no_column", "quoted", "trimmed"]

#: What nobody sees at the ends of a name or a value: blanks, marks of width zero, and the end of a file of DOS.
_BLANKS = (
    "\t\n\x0b\x0c\r\x1a\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
#: How alike a name must be to stand in "did you mean".
_ALIKE = 0.6
#: Of a name in an error, and names in one.
_NAME_CHARACTERS, _LISTED = 60, 10


def trimmed(text: str) -> str:
    return text.strip(_BLANKS)


def folded(name: str) -> str:
    """The same for two names that differ in case, width, blanks or composition alone: people take them for one."""
    if not name.isascii():
        name = trimmed(unicodedata.normalize("NFKC", name))
    return " ".join(name.casefold().split())


def quoted(name: str) -> str:
    """A name in an error: in quotes, on one line, and not longer than a line."""
    cut = name if len(name) <= _NAME_CHARACTERS else f"{name[:_NAME_CHARACTERS]}…"
    return orjson.dumps(cut.encode("utf-8", "replace").decode()).decode()


def listed(columns: Sequence[str]) -> str:
    """The first names."""
    shown = ", ".join(quoted(name) for name in columns[:_LISTED])
    more = len(columns) - _LISTED
    return Phrase("{names} and {n:,} more", names=shown, n=more) if more > 0 else shown


def nearest(name: str, columns: Sequence[str]) -> str | None:
    """The column that somebody most likely meant."""
    by_folded = {folded(each): each for each in columns}
    alike = get_close_matches(folded(name)[:_NAME_CHARACTERS], by_folded, n=1, cutoff=_ALIKE)
    return by_folded[alike[0]] if alike else None


def no_column(name: str, columns: Sequence[str]) -> Phrase:
    """What to say of a name that no column has."""
    if like := nearest(name, columns):
        return Phrase("there is no column {name}; did you mean {like}?", name=quoted(name), like=quoted(like))
    return Phrase("there is no column {name}: there are {columns}", name=quoted(name), columns=listed(columns) or "–")
