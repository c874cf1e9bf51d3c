"""The preview of an announcement, before it is accepted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, cast

import orjson
from pydantic import Field, with_config
from typing_extensions import TypedDict

from ledger.announcement import Announcement
from ledger.delivery_options import ReceiveType, UserIdType
from ledger.errors import DeskbellError
from ledger.messages.column_names import folded
from ledger.phrases import Phrase
from ledger.times import IsoTime, iso
from producers.announcements.addressing import RowErrorJson
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.check import Checked, Sample, accepted_rows
from producers.announcements.checked_announcement import CheckedAnnouncement
from producers.announcements.recipients import Recipients
from producers.announcements.recipients.reading_options import Sheet
from producers.announcements.timing import MOST_DUE, Timing, timing_of

if TYPE_CHECKING:
    from producers.announcements.audience.audience import Audience

__all__ = ["OpenTicketRows", "Preview", "count_open_tickets", "open_ticket_rows", "summarize"]

_DELIMITERS = {",": Phrase("commas"), ";": Phrase("semicolons"), "\t": Phrase("tabs")}


@dataclass(frozen=True, slots=True)
class OpenTicketRows:
    """How many rows go to somebody with an open ticket; None when that is not known, and `note` says why."""

    rows: int | None
    note: str | None = None


class ColumnJson(TypedDict):
    """A column of the file."""

    name: Annotated[str, Field(description="As the file has it.")]
    used: Annotated[bool, Field(description="By the message, or to say to whom a row goes, and how.")]
    empty: Annotated[int, Field(description="Rows without a value in it.")]


class LeftOutJson(TypedDict):
    """How many are left out, and why: each person once, and `duplicate` for what lists them again."""

    frozen: Annotated[int, Field(description="Whose accounts are frozen.")]
    resigned: Annotated[int, Field(description="Who have resigned.")]
    not_joined: Annotated[int, Field(description="Who have not joined yet.")]
    excluded: Annotated[int, Field(description="Whom the exclusions name.")]
    duplicate: Annotated[int, Field(description="Listed once more.")]


class AudienceJson(TypedDict):
    """Who was found, and who is left out of them and why."""

    found: Annotated[int, Field(description="Accepted rows, and all that is left out.")]
    left_out: Annotated[LeftOutJson, Field(description="How many, by reason.")]
    not_visible: Annotated[list[str], Field(description="Departments, groups and people that the app may not see.")]
    status_known: Annotated[bool, Field(description="False: nobody could be left out for it.")]
    range_known: NotRequired[
        Annotated[bool, Field(description="False: people named one by one in the app's contact range may be missing.")]
    ]


class _OfAudience(TypedDict):
    audience: Annotated[AudienceJson | None, Field(description="Of departments, groups, everyone, exclusions.")]
    people: Annotated[list[dict[str, str]], Field(description="Three people, with what the message says of them.")]


@with_config(title="DryRun")
class DryRun(_OfAudience):
    """What would be sent: the answer to `dry_run`, as `deskbell announce --dry-run --json` prints it."""

    name: Annotated[str, Field(description="As people will know it.")]
    desk: Annotated[str, Field(description="The desk that would send it.")]
    source: Annotated[str, Field(description="How the file was read.")]
    encoding: Annotated[str | None, Field(description="Of a text file.")]
    columns: Annotated[list[ColumnJson], Field(description="The columns of the file.")]
    addressed: Annotated[dict[str, int], Field(description="Accepted rows by what named their receivers.")]
    sheet: Annotated[str | None, Field(description="The sheet of a workbook that was read.")]
    other_sheets: Annotated[list[str] | None, Field(description="The sheets of it that were not read.")]
    hidden_rows: Annotated[int | None, Field(description="Rows of the sheet that Excel does not show.")]
    rows: Annotated[int, Field(description="Rows of the file, and of the audience.")]
    accepted: Annotated[int, Field(description="Rows that would be sent.")]
    invalid: Annotated[int, Field(description="Rows that something is wrong with.")]
    problems: Annotated[list[RowErrorJson], Field(description="The first 1,000.")]
    problem_count: Annotated[int, Field(description="All problems, those included that are not listed.")]
    duplicates: Annotated[int, Field(description="Rows whose receiver stands in an earlier one.")]
    duplicates_dropped: Annotated[bool, Field(description="Whether such rows are left out.")]
    open_tickets: Annotated[
        int | None, Field(description="Rows to somebody with an open ticket; null where that is not known.")
    ]
    open_tickets_note: Annotated[str | None, Field(description="Why it is not known.")]
    calls: Annotated[int, Field(description="At least.")]
    running_beside: Annotated[int, Field(description="Announcements of the desk that are under way.")]
    starts_at: Annotated[IsoTime | None, Field(description="When the first row is sent.")]
    seconds: Annotated[int | None, Field(description="From its start to its end; null where that cannot be foretold.")]
    finishes_at: Annotated[IsoTime | None, Field(description="When the last row is sent.")]
    same_content: Annotated[
        dict[str, Any] | None,
        Field(description="The announcement that sent the same to the same people shortly before."),
    ]
    samples: Annotated[list[dict[str, Any]], Field(description="Messages as their receivers would get them.")]


@dataclass(frozen=True, slots=True)
class Preview:
    """Nothing in its repr tells the message."""

    draft: AnnouncementDraft
    checked: Checked
    source: str  #: how the file was read
    encoding: str | None  #: of a text file
    sheet: Sheet | None  #: of a workbook
    open_tickets: OpenTicketRows | None  #: None when nobody asked
    timing: Timing
    same_content: Announcement | None = field(repr=False)
    audience: "Audience | None" = field(default=None, repr=False)
    typed_lines: tuple[int, int] | None = None  #: of addresses besides the file

    @property
    def calls(self) -> int:
        """At least: a retry, and a reroute that nobody expected, take one more."""
        return self.checked.accepted

    @property
    def starts_at(self) -> datetime | None:
        return _in(self.zone, self.timing.starts_ms)

    @property
    def finishes_at(self) -> datetime | None:
        return _in(self.zone, self.timing.finishes_ms)

    @property
    def zone(self) -> tzinfo | None:
        """Of its sending hours, or else of its start, as whoever wrote them means them; None is this machine's."""
        spec = self.draft.spec
        return spec.hours.zone if spec.hours else spec.at.tzinfo if spec.at else None

    @property
    def sheet_remarks(self) -> list[Phrase]:
        """What somebody who looks at the file, in Excel for instance, may not expect."""
        remarks = self.sheet.remarks(self.draft.reading.hidden) if self.sheet else []
        if self.typed_lines:
            first, last = self.typed_lines
            remarks.append(
                Phrase(
                    "{n:,} typed address is counted from line {first} on | "
                    "{n:,} typed addresses are counted from line {first} on",
                    n=last - first + 1,
                    first=first,
                )
            )
        return remarks

    def as_json(self) -> DryRun:
        checked, same, tickets = self.checked, self.same_content, self.open_tickets
        return {
            "name": self.draft.spec.name,
            "desk": self.draft.spec.desk,
            "source": self.source,
            "encoding": self.encoding,
            "columns": [ColumnJson(name=name, used=used, empty=empty) for name, used, empty in checked.all_columns],
            "addressed": {kind: rows for kind, rows in checked.addressed.items() if rows},
            "sheet": self.sheet.name if self.sheet else None,
            "other_sheets": list(self.sheet.others) if self.sheet else None,
            "hidden_rows": self.sheet.hidden_rows if self.sheet else None,
            "rows": checked.rows,
            "accepted": checked.accepted,
            "invalid": checked.invalid,
            "problems": [error.as_json() for error in checked.problems],
            "problem_count": checked.problem_count,
            "duplicates": checked.duplicate_count,
            "duplicates_dropped": not checked.options.allow_duplicates,
            "open_tickets": tickets.rows if tickets else None,
            "open_tickets_note": tickets.note if tickets else None,
            "calls": self.calls,
            "running_beside": self.timing.others,
            "starts_at": iso(self.timing.starts_ms),
            "seconds": None if self.timing.seconds is None else round(self.timing.seconds),
            "finishes_at": iso(self.timing.finishes_ms),
            "same_content": _brief(same) if same else None,
            **_told_of(self.audience, checked),
            "samples": [_sample_json(sample) for sample in checked.samples],
        }


def _in(zone: tzinfo | None, ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)


def _told_of(audience: "Audience | None", checked: Checked) -> _OfAudience:
    if audience is None:
        return {"audience": None, "people": []}
    told: AudienceJson = {
        "found": audience.counts.listed,
        "left_out": cast(LeftOutJson, audience.left_out_by_reason(checked)),
        "not_visible": list(audience.not_visible),
        "status_known": audience.status_known,
    }
    if not audience.range_known:
        told["range_known"] = False
    return {"audience": told, "people": [dict(person) for person in audience.people]}


def _sample_json(sample: Sample) -> dict[str, Any]:
    return {"line": sample.line, "msg_type": sample.message.msg_type, "content": sample.message.content}


def _brief(announcement: Announcement) -> dict[str, Any]:
    facts: Mapping[str, Any] = announcement.as_json()
    return {name: facts[name] for name in ("id", "name", "state", "created_at")}


def summarize(announcement: CheckedAnnouncement, open_tickets: OpenTicketRows | None = None) -> Preview:
    """Asks the ledger which announcements are running, and whether the same one was sent recently."""
    draft, checked = announcement.draft, announcement.checked
    timing = timing_of(announcement.ledger, draft.spec, checked.accepted, checked.due(MOST_DUE))
    return Preview(
        draft=draft,
        checked=checked,
        source=_source(announcement.recipients),
        encoding=_encoding(announcement.recipients),
        sheet=announcement.recipients.sheet,
        open_tickets=open_tickets,
        timing=timing,
        same_content=announcement.same_content(),
        audience=announcement.audience,
        typed_lines=announcement.recipients.typed_lines,
    )


def open_ticket_rows(announcement: CheckedAnnouncement) -> OpenTicketRows | None:
    """Asks Feishu who has an open ticket, and counts their rows. None where a ticket does not matter."""
    spec = announcement.draft.spec
    if spec.receive_type is ReceiveType.USER and "receive_type" not in map(folded, announcement.recipients.columns):
        return None  # such a message goes past the ticket
    if spec.user_id_type is not UserIdType.OPEN_ID:
        return OpenTicketRows(None, Phrase("Feishu lists tickets by open_id alone"))
    try:
        tickets = announcement.lookup.open_tickets()
    except DeskbellError as error:
        return OpenTicketRows(None, error.args[0])
    note = None if tickets.complete else Phrase("at least: Feishu did not show all tickets")
    return OpenTicketRows(count_open_tickets(announcement, tickets.open_ids), note)


def count_open_tickets(announcement: CheckedAnnouncement, open_ids: Collection[str]) -> int:
    """Rows that would go to the helpdesk's group with somebody of `open_ids`, which is closed to us by their ticket.

    Reads the rows once more.
    """
    if not open_ids:
        return 0
    rows = accepted_rows(announcement.recipients, announcement.checked)
    return sum(_is_barred(orjson.loads(row), announcement.draft, open_ids) for row in rows)


def _is_barred(row: list[Any], draft: AnnouncementDraft, open_ids: Collection[str]) -> bool:
    overrides = row[3] if len(row) > 3 else {}
    by_chat = overrides.get("receive_type", draft.spec.receive_type) == ReceiveType.CHAT
    by_open_id = overrides.get("user_id_type", draft.spec.user_id_type) == UserIdType.OPEN_ID
    return by_chat and by_open_id and row[1] in open_ids


def _encoding(recipients: Recipients) -> str | None:
    """None for the rows of a program, which are no file."""
    return None if recipients.is_of_rows else recipients.encoding


def _source(recipients: Recipients) -> str:
    """How the file was read: that is guessed, so a person must be able to see it."""
    if recipients.told_as:
        return recipients.told_as
    source: str = recipients.format.upper()
    for part in (recipients.encoding, _DELIMITERS.get(recipients.delimiter or "")):
        if part:
            source = Phrase("{before}, {part}", before=source, part=part)
    if recipients.sheet:
        source = Phrase("{before}, sheet {name}", before=source, name=recipients.sheet.name)
    return source
