"""The filters that a template may use, each with its cost."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

from jinja2 import Undefined
from jinja2.filters import FILTERS

from ledger.messages.absent import Absent
from ledger.messages.jinja_budget import BUDGET, CALL_WORK, QUICKLY, SLOWLY, Told, Unbounded, check_length, size_of
from ledger.phrases import Phrase

__all__ = ["OFFERED", "Given", "bounded", "given", "is_empty", "json_text", "taken"]

#: Those of Jinja's that neither grow what they are given nor depend on chance.
_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "e", "escape", "first", "float", "int", "last", "length", "list"),
    *("lower", "reverse", "safe", "sort", "string", "title", "trim", "unique", "upper", "urlencode"),
    "wordcount",
)
#: Of these, the ones that look at every character or item; and those that look at none.
_SLOW = frozenset({"e", "escape", "join", "sort", "title", "unique", "urlencode", "wordcount"})
_INSTANT = frozenset({"abs", "count", "d", "default", "first", "last", "length", "round", "safe"})
#: They take a text. Of any other value they get the text.
_OF_TEXTS = frozenset(
    {
        *("capitalize", "e", "escape", "format", "lower", "replace", "safe", "string", "title", "trim", "truncate"),
        *("upper", "urlencode", "wordcount"),
    }
)
#: What they make of a value that is absent. Other filters leave it absent.
_OF_NOTHING: dict[str, Any] = {"count": 0, "length": 0, "list": [], "reverse": [], "sort": [], "unique": []}
#: For `round` and for the decimals and the width in `format`.
_DIGITS = 15
#: Of `truncate`, as in Jinja.
_LENGTH = 255
_FORMAT = re.compile(r"(?:[^%]|%%|%[-+ 0#]*\d{0,2}(?:\.\d{1,2})?[sdifgeExX])*", re.DOTALL)


def bounded(name: str, function: Callable[..., Any], text: Callable[[Any], str]) -> Callable[..., Any]:
    """The filter, charged to the budget. `text` is how a value is written."""
    pace = SLOWLY if name in _SLOW else QUICKLY
    first = 1 if hasattr(function, "jinja_pass_arg") else 0  # behind Jinja's own environment

    @wraps(function)
    def charged(*args: Any, **kwargs: Any) -> Any:
        absent = next((arg for arg in args if isinstance(arg, Absent)), None)
        if absent is not None:
            return _OF_NOTHING.get(name, absent)
        size = 0 if name in _INSTANT else sum(map(size_of, (*args[first:], *kwargs.values())))
        BUDGET.spend(CALL_WORK + size // pace)
        if name in _OF_TEXTS:
            last = len(args) if name == "format" else first + 1
            args = (*args[:first], *(_written(arg, text) for arg in args[first:last]), *args[last:])
        result = function(*args, **kwargs)
        if isinstance(result, str):
            check_length(len(result))
        # Others would be worked through later, uncharged, and have no text.
        return list(result) if isinstance(result, Iterator) else result

    return charged


def json_text(value: Any) -> str:
    """The text of a value that is none: JSON, so that a list or a flag reads as it was posted."""
    if isinstance(value, bool | list | tuple | dict) or value is None:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return str(value)


class Given:
    """What `default` has found. It is true, even where the value is 0 or false."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def given(value: Any, boolean: Any = False, *, takes_empty: bool) -> Given | None:
    """The first half of `default`: None where the default is due. With `takes_empty` an empty text or list is none."""
    lacks = isinstance(value, Undefined) or (boolean and not value) or (takes_empty and is_empty(value))
    return None if lacks else Given(value)


def taken(value: Any) -> Any:
    """The second half of `default`: the value, or the default, which was worked out only if it is due."""
    return value.value if isinstance(value, Given) else value


def is_empty(value: Any) -> bool:
    if isinstance(value, str):
        return not value or value.isspace()
    return isinstance(value, list | tuple | Told) and hasattr(value, "__len__") and not len(value)


def _written(value: Any, text: Callable[[Any], str]) -> Any:
    return text(value) if isinstance(value, bool | list | tuple | dict | Told) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Told):
        return value.__json__()
    raise Unbounded(Phrase("writes something other than text, a number or a list"))


def _truncate(value: Any, length: int = _LENGTH, killwords: bool = True, end: str = "…", leeway: int = 0) -> str:
    """Cuts characters: Chinese has no blanks between words, so Jinja's default would leave the first one alone."""
    text = str(value)
    if len(text) <= length + leeway:
        return text
    begun = text[: max(length - len(end), 0)]
    return (begun if killwords else begun.rsplit(" ", 1)[0]) + end


def _replace(text: Any, old: str, new: str) -> str:
    source = str(text)
    check_length(len(source) + source.count(old) * len(new))
    return source.replace(old, new)


def _round(value: float, precision: int = 0) -> float:
    return round(value, max(-_DIGITS, min(precision, _DIGITS)))


def _format(template: Any, *values: Any) -> str:
    """printf's notation: `"%.2f"|format(price|float)`."""
    if not _FORMAT.fullmatch(str(template)):
        raise Unbounded(Phrase("uses format with something other than %s, %d, %.2f and the like"))
    text: str = str(template) % values
    return text


def join_with(text: Callable[[Any], str]) -> Callable[..., str]:
    def join(items: Iterable[Any], d: str = "") -> str:
        texts = [text(item) for item in items]
        check_length(sum(map(len, texts)) + len(str(d)) * len(texts))
        return str(d).join(texts)

    return join


OFFERED: dict[str, Callable[..., Any]] = {
    **{name: FILTERS[name] for name in _FILTERS},
    "replace": _replace,
    "round": _round,
    "format": _format,
    "truncate": _truncate,
}
