"""A payload as the Jinja of a hook sees it: only members and items, with long texts and lists cut.

What is cut still arrives. Null counts as absent, so `default` covers both.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ledger.errors import BadInput
from ledger.messages.jinja_budget import BUDGET, Told
from ledger.phrases import Phrase

__all__ = [
    "MOST_INNER",
    "UNCUT",
    "Cut",
    "JsonList",
    "JsonObject",
    "check_shape",
    "cut_text",
    "plain_value",
    "seen",
    "seen_again",
]

#: Objects and lists within each other. No tool nests deeper than a dozen.
_DEEPEST_LEVEL = 64
#: Objects and lists in all. An alert has three of them in 150 bytes at least: the largest body holds half as many.
MOST_INNER = 1_000_000
#: What an item of a list costs a filter that looks at all of them, in characters.
_ITEM_CHARACTERS = 4


class Cut(NamedTuple):
    """How much a template sees of each text and of each list."""

    characters: int
    items: int = MOST_INNER


#: All of it: keys are made of it.
UNCUT = Cut(2**62, 2**62)


class JsonObject(Told):
    """A JSON object without methods, so that `alert.values` is the member of this name, never a method of `dict`."""

    __slots__ = ("_cut", "_members", "_seen", "_text")

    def __init__(self, members: Mapping[str, Any], cut: Cut) -> None:
        self._members = members
        self._cut = cut
        self._seen: dict[str, Any] = {}  #: a long list is gone through once, not at each turn of a loop that names it
        self._text: str | None = None

    def __getitem__(self, name: str) -> Any:
        """Raises KeyError, which Jinja takes for undefined."""
        if name not in self._seen:
            value = self._members[name]
            if value is None:
                raise KeyError(name)
            self._seen[name] = seen(value, self._cut)
        return self._seen[name]

    def __contains__(self, name: str) -> bool:
        return self._members.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name, value in self._members.items() if value is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __str__(self) -> str:
        if self._text is None:
            self._text = _json_start(self._members, self._cut.characters)
        return self._text

    def __repr__(self) -> str:
        return f"JsonObject(<{len(self._members)} members>)"

    def __json__(self) -> Mapping[str, Any]:
        return self._members


class JsonList(Told):
    """A JSON list. Only what is looked at becomes objects of ours: a list may have a hundred thousand items."""

    __slots__ = ("_cut", "_items")

    def __init__(self, items: list[Any], cut: Cut) -> None:
        self._items = items
        self._cut = cut

    def __getitem__(self, at: int | slice) -> Any:
        """Raises IndexError and TypeError, which Jinja takes for undefined."""
        found = self._items[at]
        return JsonList(found, self._cut) if isinstance(at, slice) else seen(found, self._cut)

    def __contains__(self, value: object) -> bool:
        return plain_value(value) in self._items

    def __iter__(self) -> Iterator[Any]:
        return (seen(item, self._cut) for item in self._items[: self._cut.items])

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return bool(self._items == plain_value(other))

    __hash__ = None  # type: ignore[assignment]  # as a list

    def __add__(self, other: Iterable[Any]) -> list[Any]:
        BUDGET.spend(self.__size__())
        return [*self, *other]

    def __radd__(self, other: Iterable[Any]) -> list[Any]:
        BUDGET.spend(self.__size__())
        return [*other, *self]

    def __str__(self) -> str:
        return _json_start(self._items, self._cut.characters)

    def __repr__(self) -> str:
        return f"JsonList(<{len(self._items)} items>)"

    def __json__(self) -> list[Any]:
        return self._items

    def __size__(self) -> int:
        return super().__size__() + _ITEM_CHARACTERS * min(len(self._items), self._cut.items)


def seen(value: Any, cut: Cut) -> Any:
    """A JSON value for an expression."""
    match value:
        case dict():
            return JsonObject(value, cut)
        case list():
            return JsonList(value, cut)
        case str():
            return cut_text(value, cut.characters)
    return value


def seen_again(value: Any, cut: Cut) -> Any:
    """A value from `seen`, cut in another way."""
    return seen(plain_value(value), cut)


def plain_value(value: Any) -> Any:
    """The JSON value behind one from `seen`."""
    return value.__json__() if isinstance(value, JsonObject | JsonList) else value


def cut_text(text: str, longest: int) -> str:
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
        if count > MOST_INNER:
            problem = Phrase(
                "contains more than {most:,} objects and lists: post fewer of them at once", most=MOST_INNER
            )
            raise BadInput(where, problem)
    if level:
        raise BadInput(where, Phrase("is nested more than {most} levels deep", most=_DEEPEST_LEVEL))


def _json_start(value: Any, longest: int) -> str:
    """JSON, cut. Not orjson: a number of the payload may have more than 64 bits; and not all of a large value."""
    pieces, length = [], 0
    for piece in _ENCODER.iterencode(value):
        pieces.append(piece)
        length += len(piece)
        if length > longest:
            break
    return cut_text("".join(pieces), longest)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _inner(values: Iterable[object]) -> list[dict[str, Any] | list[Any]]:
    return [value for value in values if isinstance(value, dict | list)]


def _children(outer: dict[str, Any] | list[Any]) -> Sequence[Any]:
    return list(outer.values()) if isinstance(outer, dict) else outer
