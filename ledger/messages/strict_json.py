"""JSON from outside, read more strictly than the language's reader does.

A name that appears twice in an object, NaN and half of a surrogate pair are refused: two readers of such a document may
understand two different things, and one of them may be a proxy that was meant to check it. The standard library's
reader can tell, orjson cannot; with a hook that has no Python loop in it the two are as fast.
"""

import codecs
import json
import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NoReturn

from ledger.errors import DeskbellError
from ledger.messages.json_fields import shortened
from ledger.phrases import Phrase, said

__all__ = ["NameTwiceError", "NotJson", "object_of", "strict_json", "syntax_problem", "syntax_problem_at"]

#: What the standard library's reader says of broken syntax, as phrases, so that a screen can translate it.
_SYNTAX: Mapping[str, Phrase] = {
    phrase: phrase
    for phrase in (
        Phrase("Expecting value"),
        Phrase("Expecting property name enclosed in double quotes"),
        Phrase("Expecting ':' delimiter"),
        Phrase("Expecting ',' delimiter"),
        Phrase("Extra data"),
        Phrase("Unterminated string starting at"),
        Phrase("Invalid control character at"),
        Phrase("Invalid \\escape"),
        Phrase("Invalid \\uXXXX escape"),
        Phrase("Illegal trailing comma before end of object"),
        Phrase("Illegal trailing comma before end of array"),
    )
}


class NotJson(DeskbellError):
    """It is no strict JSON in UTF-8. The text says why, and repeats nothing of it but the name of a member."""


class NameTwiceError(ValueError):
    """A name appears twice in an object. Its text repeats nothing of the object."""

    def __init__(self, name: Hashable) -> None:
        super().__init__("a name appears twice in an object")
        self.name = name


def object_of(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    """The `object_pairs_hook` of every reader here. Raises NameTwiceError.

    Linear: an object may have a hundred thousand names.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise NameTwiceError(name)
    return found


def syntax_problem(error: json.JSONDecodeError) -> Phrase:
    """What the reader says, without the place; in English where a later Python says it in words of its own."""
    told = error.msg.removesuffix(": ")
    return _SYNTAX.get(told) or said(told)


def syntax_problem_at(error: json.JSONDecodeError) -> Phrase:
    """With the place."""
    return Phrase(
        "line {line}, column {column}: {problem}",
        line=error.lineno,
        column=error.colno,
        problem=syntax_problem(error),
    )


def strict_json(raw: bytes) -> Any:
    """Raises NotJson. Integers have any size, up to some thousand digits."""
    text = raw.removeprefix(codecs.BOM_UTF8)  # RFC 8259, 8.1: a reader may ignore it, and .NET begins with it
    if not text or text.isspace():
        raise NotJson(Phrase("it is empty"))
    try:
        found = _READER.decode(text.decode())
        if b"\\ud" in raw or b"\\uD" in raw:
            _check_characters(found)
    except UnicodeDecodeError as error:
        problem = Phrase("byte {at:,} is not UTF-8", at=error.start)
    except UnicodeEncodeError:
        problem = Phrase("it contains half of a surrogate pair, which is not a character")
    except json.JSONDecodeError as error:
        problem = syntax_problem_at(error)
    except RecursionError:
        problem = Phrase("it is nested too deep")
    except NameTwiceError as error:
        problem = Phrase("the member {name} appears twice in an object", name=shortened(str(error.name)))
    except ValueError:
        problem = Phrase("it contains a number with too many digits")
    else:
        return found
    # Raised outside the except clauses: as its context a JSONDecodeError would carry the whole document along.
    raise NotJson(problem)


def _no_number(name: str) -> NoReturn:
    raise NotJson(Phrase("{name} is not a JSON number", name=name))


def _finite_number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise NotJson(Phrase("it contains a number that is too large"))
    return number


_READER = json.JSONDecoder(object_pairs_hook=object_of, parse_constant=_no_number, parse_float=_finite_number)


def _check_characters(found: Any) -> None:
    json.dumps(found, ensure_ascii=False).encode()
