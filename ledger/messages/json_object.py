"""An object of JSON in which each name stands once, for every reader of JSON here.

Of two values under one name a reader takes one without a word, and the next reader may take the other.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

__all__ = ["NameTwiceError", "object_of"]


class NameTwiceError(ValueError):
    """A name stands twice in an object. Its text repeats nothing of the object."""

    def __init__(self, name: Hashable) -> None:
        super().__init__("a name stands twice in an object")
        self.name = name


def object_of(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    """For `object_pairs_hook`. Raises NameTwiceError. Linear: an object may have a hundred thousand names."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NameTwiceError(_first_twice(name for name, _ in pairs))
    return found


def _first_twice(names: Iterable[Hashable]) -> Hashable:
    seen = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    raise ValueError("each name stands once")
