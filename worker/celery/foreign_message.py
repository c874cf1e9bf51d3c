"""A message that cannot be accepted, and what is said of it."""

from collections.abc import Mapping
from typing import Any

from ledger.phrases import Phrase

__all__ = ["ForeignMessage", "told_headers"]

#: Of the headers and properties what says where a message comes from. The others may repeat its body (`argsrepr`), or
#: are its sender's own.
_HEADERS = ("task", "id", "root_id", "parent_id", "group", "origin", "lang", "retries", "eta", "expires", "compression")
_PROPERTIES = ("correlation_id", "priority")
_KINDS = ("content-type", "content-encoding")
#: Characters of each that are kept.
_SHOWN_CHARACTERS = 120


class ForeignMessage(Exception):
    """The message is not one of ours. The phrase says why, and repeats nothing of its body."""

    def __init__(self, reason: Phrase) -> None:
        super().__init__(reason)
        self.reason = reason


def told_headers(message: Any) -> dict[str, str]:
    """The headers of a message that may be logged and kept, whatever it is."""
    parts = ((message, _KINDS), (_part(message, "headers"), _HEADERS), (_part(message, "properties"), _PROPERTIES))
    return {name: _shown(part[name]) for part, names in parts for name in names if _is_told(part, name)}


def _part(message: Any, name: str) -> Any:
    return message.get(name) if isinstance(message, Mapping) else None


def _is_told(part: Any, name: str) -> bool:
    return isinstance(part, Mapping) and isinstance(part.get(name), str | int | float) and part[name] != ""


def _shown(value: object) -> str:
    text = str(value)[:_SHOWN_CHARACTERS]
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
