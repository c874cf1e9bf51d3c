"""What Jinja says of broken syntax, as phrases, so that it can be translated. The English is Jinja's own."""

import re
from collections.abc import Mapping

from ledger.phrases import Phrase, said

__all__ = ["syntax_problem"]

_SAID = re.compile(
    r"expected token '(?P<expected>[^']+)', got '(?P<got>[^']+)'"
    r"|unexpected '(?P<unexpected>[^']+)'(?:, expected '(?P<closing>[^']+)')?"
    r"|Expected an expression, got '(?P<instead>[^']+)'"
    r"|Encountered unknown tag '(?P<tag>[^']+)'\.(?P<tags>.*)"
    r"|Unexpected end of template\.(?P<open>.*)"
    r"|unexpected end of template, expected '(?P<ending>[^']+)'\."
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


def syntax_problem(told: str) -> Phrase:
    """What Jinja has told; in English where it is said seldom."""
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
    return said(told)


def _part(text: str) -> str:
    return _PARTS.get(text, text)
