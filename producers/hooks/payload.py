"""A payload as the Jinja of a hook sees it: only members, with texts cut to a length.

A cut text still arrives. Null counts as absent, so `default` covers both.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ledger.errors import BadInput
from ledger.messages.jinja_budget import Told

__all__ = ["JsonObject", "check_shape", "cut", "seen", "seen_again"]

#: Objects and lists within each other. No tool nests deeper than a dozen.
_DEEPEST_LEVEL = 64
#: Objects and lists in all. A tool's have some hundred bytes each: of a MiB of them, some thousands.
_MOST_INNER = 50_000


class JsonObject(Told):
    """A JSON object without methods, so that `alert.values` is the member of this name, never a method of `dict`."""

    __slots__ = ("_longest", "_members", "_seen", "_text")

    def __init__(self, members: Mapping[str, Any], longest: int) -> None:
        self._members = members
        self._longest = longest
        self._seen: dict[str, Any] = {}  #: a long list is gone through once, not at each turn of a loop that names it
        self._text: str | None = None

    def __getitem__(self, name: str) -> Any:
        """Raises KeyError, which Jinja takes for undefined."""
        if name not in self._seen:
            value = self._members[name]
            if value is None:
                raise KeyError(name)
            self._seen[name] = seen(value, self._longest)
        return self._seen[name]

    def __contains__(self, name: str) -> bool:
        return self._members.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name, value in self._members.items() if value is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __str__(self) -> str:
        if self._text is None:
            # Not orjson: a number of the payload may have more than 64 bits.
            whole = json.dumps(self._members, ensure_ascii=False, separators=(",", ":"))
            self._text = cut(whole, self._longest)
        return self._text

    def __repr__(self) -> str:
        return f"JsonObject(<{len(self._members)} members>)"

    def cut_at(self, longest: int) -> "JsonObject":
        return JsonObject(self._members, longest)


def seen(value: Any, longest: int) -> Any:
    """A JSON value for an expression; its texts have at most `longest` characters."""
    match value:
        case dict():
            return JsonObject(value, longest)
        case list():
            return [seen(item, longest) for item in value]
        case str():
            return cut(value, longest)
    return value


def seen_again(value: JsonObject | str, longest: int) -> JsonObject | str:
    """A value from `seen`, with another length."""
    return value.cut_at(longest) if isinstance(value, JsonObject) else cut(value, longest)


def cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def check_shape(value: object, where: str) -> None:
    """Raises BadInput for what is nested too deeply to be walked by functions that call themselves, and for more
    objects and lists than a template can need: each of them takes many times its bytes in memory."""
    level = _inner([value])
    count = len(level)
    for _ in range(_DEEPEST_LEVEL):
        if not level:
            return
        level = _inner(child for outer in level for child in _children(outer))
        count += len(level)
        if count > _MOST_INNER:
            raise BadInput(where, f"contains more than {_MOST_INNER:,} objects and lists: post fewer of them at once")
    if level:
        raise BadInput(where, f"is nested more than {_DEEPEST_LEVEL} levels deep")


def _inner(values: Iterable[object]) -> list[dict[str, Any] | list[Any]]:
    return [value for value in values if isinstance(value, dict | list)]


def _children(outer: dict[str, Any] | list[Any]) -> Sequence[Any]:
    return list(outer.values()) if isinstance(outer, dict) else outer
