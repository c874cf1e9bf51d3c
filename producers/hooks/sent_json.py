"""JSON as tools really send it. Whoever posts to a hook seldom sends twice: what can be understood is taken.

So, unlike in our own API: of a member that appears twice the last one counts, as for nearly every reader; half of a
surrogate pair (an emoji that a tool has cut) and bytes that are not UTF-8 become U+FFFD; NaN and Infinity are null; a
byte order mark, or another charset that the content type names, is fine.
"""

import codecs
import json
import math
from typing import Any, Final

from ledger.messages.strict_json import NotJson

__all__ = ["charset_of", "media_type_of", "sent_json"]

#: Charsets by the names of Python's codecs. All of them take time in proportion to the text, which some others do not.
_CHARSETS: Final = frozenset(
    {
        *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "ascii"),
        *("gb2312", "gbk", "gb18030", "big5", "big5hkscs", "shift_jis", "cp932", "euc_jp", "euc_kr", "cp949"),
        *(f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))),
        *(f"cp{page}" for page in range(1250, 1259)),
        *("koi8-r", "koi8-u"),
    }
)
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def media_type_of(content_type: str) -> str:
    """Without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def charset_of(content_type: str) -> str:
    """The codec that a content type names, `utf-8` if it names none. Raises LookupError for one that we do not take."""
    parameters = (each.partition("=") for each in content_type.split(";")[1:])
    named = [value.strip().strip("\"'") for name, _, value in parameters if name.strip().lower() == "charset"]
    name = codecs.lookup(named[0]).name if named and named[0] else "utf-8"
    if name not in _CHARSETS:
        raise LookupError(name)
    return name


def sent_json(raw: bytes, content_type: str = "") -> Any:
    """Raises NotJson, which repeats nothing of it."""
    try:
        found = _READER.decode(_text(raw, content_type))
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno}, column {error.colno}: {error.msg}"
    except RecursionError:
        problem = "it is nested too deep"
    except ValueError:
        problem = "it contains a number with too many digits"
    else:
        return _whole(found) if b"\\u" in raw else found
    # Raised outside the except clauses: as its context a JSONDecodeError would carry the whole document along.
    raise NotJson(problem)


def _text(raw: bytes, content_type: str) -> str:
    for mark, charset in _BYTE_ORDER_MARKS.items():
        if raw.startswith(mark):
            return raw.decode(charset, "replace")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass
    try:
        return raw.decode(charset_of(content_type), "replace")
    except LookupError:
        return raw.decode(errors="replace")


def _whole(value: Any) -> Any:
    """The value without halves of surrogate pairs. It is nested no deeper than its reader could go."""
    match value:
        case str():
            return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {_whole(name): _whole(inner) for name, inner in value.items()}
        case list():
            return [_whole(inner) for inner in value]
    return value


def _number(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


_READER = json.JSONDecoder(parse_constant=lambda _: None, parse_float=_number)
