"""The language in which the command line speaks: Chinese where the environment asks for it, else English.

Sentences for people are in it. What programs read (JSON, ids, the columns of a pipe) is the same in both.
"""

import os
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

__all__ = ["catalogue", "is_chinese"]

_VARIABLE = "DESKBELL_LANG"
_ENV_FILE = Path(".env")
#: Of the system, the strongest first, as POSIX has them.
_LOCALES = ("LC_ALL", "LC_MESSAGES", "LANG")


def is_chinese() -> bool:
    """By DESKBELL_LANG, or if that is unset by the locale."""
    given = os.environ.get(_VARIABLE) or _of_env_file()
    chosen = given or next(filter(None, map(os.environ.get, _LOCALES)), "")
    return chosen.strip().lower().startswith("zh")


@cache
def catalogue(name: str) -> Mapping[str, str]:
    """Chinese texts by their English: `help`, or `lines` for all else."""
    import tomllib

    return tomllib.loads(files("producers.cli").joinpath(f"{name}.zh-CN.toml").read_text("utf-8"))


def _of_env_file() -> str | None:
    if not _ENV_FILE.is_file():
        return None
    from dotenv import dotenv_values

    return dotenv_values(_ENV_FILE).get(_VARIABLE)
