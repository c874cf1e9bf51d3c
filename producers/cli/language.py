"""The language in which the command line speaks: Chinese where the environment asks for it, else English.

Sentences for people are in it. What programs read (JSON, ids, the columns of a pipe) is the same in both.
"""

import os
from collections.abc import Mapping, Sequence
from functools import cache, reduce
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.phrases import Phrase, as_phrase

if TYPE_CHECKING:
    from console.i18n import Language

__all__ = ["action", "catalogue", "in_sequence", "is_chinese", "translated", "word"]

_VARIABLE = "DESKBELL_LANG"
#: Of the system, the strongest first, as POSIX has them.
_LOCALES = ("LC_ALL", "LC_MESSAGES", "LANG")


def is_chinese() -> bool:
    """By DESKBELL_LANG, or if that is unset by the locale."""
    given = os.environ.get(_VARIABLE) or _of_env_file(Path.cwd())
    chosen = given or next(filter(None, map(os.environ.get, _LOCALES)), "")
    return chosen.strip().lower().startswith("zh")


@cache
def catalogue(name: str) -> Mapping[str, str]:
    """Chinese by its English: the texts of `help`, or `words`, of columns and fields. Phrases have theirs elsewhere."""
    import tomllib

    return tomllib.loads(files("producers.cli").joinpath(f"{name}.zh-CN.toml").read_text("utf-8"))


def translated(text: object) -> str:
    """A phrase in the language of the environment. Anything else stands as it is."""
    return str(_chinese().meaning(text)) if isinstance(text, Phrase) and is_chinese() else str(text)


def word(name: str) -> str:
    """The name of a state, an outcome, a field or a column, as people read it on a terminal."""
    return catalogue("words").get(name, name) if is_chinese() else name


def action(did: str) -> str:
    """What somebody did, by its name in the audit log."""
    return _chinese().action_text(did) if is_chinese() else did


def in_sequence(parts: Sequence[str]) -> Phrase:
    """One or more parts, with semicolons between them."""
    first, *others = parts
    return reduce(lambda before, part: Phrase("{before}; {part}", before=before, part=part), others, as_phrase(first))


def _chinese() -> "Language":
    # Here, so that English does not load it.
    from console.i18n import language

    return language("zh-CN")


@cache
def _of_env_file(folder: Path) -> str | None:
    """Read once, like the settings, and not for each text."""
    file = folder / ".env"
    if not file.is_file():
        return None
    from dotenv import dotenv_values

    return dotenv_values(file).get(_VARIABLE)
