"""An audience: walked through, less the exclusions, together with the file; and what a dry run says of it.

The digest that makes a repeated call the same announcement is of what was asked for (departments, groups, options, the
bytes of files), not of the people who were found. A call that is repeated after a kill may find somebody who joined
meanwhile: it would be another announcement, and everybody else would get a second message. As it is, the first one
counts if it was accepted, and is loaded anew if it was not. So the same request is accepted once for as long as its key
is remembered, as with a file; `new_since`, or another key, is the way to ask again.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import orjson

from feishu.codes import Kind
from feishu.directory import ROOT
from feishu.member import SCOPES
from feishu.verdict import AskFailed
from ledger.announcement import RECEIVER_ID
from ledger.connection import reachable
from ledger.errors import BadInput, DeskbellError
from ledger.ledger import Ledger
from ledger.messages.column_names import folded, no_column
from ledger.messages.template import LacksVariable, Template
from ledger.phrases import Phrase
from producers.announcements.addressing import variables_of
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.audience.definition import Definition
from producers.announcements.audience.files import FilesRead, Reader, exclude_earlier, read_files
from producers.announcements.audience.people_rows import PeopleRows, not_told
from producers.announcements.audience.roster import Roster, Walked
from producers.announcements.audience.selection import Counts, LeftOut, Selection
from producers.announcements.audience.walk import Walk
from producers.announcements.audience.walked_names import WalkedNames, WalkedPerson
from producers.announcements.check import Checked
from producers.announcements.lookup import Lookup
from producers.announcements.recipients import Recipients

__all__ = ["WALKS", "Audience", "gathered"]

#: Below the data directory: walks that are under way, or were killed.
WALKS = "walks"
#: Of what stands in their files: one of another version is not continued.
_VERSION = 2
#: People who are shown with their fields; those left out who are named, for each reason; ids that an error names.
_SHOWN, _LEFT_OUT, _NAMED = 3, 5, 10


@dataclass(frozen=True, slots=True)
class Audience:
    """What was found. `rows` are those to send."""

    rows: PeopleRows
    counts: Counts
    not_visible: tuple[str, ...]
    status_known: bool
    range_known: bool  #: False: people who are named one by one in the app's range may be missing
    people: tuple[Mapping[str, str], ...]  #: the first three, with what the message says of them
    left_out: tuple[LeftOut, ...]  #: the first of each reason
    not_told: tuple[str, ...]  #: fields that the message may use, and Feishu tells of nobody
    nobody: tuple[str, ...]  #: the first exclusions that lead to nobody whom the app may see
    nobody_count: int
    is_partial: bool  #: what is not visible is left out

    @property
    def is_refused(self) -> bool:
        """Whether there is something that the app may not see, and nobody said to leave it out."""
        return bool(self.not_visible and not self.is_partial)

    @property
    def invisible(self) -> str:
        """The first ids that are not visible, for people: they do not know the root department by its id."""
        if self.not_visible == (ROOT,):
            return Phrase("the whole company")
        return ", ".join(self.not_visible[:_NAMED]) + (", …" if len(self.not_visible) > _NAMED else "")

    def left_out_by_reason(self, checked: Checked) -> dict[str, int]:
        """With the rows that were accepted, and the invalid ones, they sum to those that are listed."""
        sent_again = checked.duplicate_count if checked.options.allow_duplicates else 0
        counts = self.counts.left_out
        return {**counts, "duplicate": counts["duplicate"] - sent_again}

    def refuse_invisible(self) -> None:
        """Raises BadInput when it is refused."""
        if self.is_refused:
            problem = Phrase(
                "the app cannot see {ids}: widen its contact range, or leave them out with partial", ids=self.invisible
            )
            raise BadInput("audience", problem)


@contextmanager
def gathered(
    ledger: Ledger,
    draft: AnnouncementDraft,
    lookup: Lookup,
    file: Recipients | None,
    read: Reader,
    tell: Walked = lambda *_: None,
) -> Iterator[Audience]:
    """Walks through the contacts, reads the file and the exclusions.

    Raises BadInput; NotFound for `new_since`; AskFailed: then, as after a kill, the same call goes on with the walk.
    """
    definition = draft.audience
    with ExitStack() as stack:
        used = _used(draft, file)
        names = [name for name in SCOPES if name in used or name == "name"]
        roster = stack.enter_context(_roster(ledger, draft, names))
        selection = Selection(roster)
        with roster.one_step():
            files = read_files(file, draft.options, definition, selection, lookup, read, draft.reading)
            if definition.new_since:
                exclude_earlier(ledger, draft.spec.desk, definition.new_since, selection, lookup)
        if definition.is_walked:
            with reachable(ledger.settings):
                _walk(definition, Walk(lookup.directory, roster, names, tell))
        rows = PeopleRows(file, selection, names=names, used=used, given=roster.given(), sha256=files.sha256)
        if definition.is_walked:
            _keep_names(ledger, draft.spec.desk, rows, selection)
        yield _found(rows, selection, roster, files, definition, used)


def _keep_names(ledger: Ledger, desk: str, rows: PeopleRows, selection: Selection) -> None:
    """So that the console finds these people by name."""
    people = (WalkedPerson(each.person, rows.name_of(each), each.department) for each in selection.going())
    WalkedNames(ledger, desk).keep(people)


def _walk(definition: Definition, walk: Walk) -> None:
    walk.run(
        definition.departments,
        definition.groups,
        everyone=definition.everyone,
        direct=definition.direct,
        partial=definition.partial,
    )


def _used(draft: AnnouncementDraft, file: Recipients | None) -> list[str]:
    """The fields of people that the message uses. Raises BadInput for a name that nothing has, before anybody walks."""
    people = [*SCOPES] if draft.audience.is_walked else []
    own = [name for _, name in variables_of(file.columns)] if file else []
    columns = [*own, *(name for name in people if name not in map(folded, own))]
    template = Template.of(draft.spec.message, columns=[*columns, RECEIVER_ID])
    unknown: BadInput | None = None
    # A stand-in may not fit where a real value does: the check of the rows judges that.
    with suppress(BadInput):
        try:
            template.check(dict.fromkeys([*columns, RECEIVER_ID], "x"))
        except LacksVariable as error:
            unknown = BadInput(error.field, no_column(error.name, columns))
    if unknown:
        raise unknown
    wanted = {folded(name) for name in template.variables}
    return [name for name in people if name in wanted]


@contextmanager
def _roster(ledger: Ledger, draft: AnnouncementDraft, names: Sequence[str]) -> Iterator[Roster]:
    """Kept when the walk was cut short, so that the same call goes on with it."""
    roster = Roster.open(_path(ledger, draft, names) if draft.audience.is_walked else None)
    keep = True
    try:
        yield roster
        keep = False
    except DeskbellError as error:
        # What an administrator must change first may change what Feishu tells of people who were found already.
        keep = isinstance(error, AskFailed) and error.verdict.kind not in (Kind.DESK, Kind.REFUSED)
        raise
    finally:
        roster.close(keep=keep)


def _path(ledger: Ledger, draft: AnnouncementDraft, names: Sequence[str]) -> Path:
    """Where a walk through the same, for the same app, stands."""
    asked = {**draft.audience.as_json(), "new_since": None, "names": names}
    desk = ledger.settings.desk(draft.spec.desk)
    content = orjson.dumps([_VERSION, desk.fingerprint, asked], option=orjson.OPT_SORT_KEYS)
    return ledger.settings.data_dir / WALKS / f"{hashlib.sha256(content).hexdigest()[:32]}.sqlite3"


def _found(
    rows: PeopleRows,
    selection: Selection,
    roster: Roster,
    files: FilesRead,
    definition: Definition,
    used: Collection[str],
) -> Audience:
    given = roster.given()
    return Audience(
        rows=rows,
        counts=selection.counts(),
        not_visible=roster.unseen(),
        status_known=definition.is_walked and selection.knows_every_standing(),
        range_known=not roster.lacks_range_people(),
        people=tuple(map(rows.fields_of, islice(selection.going(), _SHOWN))),
        left_out=tuple(_with_name(each, rows, selection) for each in selection.left_out(_LEFT_OUT)),
        not_told=tuple(name for name in used if given and not_told(name, given)),
        nobody=files.nobody,
        nobody_count=files.nobody_count,
        is_partial=definition.partial,
    )


def _with_name(left_out: LeftOut, rows: PeopleRows, selection: Selection) -> LeftOut:
    known = selection.known(left_out.person)
    return left_out._replace(name=rows.name_of(known)) if known else left_out
