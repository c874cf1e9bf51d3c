"""No regular expression takes more than linear time, whatever it is given."""

import re
import time
from collections.abc import Callable, Iterator
from itertools import islice
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from tests.unit.regular_expressions import WORST, Worst, expressions

#: How often the worst is repeated, and then as often as that again.
TIMES = 25_000
#: For twice as much, thrice the time: half a step to quadratic. What takes less CPU than this is quick enough, seconds.
MOST_GROWTH, QUICK_SECONDS = 3, 0.05
#: For what is searched for by itself: many texts, and so shorter ones.
TRIED_TIMES, TRIED = 2_000, 120


def test_every_one_is_in_the_table() -> None:
    assert set(WORST) == set(expressions()), "write it, with its worst, into tests/unit/regular_expressions.py"


def test_their_worst_takes_linear_time() -> None:
    made = [(where, pattern) for where, patterns in expressions().items() for pattern in patterns]
    assert [where for where, pattern in made if grows(pattern, WORST[where], TIMES)] == []


@pytest.mark.slow
@pytest.mark.parametrize("where", WORST)
def test_nothing_that_is_made_of_its_own_parts_takes_longer(where: str) -> None:
    how = WORST[where].how
    for pattern in expressions()[where]:
        found = [worst for worst in islice(attacks(pattern, how), TRIED) if grows(pattern, worst, TRIED_TIMES)]
        assert not found, found[:3]


@pytest.mark.parametrize(
    ("how", "quadratic"),
    [
        ("match", r"^\s*(\d+)\s*/\s*(\d*)\s*(day|hour)$"),
        ("fullmatch", r"-?\d*[1-9]\d*"),
        ("fullmatch", r".* has no attribute '(.+)'"),
        ("search", r"<a>.*?</a>"),
    ],
)
@pytest.mark.slow
def test_what_is_quadratic_is_found(how: str, quadratic: str) -> None:
    pattern = re.compile(quadratic)
    assert any(grows(pattern, worst, TRIED_TIMES) for worst in attacks(pattern, how))


def grows(pattern: re.Pattern[Any], worst: Worst, times: int) -> bool:
    """More than linear. Measured again before it is said: the machine has others to serve."""
    return all(_grew(pattern, worst, times) for _ in range(3))


def _grew(pattern: re.Pattern[Any], worst: Worst, times: int) -> bool:
    twice = _seconds(pattern, worst, 2 * times)
    return twice > QUICK_SECONDS and twice > MOST_GROWTH * _seconds(pattern, worst, times)


def _seconds(pattern: re.Pattern[Any], worst: Worst, times: int) -> float:
    text: Any = worst.beginning + worst.pump * times + worst.end
    if isinstance(pattern.pattern, bytes):
        text = text.encode("latin-1")
    began = time.thread_time()
    if worst.how == "sub":
        pattern.sub(pattern.pattern[:0], text)
    elif worst.how == "search":
        for _ in pattern.finditer(text):
            pass
    else:
        getattr(pattern, worst.how)(text)
    return time.thread_time() - began


def attacks(pattern: re.Pattern[Any], how: str) -> Iterator[Worst]:
    """Texts that begin as it wants them, and go on with any of its parts for ever."""
    source = pattern.pattern.decode("latin-1") if isinstance(pattern.pattern, bytes) else pattern.pattern
    parts = list(_parts(_parser.parse(source, pattern.flags & ~re.UNICODE)))
    beginnings = ["".join(parts[:count]) for count in range(len(parts) + 1)]
    pumps = [*dict.fromkeys([part for part in parts if part]), *beginnings[2:]]
    for beginning in dict.fromkeys(beginnings):
        for pump in dict.fromkeys(pumps):
            yield Worst(how, pump, beginning)


def _parts(tree: Any) -> Iterator[str]:
    """A shortest text for each part of it, in order."""
    for kind, value in tree:
        match kind:
            case _constants.LITERAL:
                yield chr(value)
            case _constants.NOT_LITERAL | _constants.ANY:
                yield "~"
            case _constants.IN:
                yield _member(value)
            case _constants.MAX_REPEAT | _constants.MIN_REPEAT:
                yield from _parts(value[2])
            case _constants.SUBPATTERN:
                yield from _parts(value[3])
            case _constants.BRANCH:
                for branch in value[1]:
                    yield from _parts(branch)
            case _constants.ASSERT:
                yield from _parts(value[1])


def _member(members: Any) -> str:
    return next((each for each in " 1a-:/.@~A,;\n\0" if _is_in(each, members)), "")


def _is_in(character: str, members: Any) -> bool:
    negated = members[0][0] is _constants.NEGATE
    found = False
    for kind, value in members:
        match kind:
            case _constants.LITERAL:
                found |= ord(character) == value
            case _constants.RANGE:
                found |= value[0] <= ord(character) <= value[1]
            case _constants.CATEGORY:
                found |= _CATEGORIES[value](character)
    return found != negated


_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    _constants.CATEGORY_DIGIT: str.isdigit,
    _constants.CATEGORY_NOT_DIGIT: lambda character: not character.isdigit(),
    _constants.CATEGORY_SPACE: str.isspace,
    _constants.CATEGORY_NOT_SPACE: lambda character: not character.isspace(),
    _constants.CATEGORY_WORD: lambda character: character.isalnum() or character == "_",
    _constants.CATEGORY_NOT_WORD: lambda character: not (character.isalnum() or character == "_"),
}
