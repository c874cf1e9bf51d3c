"""What the console keeps beside a draft: the form as it was filled in, and what the check has found.

A draft from elsewhere has none, and neither does one that was edited elsewhere since: then its form is what the ledger
has of it.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

import orjson

from console.ports import AudienceFound, Column, DraftForm, Findings, LeftOut, RowError, Sample
from ledger.draft_verbs import DRAFT_MS
from ledger.ledger import Ledger
from ledger.messages.content import Message
from ledger.phrases import Phrase, phrase_json, phrase_of

__all__ = ["DraftNotes", "Notes"]


class Notes(NamedTuple):
    """`file_lines`: of the rows that came from a file; None for all."""

    form: DraftForm
    file_lines: int | None
    findings: Findings


class DraftNotes:
    """In Redis for as long as the draft. They have names and messages, and go when it is started or discarded."""

    def __init__(self, ledger: Ledger) -> None:
        self._redis, self._keys = ledger.redis, ledger.keys

    def keep(self, id: str, version: int, notes: Notes, exclude: bytes | None) -> None:
        """`exclude`: the file with exclusions."""
        key, pipe = self._keys.draft_notes(id), self._redis.pipeline()
        told = [notes.form._asdict(), notes.file_lines, _as_dict(notes.findings)]
        pipe.delete(key)
        pipe.hset(key, mapping={"version": version, "notes": orjson.dumps(told, default=_plain, option=_SUBCLASSES)})
        if exclude is not None:
            pipe.hset(key, "exclude", exclude)
        pipe.pexpire(key, DRAFT_MS)
        pipe.execute()

    def read(self, id: str, version: int) -> Notes | None:
        """None unless they are of this version."""
        kept: Any = self._redis.hmget(self._keys.draft_notes(id), "version", "notes")
        if None in kept or int(kept[0]) != version:
            return None
        form, file_lines, findings = orjson.loads(kept[1])
        return Notes(DraftForm(**form), file_lines, _findings(findings))

    def exclude(self, id: str) -> bytes | None:
        """The file with exclusions."""
        found: Any = self._redis.hget(self._keys.draft_notes(id), "exclude")
        return None if found is None else bytes(found)

    def forget(self, id: str) -> None:
        self._redis.delete(self._keys.draft_notes(id))


#: Phrases and named tuples are for `_plain`.
_SUBCLASSES = orjson.OPT_PASSTHROUGH_SUBCLASS


def _as_dict(findings: Findings) -> dict[str, Any]:
    return {field.name: getattr(findings, field.name) for field in fields(findings)}


def _plain(value: Any) -> Any:
    match value:
        case Phrase():
            return phrase_json(value)
        case Message():
            return {"msg_type": str(value.msg_type), "content": value.content}
        case tuple():
            return [*value]
        case str():
            return str(value)
    raise TypeError


def _findings(raw: Mapping[str, Any]) -> Findings:
    return Findings(
        **{
            **raw,
            "source": phrase_of(raw["source"]),
            "addressed": tuple((kind, rows) for kind, rows in raw["addressed"]),
            "columns": tuple(Column(*column) for column in raw["columns"]),
            "sheet_remarks": tuple(map(phrase_of, raw["sheet_remarks"])),
            "findings": tuple(RowError(line, column, phrase_of(why)) for line, column, why in raw["findings"]),
            "duplicates": tuple((line, first) for line, first in raw["duplicates"]),
            "due": tuple((ms, rows) for ms, rows in raw["due"]),
            "samples": tuple(Sample(line, Message.model_construct(**message)) for line, message in raw["samples"]),
            "audience": _audience(raw["audience"]) if raw["audience"] else None,
        }
    )


def _audience(raw: Mapping[str, Any]) -> AudienceFound:
    return AudienceFound(
        **{
            **raw,
            "left_out": tuple(LeftOut(reason, number, tuple(people)) for reason, number, people in raw["left_out"]),
            "not_visible": tuple(raw["not_visible"]),
            "not_told": tuple((name, scope) for name, scope in raw["not_told"]),
            "nobody": tuple(map(phrase_of, raw["nobody"])),
            "people": tuple(raw["people"]),
        }
    )
