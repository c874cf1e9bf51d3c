"""A draft: what an announcement has besides its rows and options before it is started."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import Field, with_config
from typing_extensions import TypedDict

from ledger.times import IsoTime, iso

__all__ = ["Draft", "DraftJson", "Person", "Rejected", "RejectedJson", "fingerprint_of"]

#: Fields of a spec that change neither the messages nor when they are sent.
_NOT_APPROVED = frozenset({"caller", "traceparent"})


class Person(NamedTuple):
    """The person who acts: the id of the key or the user of the machine, and the name in the audit log."""

    id: str
    name: str


@with_config(title="Rejection")
class RejectedJson(TypedDict):
    """The last rejection of a draft."""

    by: Annotated[str, Field(description="The key, or the user of the machine.")]
    at: Annotated[IsoTime | None, Field(description="When.")]
    why: Annotated[str, Field(description="The reason, for its author.")]
    version: Annotated[int, Field(description="The version that was rejected.")]


@with_config(title="Draft")
class DraftJson(TypedDict):
    """What an announcement has until it starts."""

    version: Annotated[int, Field(description="Raised by each edit; an edit names the one that was read.")]
    fingerprint: Annotated[
        str, Field(description="Of rows, message, options and times: an approval names the one that was seen.")
    ]
    author: Annotated[str, Field(description="The id of the key that made it, or the user of the machine.")]
    author_name: Annotated[str, Field(description="The name of that key.")]
    edited_at: Annotated[IsoTime | None, Field(description="When it was made or edited last.")]
    needs_approval: Annotated[bool, Field(description="Whether somebody else must approve it before it starts.")]
    approver: Annotated[str | None, Field(description="The id of the key that approved it; null until then.")]
    approver_name: Annotated[str | None, Field(description="The name of that key.")]
    approved_at: Annotated[IsoTime | None, Field(description="When it was approved.")]
    rejected: Annotated[RejectedJson | None, Field(description="The last rejection.")]
    tests: Annotated[list[str], Field(description="Its tests, newest first: `n_…`.")]


@dataclass(frozen=True, slots=True)
class Rejected:
    """The last rejection, with the rejected content, to compare the next version with."""

    by: str
    at_ms: int
    why: str
    version: int
    rows: int
    rows_sha256: str
    spec: bytes = field(repr=False)  #: JSON


@dataclass(frozen=True, slots=True)
class Draft:
    """Belongs to an announcement whose `state` is one of `DRAFTED`."""

    version: int  #: raised by each edit
    fingerprint: str  #: of everything that an approval binds
    author: Person
    editors: frozenset[str]  #: ids of everybody who edited it
    edited_ms: int
    approver: Person | None
    approved_ms: int | None
    rejected: Rejected | None
    tests: tuple[tuple[str, int], ...]  #: notifications, newest first, and the version that each showed
    rows_sha256: str
    needs_approval: bool = False

    @property
    def untested(self) -> bool:
        """Whether nobody has seen a test of this version."""
        return not any(version == self.version for _, version in self.tests)

    def may_approve(self, by: Person) -> bool:
        """Neither its author nor anybody who edited it may."""
        return by.id != self.author.id and by.id not in self.editors

    def as_json(self) -> DraftJson:
        return {
            "version": self.version,
            "fingerprint": self.fingerprint,
            "author": self.author.id,
            "author_name": self.author.name,
            "edited_at": iso(self.edited_ms),
            "needs_approval": self.needs_approval,
            "approver": self.approver.id if self.approver else None,
            "approver_name": self.approver.name if self.approver else None,
            "approved_at": iso(self.approved_ms),
            "rejected": _rejected_json(self.rejected) if self.rejected else None,
            "tests": [id for id, _ in self.tests],
        }

    @classmethod
    def of_fields(cls, fields: Mapping[bytes, bytes], *, needs_approval: bool) -> "Draft":
        """Raises one of `ledger.damage.UNREADABLE`."""
        approver = fields.get(b"approver")
        return cls(
            version=int(fields[b"version"]),
            fingerprint=fields[b"fingerprint"].decode(),
            author=Person(fields[b"author"].decode(), fields[b"author_name"].decode()),
            editors=frozenset(orjson.loads(fields.get(b"editors", b"[]"))),
            edited_ms=int(fields[b"edited_at"]),
            approver=Person(approver.decode(), fields[b"approver_name"].decode()) if approver else None,
            approved_ms=int(fields[b"approved_at"]) if approver else None,
            rejected=_rejected(fields) if b"rejected" in fields else None,
            tests=tuple((id, version) for id, version in orjson.loads(fields.get(b"tests", b"[]"))),
            rows_sha256=fields[b"rows_sha256"].decode(),
            needs_approval=needs_approval,
        )


def fingerprint_of(spec: Mapping[str, Any], rows_sha256: str) -> str:
    """A hash of what an approval binds: rows in order, message, options, times. `spec` is as the ledger keeps it."""
    approved = {name: value for name, value in spec.items() if name not in _NOT_APPROVED}
    told = orjson.dumps([approved, rows_sha256], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(told).hexdigest()[:32]


def _rejected(fields: Mapping[bytes, bytes]) -> Rejected:
    raw = orjson.loads(fields[b"rejected"])
    told = (raw["by"], int(raw["at"]), raw["why"], int(raw["version"]), int(raw["rows"]), raw["rows_sha256"])
    return Rejected(*told, spec=fields[b"rejected_spec"])


def _rejected_json(rejected: Rejected) -> RejectedJson:
    return {"by": rejected.by, "at": iso(rejected.at_ms), "why": rejected.why, "version": rejected.version}
