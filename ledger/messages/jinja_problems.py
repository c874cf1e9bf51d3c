"""What Jinja says of broken syntax, as phrases, so that it can be translated. The English is Jinja's own."""

import re
from collections.abc import Mapping

from ledger.phrases import Phrase

__all__ = ["template_problem"]

_SAID = re.compile(
    r"expected token '(?P<expected>[^']+)', got '(?P<got>[^']+)'"
    r"|unexpected '(?P<unexpected>[^']+)'(?:, expected '(?P<closing>[^']+)')?"
    r"|Expected an expression, got '(?P<instead>[^']+)'"
    r"|Encountered unknown tag '(?P<tag>[^']+)'\.(?P<tags>.*)"
    r"|Unexpected end of template\.(?P<open>.*)"
    r"|unexpected end of template, expected '(?P<ending>[^']+)'\."
    r"|unexpected char (?P<character>'[^']+'|\"'\") at (?P<at>[0-9]+)"
    r"|No (?P<kind>filter|test) named '(?P<unknown>[^']+)'\."
)
#: Parts of a template that Jinja describes.
_PARTS: Mapping[str, Phrase] = {
    phrase: phrase
    for phrase in (
        Phrase("end of print statement"),
        Phrase("begin of print statement"),
        Phrase("end of statement block"),
        Phrase("begin of statement block"),
        Phrase("end of template"),
        Phrase("template data / text"),
    )
}
#: What Jinja says with nothing else in it.
_WHOLE: Mapping[str, Phrase] = {
    phrase: phrase
    for phrase in (
        Phrase("tag name expected"),
        Phrase("expected name or number"),
        Phrase("expected subscript expression"),
        Phrase("invalid syntax for function call expression"),
        Phrase("You cannot chain multiple tests with is"),
        Phrase("Invalid character in identifier"),
    )
}


def template_problem(told: str, line: int | None) -> Phrase:
    """What Jinja has told, and of which line. What it says seldom is left out in another language."""
    problem = _problem(told)
    match problem, line:
        case None, None:
            return Phrase("is not a valid template: {said}", said=told)
        case None, _:
            return Phrase("is not a valid template: {said} (line {line} of this text)", said=told, line=line)
        case _, None:
            return Phrase("is not a valid template: {problem}", problem=problem)
    return Phrase("is not a valid template: {problem} (line {line} of this text)", problem=problem, line=line)


def _problem(told: str) -> Phrase | None:
    found = _SAID.fullmatch(told)
    given = {name: _part(text) for name, text in (found.groupdict() if found else {}).items() if text is not None}
    match given:
        case {"expected": expected, "got": got}:
            return Phrase("expected token '{expected}', got '{got}'", expected=expected, got=got)
        case {"unexpected": part, "closing": closing}:
            return Phrase("unexpected '{part}', expected '{closing}'", part=part, closing=closing)
        case {"unexpected": part}:
            return Phrase("unexpected '{part}'", part=part)
        case {"instead": part}:
            return Phrase("Expected an expression, got '{part}'", part=part)
        case {"tag": tag, "tags": more}:
            return Phrase("Encountered unknown tag '{tag}'.{said}", tag=tag, said=more)
        case {"ending": ending}:
            return Phrase("unexpected end of template, expected '{ending}'.", ending=ending)
        case {"open": more}:
            return Phrase("Unexpected end of template.{said}", said=more)
        case {"character": character, "at": at}:
            return Phrase("unexpected char {character} at {at}", character=character, at=at)
        case {"kind": "filter", "unknown": name}:
            return Phrase("No filter named '{name}'.", name=name)
        case {"unknown": name}:
            return Phrase("No test named '{name}'.", name=name)
    return _WHOLE.get(told)


def _part(text: str) -> str:
    return _PARTS.get(text, text)
