"""Whom an announcement goes to besides its file, as somebody asked for it."""

import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from ledger.addresses import address_fields
from ledger.errors import BadInput
from ledger.ids import is_announcement
from ledger.phrases import Phrase
from producers.announcements.recipients.source import Source

__all__ = ["Definition", "ExclusionFile", "exclusion_source"]

#: Of departments and groups, Feishu's and a company's own; a blank or a comma belongs to none of them.
_ID = re.compile(r"[^\s,]{1,128}")
_MOST_IDS = 1000


class ExclusionFile(NamedTuple):
    """A file that was uploaded."""

    name: str
    content: bytes


#: People who get nothing: a file of them, or their addresses.
Exclusion = Path | ExclusionFile | tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """False when the recipients come from a file alone."""

    departments: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    everyone: bool = False
    direct: bool = False  #: without those below the departments
    partial: bool = False  #: without what the app may not see
    new_since: str | None = None  #: without the receivers of this announcement
    exclude: tuple[Exclusion, ...] = ()

    @classmethod
    def take(cls, given: dict[str, Any]) -> Self:
        """Takes its members out of the arguments of an announcement. Raises BadInput."""
        flags = {name: _flag(name, given.pop(name, False)) for name in ("everyone", "direct", "partial")}
        departments, groups = (_ids(name, given.pop(name, ())) for name in ("departments", "groups"))
        if flags["direct"] and not departments:
            raise BadInput("direct", Phrase("needs departments: it leaves out the ones below them"))
        definition = cls(
            departments=departments,
            groups=groups,
            **flags,
            new_since=_announcement(given.pop("new_since", None)),
            exclude=_exclusions(given.pop("exclude", ())),
        )
        if flags["partial"] and not definition.is_walked:
            raise BadInput("partial", Phrase("needs departments, groups or everyone"))
        return definition

    def __bool__(self) -> bool:
        return bool(self.is_walked or self.new_since or self.exclude)

    @property
    def is_walked(self) -> bool:
        """Whether people are found in the contacts."""
        return bool(self.departments or self.groups or self.everyone)

    def as_json(self) -> Mapping[str, Any]:
        """Only what was said, without the exclusions."""
        said = {name: getattr(self, name) for name in ("departments", "groups", "everyone", "direct", "partial")}
        return {name: value for name, value in {**said, "new_since": self.new_since}.items() if value}


def exclusion_source(exclusion: Exclusion) -> Source:
    """Its bytes. Close it. Raises BadInput."""
    match exclusion:
        case Path():
            return Source.opened(exclusion)
        case ExclusionFile(name, content):
            return Source.spooled(io.BytesIO(content), name)
        case _:
            return Source.of_rows(exclusion)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadInput(name, Phrase("must be true or false"))
    return value


def _ids(name: str, value: Any) -> tuple[str, ...]:
    """Each once, sorted: the same ids in another order are the same audience."""
    ids = value.split(",") if isinstance(value, str) else list(value)
    if len(ids) > _MOST_IDS:
        raise BadInput(name, Phrase("takes at most {most:,} ids", most=_MOST_IDS))
    for number, id in enumerate(ids):
        if not isinstance(id, str) or not _ID.fullmatch(id.strip()):
            raise BadInput(f"{name}[{number}]", Phrase("is not an id"))
    return tuple(sorted({id.strip() for id in ids}))


def _announcement(value: Any) -> str | None:
    if value is not None and not (isinstance(value, str) and is_announcement(value)):
        raise BadInput("new_since", Phrase("must be the id of an announcement: a_…"))
    return value


def _exclusions(value: Any) -> tuple[Exclusion, ...]:
    if isinstance(value, str | Path):
        return (Path(value),)
    if not isinstance(value, Iterable):
        raise BadInput("exclude", Phrase("must be a file, or a list of addresses"))
    items = list(value)
    files = tuple(item for item in items if isinstance(item, Path | ExclusionFile))
    rows = tuple(_row(item) for item in items if not isinstance(item, Path | ExclusionFile))
    return (*files, rows) if rows else files


def _row(item: Any) -> Any:
    """An address as a row. What is neither is refused where the row is read."""
    return address_fields(item) if isinstance(item, str) else item
