"""The fields of a JSON value: how one is named, what may be in it, and how pydantic's complaint becomes a BadInput.

A field is named by its dotted path, such as `message.content.post.zh_cn.content[0][1].href`. Neither a path nor a
problem ever repeats a value: a value may be a message body.
"""

import math
import re
from collections.abc import Sequence
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from ledger.errors import BadInput
from ledger.messages.field_problems import field_problem
from ledger.phrases import Phrase

__all__ = [
    "LONE_SURROGATE",
    "Filled",
    "Link",
    "Shape",
    "check_json",
    "dotted",
    "kind_of",
    "link_problem",
    "refusal_of",
    "shortened",
    "steering_problem",
    "validated",
]

#: Objects and lists within each other. Far above any message; below what Python and orjson (254) can recurse into.
_DEEPEST_LEVEL = 100
#: orjson, like most readers of JSON, holds an integer in 64 bits.
_INTEGERS = range(-(2**63), 2**64)
#: A key of the input longer than this is cut in a path: it may be a message body in the wrong place.
_KEY_CHARACTERS = 40
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_BLANK_OR_CONTROL = re.compile(r"[\s\x00-\x1f\x7f]")
#: What steers a terminal, or makes a line look like another one: control characters, line ends, and the marks that turn
#: the direction of text.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SURROGATE = re.compile("[\ud800-\udfff]")
LONE_SURROGATE = Phrase("contains half of a surrogate pair, which is not a character")


class Shape(BaseModel):
    """The base of every model of content: no field but its own, no conversion, no value in an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


ShapeT = TypeVar("ShapeT", bound=Shape)


def link_problem(url: str) -> Phrase | None:
    """What is wrong with a web link, or None. Feishu refuses every scheme but http and https, and blanks in a link."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return Phrase("is not a valid link")
    if parts.scheme not in ("http", "https") or not host:
        return Phrase("must be a link that starts with http:// or https://")
    return Phrase("must not contain spaces: use %20") if _BLANK_OR_CONTROL.search(url) else None


def _link(url: str) -> str:
    problem = link_problem(url)
    if problem:
        raise PydanticCustomError("link", "{problem}", {"problem": problem})
    return url


Link = Annotated[str, AfterValidator(_link)]
Filled = Annotated[str, StringConstraints(min_length=1)]


def dotted(where: str, path: Sequence[object]) -> str:
    """Joins the keys and indexes of `path` onto `where`, which may be empty."""
    return "".join([where, *(_step(part) for part in path)]).removeprefix(".")


def _step(part: object) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    text = str(part)
    return f".{text}" if len(text) <= _KEY_CHARACTERS and _PLAIN_KEY.fullmatch(text) else f"[{shortened(text)}]"


def shortened(text: str) -> str:
    """A quoted, printable, one-line form of a name, cut when it is too long to be one."""
    return repr(text) if len(text) <= _KEY_CHARACTERS else f"{text[:_KEY_CHARACTERS]!r}…"


def steering_problem(text: str) -> Phrase | None:
    """What is wrong with a name or a key that people read in tables, logs and terminals, or None."""
    found = _STEERING.search(text)
    if found is None:
        return None
    return Phrase("contains the invisible character {character}: remove it", character=f"U+{ord(found[0]):04X}")


def kind_of(value: object) -> str:
    """The JSON kind of a value, with its article, for a sentence."""
    match value:
        case None:
            return Phrase("null")
        case bool():
            return Phrase("true or false")
        case int() | float():
            return Phrase("a number")
        case str():
            return Phrase("a string")
        case list():
            return Phrase("a list")
        case dict():
            return Phrase("an object")
    return f"a Python {type(value).__name__}"


def check_json(value: object, where: str, level: int = 0) -> None:
    """Raises BadInput for the first thing that JSON in UTF-8 cannot carry there and back unchanged."""
    if not _is_json(value, level):
        _refuse_json(value, where, level)


def _is_json(value: object, level: int) -> bool:
    """Without a word of where: that is worked out for what is refused only."""
    if level > _DEEPEST_LEVEL:
        return False
    match value:
        case str():
            return value.isascii() or not _SURROGATE.search(value)
        case dict():
            for key, inner in value.items():
                if not isinstance(key, str) or not _is_json(key, level) or not _is_json(inner, level + 1):
                    return False
            return True
        case list():
            return all(_is_json(inner, level + 1) for inner in value)
    return _scalar_problem(value) is None


def _refuse_json(value: object, where: str, level: int) -> None:
    if level > _DEEPEST_LEVEL:
        raise BadInput(where, Phrase("is nested more than {most} levels deep", most=_DEEPEST_LEVEL))
    match value:
        case dict():
            for key, inner in value.items():
                _check_key(key, where)
                _refuse_json(inner, dotted(where, (key,)), level + 1)
        case list():
            for index, inner in enumerate(value):
                _refuse_json(inner, f"{where}[{index}]", level + 1)
        case _:
            problem = _scalar_problem(value)
            if problem:
                raise BadInput(where, problem)


def _check_key(key: object, where: str) -> None:
    if not isinstance(key, str):
        raise BadInput(where, Phrase("has a key that is {kind}: keys must be strings, so quote it", kind=kind_of(key)))
    problem = _scalar_problem(key)
    if problem:
        raise BadInput(where, Phrase("has a key that {problem}", problem=problem))


def _scalar_problem(value: object) -> Phrase | None:
    match value:
        case bool() | None:
            return None
        case str():
            return LONE_SURROGATE if _SURROGATE.search(value) else None
        case int():
            return None if value in _INTEGERS else Phrase("is an integer of more than 64 bits: write it as a string")
        case float():
            return None if math.isfinite(value) else Phrase("is not a finite number")
    return Phrase("is {kind}, which JSON cannot represent", kind=kind_of(value))


def validated(shape: type[ShapeT], raw: object, where: str) -> ShapeT:
    """Builds `shape` from `raw`; the first complaint of pydantic becomes a BadInput under `where`."""
    try:
        return shape.model_validate(raw)
    except ValidationError as error:
        refusal = refusal_of(error, where)
    # Raised outside the except clause: as its context the ValidationError would carry the whole body along.
    raise refusal


def refusal_of(error: ValidationError, where: str = "") -> BadInput:
    """The first complaint of pydantic as a BadInput, whose field is under `where`. It repeats no value."""
    errors = error.errors(include_url=False)
    first = errors[0]
    problem = field_problem(first)
    if first["type"].endswith("_type"):
        problem = Phrase("{problem}, not {kind}", problem=problem, kind=kind_of(first["input"]))
    others = [shortened(str(each["loc"][-1])) for each in errors[1:] if each["type"] == "extra_forbidden"]
    if first["type"] == "extra_forbidden" and others:
        problem = Phrase("{problem}; nor is {names}", problem=problem, names=", ".join(others[:5]))
    return BadInput(dotted(where, [part for part in first["loc"] if not _is_marker(part)]), problem)


def _is_marker(part: object) -> bool:
    """pydantic's `[key]` and our `<tag>` of a union stand in its paths, but not in the input."""
    return isinstance(part, str) and (part == "[key]" or (part.startswith("<") and part.endswith(">")))
