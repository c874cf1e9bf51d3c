"""JSON as tools really send it. Whoever posts to a hook seldom sends twice: what can be understood is taken.

So, unlike in our own API: of a member that appears twice the last one counts, as for nearly every reader; half of a
surrogate pair (an emoji that a tool has cut) and bytes that are not UTF-8 become U+FFFD; NaN and Infinity are null; a
byte order mark, or another charset that the content type names, is fine.
"""

import codecs
import json
import math
import re
from typing import Any, Final

from ledger.messages.strict_json import NotJson, syntax_problem_at
from ledger.phrases import Phrase
from producers.hooks.payload import MOST_INNER

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
#: Texts, numbers and the like, in all. The largest body of alerts holds a million.
_MOST_VALUES = 2_500_000
_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
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
        text = _text(raw, content_type)
        _check_amount(text)
        found = _READER.decode(text)
    except json.JSONDecodeError as error:
        problem = syntax_problem_at(error)
    except RecursionError:
        problem = Phrase("it is nested too deep")
    except ValueError:
        problem = Phrase("it contains a number with too many digits")
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


def _check_amount(text: str) -> None:
    """Raises NotJson for more than a template can need, before it is read: each part takes many times its bytes."""
    if _inner(text) <= MOST_INNER and text.count(",") <= _MOST_VALUES:
        return
    bare = _STRINGS.sub("", text)  # of which the texts may have a part: a CSV file within a text is one value
    if _inner(bare) > MOST_INNER:
        raise NotJson(
            Phrase("it contains more than {most:,} objects and lists: post fewer of them at once", most=MOST_INNER)
        )
    if bare.count(",") > _MOST_VALUES:
        raise NotJson(Phrase("it contains more than {most:,} values: post fewer of them at once", most=_MOST_VALUES))


def _inner(text: str) -> int:
    return text.count("{") + text.count("[")


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
