"""The files of an audience: its recipients, and those who are excluded, noted by their open_ids."""

import hashlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import orjson

from feishu.contact import CONTACTS_PER_CALL
from ledger.delivery_options import UserIdType
from ledger.errors import BadInput
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from producers.announcements.addressing import Addressing, Options
from producers.announcements.audience.definition import Definition, exclusion_source
from producers.announcements.audience.named import Nobody, named_people, open_ids
from producers.announcements.audience.selection import Selection
from producers.announcements.lookup import Lookup
from producers.announcements.recipients import ReadingOptions, Recipients
from producers.announcements.recipients.header import address_kinds
from producers.announcements.recipients.source import Source

__all__ = [
    "FilesRead",
    "Reader",
    "digest_of_files",
    "exclude_earlier",
    "exclusions_as_rows",
    "options_of_exclusions",
    "read_files",
]

#: Exclusions that are listed.
_TOLD = 20

#: Opens the bytes of a file as rows, and closes them with itself.
Reader = Callable[[Source, ReadingOptions], Recipients]


class FilesRead(NamedTuple):
    """`sha256` is of the bytes of all files."""

    sha256: str
    nobody: tuple[str, ...]  #: the first exclusions that lead to nobody
    nobody_count: int


class _Files:
    def __init__(self, selection: Selection, lookup: Lookup) -> None:
        self._selection, self._lookup = selection, lookup
        self._nobody: list[str] = []
        self._nobody_count = 0

    def note_recipients(self, file: Recipients, options: Options) -> str:
        for row, found in named_people(file, Addressing(file.columns, options), self._lookup):
            self._selection.name(row.line, found)
        return file.sha256

    def exclude(self, recipients: Recipients) -> str:
        """Raises BadInput for an invalid address. One that leads to nobody is only reported: that person has left, or
        cannot be found in the contacts either."""
        addressing = Addressing(recipients.columns, Options())
        for _, found in named_people(recipients, addressing, self._lookup):
            if isinstance(found, str):
                self._selection.exclude([found])
                continue
            problem = Phrase("{file}, {problem}", file=recipients.name, problem=found.told)
            if not isinstance(found, Nobody):
                raise BadInput("exclude", problem)
            self._note_nobody(problem)
        return recipients.sha256

    def _note_nobody(self, problem: str) -> None:
        self._nobody_count += 1
        if len(self._nobody) < _TOLD:
            self._nobody.append(problem)

    def result(self, file: str, excluded: list[str]) -> FilesRead:
        return FilesRead(digest_of_files(file, excluded), tuple(self._nobody), self._nobody_count)


def digest_of_files(file: str, excluded: list[str]) -> str:
    """Of the hashes of all their bytes."""
    return hashlib.sha256(orjson.dumps([file, sorted(excluded)])).hexdigest()


def options_of_exclusions(reading: ReadingOptions) -> ReadingOptions:
    """What was said of the other file's columns and encoding is not said of these."""
    return ReadingOptions(hidden=reading.hidden)


def read_files(
    file: Recipients | None,
    options: Options,
    definition: Definition,
    selection: Selection,
    lookup: Lookup,
    read: Reader,
    reading: ReadingOptions,
) -> FilesRead:
    """Raises BadInput, AskFailed."""
    files = _Files(selection, lookup)
    named = files.note_recipients(file, options) if file else ""
    excluded = []
    for exclusion in definition.exclude:
        with read(exclusion_source(exclusion), options_of_exclusions(reading)) as recipients:
            excluded.append(files.exclude(recipients))
    return files.result(named, excluded)


def exclusions_as_rows(definition: Definition) -> Source:
    """All of them as one list of addresses, to be sent to a server. Close it. Raises BadInput."""

    def addresses() -> Iterator[dict[str, str]]:
        for exclusion in definition.exclude:
            with Recipients.of(exclusion_source(exclusion)) as recipients:
                kinds = address_kinds(recipients.columns)
                for row in recipients.rows():
                    yield {recipients.columns[at]: cell for at in kinds if row.values and (cell := row.values[at])}

    return Source.of_rows(addresses())


def exclude_earlier(ledger: Ledger, desk: str, id: str, selection: Selection, lookup: Lookup) -> None:
    """The receivers of an earlier announcement. Raises NotFound, and BadInput for one of another app."""
    earlier = ledger.announcements.get(id).spec
    if earlier.desk != desk:
        problem = Phrase("{id} belongs to another desk: {desk}", id=id, desk=earlier.desk)
        raise BadInput("new_since", problem)
    ids = _receivers(ledger, id, earlier.user_id_type)
    while some := list(islice(ids, CONTACTS_PER_CALL)):
        selection.exclude(open_ids(some, lookup).values())


def _receivers(ledger: Ledger, id: str, id_type: UserIdType) -> Iterator[tuple[UserIdType, str]]:
    for found in ledger.announcements.rows(id):
        yield UserIdType(found.row.overrides.get("user_id_type", id_type)), found.row.receiver_id
