"""The settings in force and where each is set, and variables that look like settings but are unknown."""

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, NamedTuple

from dotenv import dotenv_values
from pydantic import SecretStr

from ledger.phrases import Phrase
from ledger.rate import Limit
from ledger.redis_url import RedisUrl
from ledger.settings import ENV_FILE, Settings

__all__ = ["InForce", "settings_in_force", "unknown_variables", "written"]

_PREFIX = "DESKBELL_"
_UNITS = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}


class InForce(NamedTuple):
    """A setting. A secret shows as `(set)`."""

    variable: str
    value: str  #: as it is written in a variable; empty where nothing is set
    set_in: str  #: environment, .env, practice or default


def settings_in_force(settings: Settings) -> Iterator[InForce]:
    """Each variable, in the order of configuration.md. Raises BadInput, as reading the settings does."""
    places, outside = _places(), Settings.from_env()
    for name in type(settings).model_fields:
        variable, value = f"{_PREFIX}{name.upper()}", getattr(settings, name)
        is_practice = value != getattr(outside, name)
        yield InForce(
            variable, _told_of(settings, name), "practice" if is_practice else places.get(variable, "default")
        )


def unknown_variables(settings: Settings) -> list[Phrase]:
    """A sentence for each unknown variable that is set. Those that the files of desks and hooks name are known."""
    known = {f"{_PREFIX}{name.upper()}" for name in type(settings).model_fields}
    unknown = sorted(name for name in _places() if name.startswith(_PREFIX) and name not in known)
    files = [path for path in (settings.desks, settings.hooks) if path] if unknown else []
    named = "".join(path.read_text("utf-8", "replace") for path in files if path.is_file())
    return [_misspelt(name, known) for name in unknown if name not in named]


def written(value: Any) -> str:
    """As it is written in a variable."""
    match value:
        case None | "" | ():
            return ""
        case frozenset():
            return ",".join(sorted(map(str, value)))
        case SecretStr():
            return "(set)" if value.get_secret_value() else ""
        case timedelta():
            return _duration(value)
        case (Limit(), *_):
            return ";".join(map(_limit, value))
        case (float() | int(), *_):
            return ",".join(f"{part:g}" for part in value)
        case tuple():
            return ",".join(map(str, value))
    return str(value)


def _told_of(settings: Settings, name: str) -> str:
    match name, getattr(settings, name):
        case "redis_url" | "server", str() as url:
            return str(RedisUrl.parse(url))  # without its password
        case "rate", ():
            return "unlimited"
        case _, value:
            return written(value)


def _limit(limit: Limit) -> str:
    return f"{limit.calls}/{_UNITS.get(limit.seconds, f'{limit.seconds}second')}"


def _duration(value: timedelta) -> str:
    seconds = round(value.total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % length == 0 and (unit != "d" or seconds > 86400):
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _places() -> Mapping[str, str]:
    """Where each variable is set, by its name in capitals, as pydantic-settings reads them: the environment wins."""
    places = {name.upper(): str(ENV_FILE) for name in dotenv_values(ENV_FILE)}
    return places | {name.upper(): "environment" for name in os.environ}


def _misspelt(name: str, known: set[str]) -> Phrase:
    endings = [each.removeprefix(_PREFIX) for each in known]
    if nearest := get_close_matches(name.removeprefix(_PREFIX), endings, n=1):
        meant = _PREFIX + nearest[0]
        return Phrase("{name} is not a variable of Deskbell: did you mean {meant}?", name=name, meant=meant)
    return Phrase("{name} is not a variable of Deskbell, and has no effect", name=name)
