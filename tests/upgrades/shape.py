"""What a ledger consists of: its keys as docs/lifecycle.md names them, and the fields of its records."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["shape"]

_PAGE = Path(__file__).parents[2] / "docs/lifecycle.md"
_ROW = re.compile(r"^\| (`[^|]+`) \| (?:hash|string|set|zset|list|channel) \|", re.MULTILINE)
#: Hashes whose fields are the same everywhere; those of the others are names that somebody gave, or counts.
_RECORDS = ("n:{id}", "lane:{lane}", "callback:{name}", "desk:{desk}")
#: Keys that are there for moments, or after a mishap.
_PASSING = {
    "leader",
    "desk:{desk}:ended",
    "app:{app}:calls:{api}",
    "desk:{desk}:share",
    "sign_ins:{address}",
    "aof",
    "damaged",
    "probe",
}
#: Keys of older versions, which nothing reads any more.
_GONE = ("proposal:",)
#: Fields that depend on how a run went, and not on the code alone.
_CHANCE = {
    "progress",
    "snapshot",
    "hold",
    "people_hold",
    "asker",
    "asked",
    "rate",
    "rate_at",
    "streak",
    "step",
    "moved_after",
    "moved_by",
    "moved_at",
    "pace_at",
    "tickets_at",
}


def shape(file: Path) -> set[str]:
    """Of a kept ledger: `n:{id}`, `n:{id} input`, `n:{id} input receiver_id`. Celery's own keys are left out."""
    commands = (ast.literal_eval(line) for line in file.read_text("utf-8").splitlines()[1:])
    return {part for words in commands for part in _parts([word.decode("utf-8", "replace") for word in words])}


def _parts(words: list[str]) -> Iterator[str]:
    command, key, *content = words
    if not key.startswith("deskbell:") or key.startswith("deskbell:celery:"):
        return
    if key.removeprefix("deskbell:").startswith(_GONE):
        return
    name = _name(key.removeprefix("deskbell:"))
    if name in _PASSING:
        return
    yield name
    if command == "HSET" and name in _RECORDS:
        for field, value in zip(content[::2], content[1::2], strict=True):
            if field not in _CHANCE:
                yield f"{name} {field}"
                yield from (f"{name} {field} {inner}" for inner in _inner(value))


def _inner(value: str) -> list[str]:
    return list(json.loads(value)) if value.startswith("{") else []


def _name(key: str) -> str:
    """The row of the page. Raises LookupError for a key that the page does not have."""
    names = [name for row in _ROW.findall(_PAGE.read_text("utf-8")) for name in re.findall(r"`([^`]+)`", row)]
    found = [name for name in names if _pattern(name).fullmatch(key)]
    if not found:
        raise LookupError(f"docs/lifecycle.md has no key {key}")
    return max(found, key=lambda name: len(re.sub(r"\{\w+\}", "", name)))


def _pattern(name: str) -> re.Pattern[str]:
    """The library `limits` ends its names with colons of its own."""
    parts = re.split(r"(\{\w+\})", name)
    return re.compile("".join(".*" if part.startswith("{") else re.escape(part) for part in parts))
