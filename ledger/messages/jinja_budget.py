"""What a template may cost, and how much a value counts for."""

import threading
from typing import Any

from jinja2 import Undefined

from ledger.phrases import Phrase

__all__ = [
    "AT_ONCE",
    "BUDGET",
    "CALL_WORK",
    "LEAF_CHARACTERS",
    "NODE_WORK",
    "QUICKLY",
    "SHORT_CHARACTERS",
    "SLOWLY",
    "TOO_MUCH_WORK",
    "Told",
    "Unbounded",
    "check_length",
    "size_of",
]

#: In the source of a leaf, in a value, and in what is rendered: a request of 150 KB is the most that Feishu takes.
LEAF_CHARACTERS = 150 * 1024
#: For one message: microseconds, and several times what they are on a slow machine. An honest one needs some hundred.
_WORK = 250_000
#: What a call itself costs, and a node in a rendering or in a turn of a loop.
CALL_WORK, NODE_WORK = 10, 2
#: Characters that each of these goes through for one unit: filters that look at every one, other filters and methods,
#: and what has no filter in it, such as `a in b`.
SLOWLY, QUICKLY, AT_ONCE = 1, 10, 500
#: What a text up to this takes to be shown is not counted: 3,000 of them are a tenth of a second.
SHORT_CHARACTERS = 200
#: What one of our own values counts for.
_TOLD_CHARACTERS = 200
TOO_MUCH_WORK = Phrase("needs too much work for one message: use shorter values, fewer filters or shorter loops")


class _Budget(threading.local):
    """What the templates of this thread may still cost. Nothing is left before the first message."""

    left = 0
    spent = 0  #: since the thread began: the difference is what several messages have cost

    def renew(self, count: int = 0, longest: int = 0) -> None:
        """For one message, with all its leaves; less what their nodes cost that have no filter in them."""
        cost = count * (NODE_WORK + longest // AT_ONCE)
        self.left = _WORK - cost
        self.spent += cost

    def spend(self, work: int) -> None:
        self.left -= work
        self.spent += work
        if self.left < 0:
            raise Unbounded(TOO_MUCH_WORK)


BUDGET = _Budget()


class Told:
    """The base of our values that are no text but have one for people: all others are refused where a text is due."""

    __slots__ = ()

    def __json__(self) -> Any:
        """The value in lists and dicts of Python. Its name is one that no template can write."""
        raise NotImplementedError

    def __size__(self) -> int:
        """What it counts for, in characters: few ask for its text."""
        return _TOLD_CHARACTERS


class Unbounded(Exception):
    """The template asks for more than a message can need. Its text says what."""


def size_of(value: object) -> int:
    """Characters and items. Raises Unbounded for what has no text: Python would write its type and address."""
    match value:
        case str():
            return len(value)
        case int() | float() | None:
            return 1
        case list() | tuple():
            return len(value) + sum(map(size_of, value))
        case dict():
            return len(value) + sum(map(size_of, value)) + sum(map(size_of, value.values()))
        case Told():
            return value.__size__()
        case Undefined():
            return len(str(value))  # raises, unless it is an `if` without `else`
    raise Unbounded(Phrase("writes something other than text, a number or a list"))


def check_length(characters: int) -> None:
    if characters > LEAF_CHARACTERS:
        raise Unbounded(Phrase("produces a text of more than {most:,} characters", most=LEAF_CHARACTERS))
