"""Texts for people: English, with the template and the values that a translation needs."""

import errno
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

__all__ = [
    "Phrase",
    "as_phrase",
    "filled",
    "listed",
    "parted",
    "phrase_in",
    "phrase_json",
    "phrase_of",
    "remedied",
    "said",
    "system_problem",
]

_FORMS = " | "


class Phrase(str):
    """An English text that knows how it was made, so that a screen can show it in another language.

    `template` is its key in the catalogues. A value may be a phrase itself. The value `said` is what a library says in
    English: a translation may leave it out.
    """

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: str | int | float | None) -> "Phrase":
        phrase = super().__new__(cls, filled(template, values))
        phrase.template, phrase.values = template, values
        return phrase


def said(text: object) -> Phrase:
    """What somebody else has said. It stands as it is in every language."""
    return Phrase("{said}", said=str(text))


def as_phrase(text: object) -> Phrase:
    return text if isinstance(text, Phrase) else said(text)


def phrase_in(error: Exception) -> Phrase:
    """The text of an error, with the phrase that it was made with."""
    return as_phrase(error.args[0] if error.args else "")


def listed(parts: Sequence[str]) -> Phrase:
    """One or more parts, with commas between them."""
    first, *others = parts
    return reduce(lambda before, part: Phrase("{before}, {part}", before=before, part=part), others, as_phrase(first))


def remedied(found: Phrase, do: Phrase) -> Phrase:
    """What is wrong, and what to do about it: `parted` takes the two apart again."""
    return Phrase("{found}: {do}", found=found, do=do)


def parted(phrase: Phrase) -> tuple[str, str]:
    """What is wrong, and what to do about it where that is a part of its own."""
    match phrase.values:
        case {"found": str(found), "do": str(do)}:
            return found, do
    return phrase, ""


def system_problem(error: Exception) -> Phrase:
    """What the operating system says of a file, without the file's name."""
    return _OF_SYSTEM.get(getattr(error, "errno", 0)) or said(getattr(error, "strerror", None) or error)


def phrase_json(phrase: Phrase) -> list[object]:
    """For orjson, as its `default`: what `phrase_of` reads again in another process."""
    return [str(phrase), phrase.template, phrase.values]


def phrase_of(raw: Any) -> str:
    """A text, or a phrase from `phrase_json`. The other process is not trusted with a template: none is filled here."""
    if isinstance(raw, str):
        return raw
    text, template, values = raw
    phrase = str.__new__(Phrase, text)
    phrase.template = template
    phrase.values = {name: phrase_of(value) if isinstance(value, list) else value for name, value in values.items()}
    return phrase


def filled(template: str, values: Mapping[str, object]) -> str:
    """The template with its values; of `one | many` the form for the value `n`."""
    one, *many = template.split(_FORMS) if "n" in values else [template]
    form = many[0] if many and str(values["n"]) != "1" else one
    return form.format_map(values) if values else form


#: By its number.
_OF_SYSTEM = {
    errno.ENOENT: Phrase("No such file or directory"),
    errno.EACCES: Phrase("Permission denied"),
    errno.EPERM: Phrase("Operation not permitted"),
    errno.EISDIR: Phrase("Is a directory"),
    errno.ENOTDIR: Phrase("Not a directory"),
    errno.ENOSPC: Phrase("No space left on device"),
    errno.EROFS: Phrase("Read-only file system"),
    errno.EADDRINUSE: Phrase("Address already in use"),
}
