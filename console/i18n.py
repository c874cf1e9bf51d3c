"""The languages of all that people read: one catalogue of texts for each, and the choice between them."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from ledger.phrases import Phrase, filled

__all__ = ["LANGUAGES", "Language", "chosen_language", "language"]

#: Names of the catalogues, as in `lang` attributes; the first one is for everybody whose language is not here.
LANGUAGES = ("en", "zh-CN")


#: Where the texts of words stand that are values of phrases.
_WORDS = {"state": "state", "verb": "action_text", "hold": "hold"}
#: Values that are the same in every language, though a text may read like them.
_AS_GIVEN = ("call", "command", "file", "name")
#: An action, and the reason that somebody gave for it.
_REASONED = "{name}: {value}"
#: Actions that end with a code.
_WITH_CODE = ("retry code", "learn ticket code")


class Language:
    """One catalogue. Calling it gives a text: `one | many` by the value `n`. A missing key is a bug: KeyError."""

    def __init__(self, name: str, texts: Mapping[str, str], meanings: Mapping[str, str]) -> None:
        """`meanings` has the texts of the table of error codes, and phrases, by their English."""
        self.name = name
        self.texts = texts
        self.meanings = meanings

    def __call__(self, key: str, /, **values: object) -> str:
        return filled(self.texts[key], values)

    def meaning(self, english: str) -> str:
        """A text of the table of error codes, or of a refusal. What an operator has added stands as it was written."""
        if not isinstance(english, Phrase):
            return self.meanings.get(english, english)
        if english.template not in self.meanings:
            return english
        values = {name: self._value(name, value) for name, value in english.values.items()}
        return filled(self.meanings[english.template], values)

    def _value(self, name: str, value: object) -> object:
        """The values `state`, `verb` and `hold` are words of the API, and have texts of their own. Any other single
        word that is not a phrase comes from outside, such as a `no` from Feishu, and is not translated."""
        if not isinstance(value, str) or (name in _AS_GIVEN and not isinstance(value, Phrase)):
            return value
        if text := self.texts.get(f"{_WORDS.get(name)}.{value.replace(' ', '_')}"):
            return text
        is_word = not isinstance(value, Phrase) and value.isidentifier() and name != "field"
        return value if is_word else self.meaning(value)

    def action_text(self, action: str) -> str:
        """An action of the audit log in this language."""
        told, _, why = action.partition(": ")
        if why:
            return filled(self.meanings.get(_REASONED, _REASONED), {"name": self.action_text(told), "value": why})
        words, _, code = action.rpartition(" ")
        if words in _WITH_CODE:
            return self(f"action_text.{words.replace(' ', '_')}", code=code)
        return self.texts.get(f"action_text.{action.replace(' ', '_')}", action)

    def knows(self, key: str) -> bool:
        return key in self.texts

    def span(self, seconds: float) -> str:
        """A length of time in its largest unit, or its two largest from an hour on."""
        whole = max(0, round(seconds))
        if whole < 60:
            return self("span.second", n=whole)
        if whole < 3_600:
            return self("span.minute", n=round(whole / 60))
        if whole < 86_400:
            return self.two("hour", whole // 3_600, "minute", whole % 3_600 // 60)
        return self.two("day", whole // 86_400, "hour", whole % 86_400 // 3_600)

    def two(self, large: str, large_count: int, small: str, small_count: int) -> str:
        parts = [self(f"span.{large}", n=large_count)]
        if small_count:
            parts.append(self(f"span.{small}", n=small_count))
        return " ".join(parts)


@cache
def language(name: str) -> Language:
    """Reads a catalogue. `name` is one of LANGUAGES."""
    folder = files("console").joinpath("catalogue")
    texts = dict(_flat(tomllib.loads(folder.joinpath(f"{name}.toml").read_text("utf-8"))))
    meanings: dict[str, str] = {}
    for by_english in (files("feishu").joinpath(f"codes.{name}.toml"), folder.joinpath(f"phrases.{name}.toml")):
        if by_english.is_file():
            meanings |= tomllib.loads(by_english.read_text("utf-8"))
    return Language(name, texts, meanings)


def chosen_language(preferred: str | None, accept_language: str) -> Language:
    """The language that was chosen before, else the first of the browser's that there is."""
    if preferred in LANGUAGES:
        return language(str(preferred))
    ranges = sorted(map(_range, accept_language.split(",")), key=lambda pair: -pair[1])
    for tag, quality in ranges:
        name = _match(tag) if quality > 0 else None
        if name:
            return language(name)
    return language(LANGUAGES[0])


def _match(tag: str) -> str | None:
    """By the primary tag alone: who reads zh-TW gets simplified characters rather than English."""
    primary = tag.partition("-")[0]
    return next((name for name in LANGUAGES if name.partition("-")[0] == primary), None)


def _range(part: str) -> tuple[str, float]:
    """`zh-CN;q=0.9` as its tag and its quality."""
    tag, _, parameters = part.strip().lower().partition(";")
    try:
        quality = float(parameters.strip().removeprefix("q=")) if parameters else 1.0
    except ValueError:
        quality = 0.0
    return tag.strip(), quality


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested tables as dotted keys."""
    texts: list[tuple[str, str]] = []
    for name, value in table.items():
        if isinstance(value, dict):
            texts += _flat(value, f"{prefix}{name}.")
        else:
            texts.append((prefix + name, str(value)))
    return texts
