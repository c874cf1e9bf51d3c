"""Texts for people: English, with the template and the values that a translation needs."""

from collections.abc import Mapping
from typing import Any

__all__ = ["Phrase", "filled", "phrase_json", "phrase_of"]

_FORMS = " | "


class Phrase(str):
    """An English text that knows how it was made, so that a screen can show it in another language.

    `template` is its key in the catalogues. A value may be a phrase itself.
    """

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: object) -> "Phrase":
        phrase = super().__new__(cls, filled(template, values))
        phrase.template, phrase.values = template, values
        return phrase


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
