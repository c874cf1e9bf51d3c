"""`deskbell announce`: one message to all receivers of a file."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import typer

from ledger.errors import BadInput
from ledger.ledger import Ledger
from ledger.messages.message_file import read_message_template
from ledger.phrases import Phrase, system_problem
from ledger.record import Announced
from ledger.saved_template import SavedTemplate
from ledger.saved_templates import SavedTemplates
from ledger.times import MACHINE
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.check import Checked
from producers.announcements.checked_announcement import CheckedAnnouncement, checked_announcement
from producers.announcements.drafts import Drafts
from producers.announcements.invalid_rows import write_invalid
from producers.announcements.preview import OpenTicketRows, Preview, open_ticket_rows, summarize
from producers.announcements.recipients import Recipients
from producers.announcements.repeat import AlreadyAnnounced
from producers.announcements.testing import RowChoice, chosen_row, events_of_file
from producers.cli.access import open_ledger
from producers.cli.announce_options import AnnounceOptions, takes
from producers.cli.columns import wrapped
from producers.cli.drafts import answer_draft
from producers.cli.language import translated, word
from producers.cli.options import body_of, tell_times
from producers.cli.output import COLUMNS, ExitCode, answer, answer_id, answer_json, confirmed, note
from producers.cli.reading import RecipientsFile
from producers.cli.summary_text import lines_of, remarks_of, show_samples, tell_problems
from producers.cli.tables import progress
from producers.cli.watch_announcement import follow
from producers.client.arguments import AnnouncementArguments
from producers.machine_user import machine_person, machine_user

__all__ = ["register"]

_HELP = """Send a message to all receivers of a file, to departments, user groups, or everyone.

Every row is checked first: either all are valid or nothing is accepted. On a terminal it then shows what will happen
and asks for confirmation. It prints the id of the announcement once all rows are accepted durably; workers deliver it.
If it is killed, run it again: it continues where it stopped, and nobody gets the message twice.
"""
_EXAMPLES = """\b
Examples:
  deskbell announce people.csv --message office-move.yaml --dry-run
  deskbell announce team.xlsx --text "Dear {{ name }}, we move Friday" --watch
  deskbell announce p.xlsx --message m.yaml --test-to ann@corp.example --row 2
  deskbell announce people.xlsx --markdown move.md --draft
  deskbell announce - --message m.json --yes --json < people.jsonl
  deskbell announce people.csv --template office-move@3
  deskbell announce people.csv --message m.yaml --first 50 --stop-at 5%
  deskbell announce people.csv --message m.yaml --at "2026-12-01 09:00"
  deskbell announce --department od-4e6a --text "Dear {{ name }}" --dry-run
  deskbell announce --everyone --text "Welcome" --new-since a_01kb3v8tj9qz"""


def register(app: typer.Typer) -> None:
    app.command("announce", help=_HELP, epilog=_EXAMPLES)(announce)


@takes(AnnounceOptions)
def announce(**options: Any) -> int:
    draft, is_dry, test = _draft(options), options["dry_run"], _test(options)
    is_draft = _is_draft(options)
    asks = _asks(options["yes"] or is_dry or test or is_draft)
    how = _How(is_dry, asks, options["watch"], options["as_json"], test, is_draft)
    return _announce(draft, RecipientsFile(options["recipients"]), how)


def _find_template(desk: str, written: object) -> SavedTemplate:
    with open_ledger() as ledger:
        return SavedTemplates(ledger).find(desk, written)


class _Test(NamedTuple):
    to: str
    row: RowChoice | int


class _How(NamedTuple):
    dry_run: bool
    asks: bool
    watch: bool
    as_json: bool
    test: _Test | None
    draft: bool


def _is_draft(options: Mapping[str, Any]) -> bool:
    if options["draft"] and (other := next((name for name in ("dry_run", "test_to", "watch") if options[name]), None)):
        raise BadInput(
            "draft", Phrase("makes a draft and sends nothing: leave out --{option}", option=other.replace("_", "-"))
        )
    return bool(options["draft"])


def _test(options: Mapping[str, Any]) -> _Test | None:
    if options["test_to"] is None:
        if options["row"] is not None:
            raise BadInput("row", Phrase("says which row a test shows: add --test-to WHO"))
        return None
    if other := next((name for name in ("dry_run", "watch") if options[name]), None):
        raise BadInput(
            "test-to",
            Phrase("sends one message and nothing else: leave out --{option}", option=other.replace("_", "-")),
        )
    return _Test(options["test_to"], chosen_row(options["row"]))


def _draft(options: Mapping[str, Any]) -> AnnouncementDraft:
    arguments = {name: value for name, value in options.items() if name in AnnouncementArguments.__annotations__}
    name = options["name"]
    arguments |= body_of(options, read_message_template)
    named = {**arguments, "name": _name(options) if name is None else name}
    draft = AnnouncementDraft.build(named, zone=MACHINE, find=_find_template)
    tell_times(options, {"at": draft.spec.at, "expires": draft.spec.expires_at})
    return draft


def _asks(told_not_to: object) -> bool:
    """Whether somebody is asked before it is sent: where there is a terminal."""
    if told_not_to or not sys.stderr.isatty():
        return False
    if not sys.stdin.isatty():
        raise BadInput(
            "yes", Phrase("stdin is not a terminal, so nobody can be asked: add --yes, or --dry-run to look first")
        )
    return True


def _announce(draft: AnnouncementDraft, file: RecipientsFile, how: _How) -> ExitCode:
    with open_ledger() as ledger, ExitStack() as stack:
        opened, by = file.open if file.path else None, None if how.dry_run or how.test else machine_user()
        checking = checked_announcement(ledger, draft, opened, tell=file.walked, repeat_by=by)
        try:
            with file.told(Phrase("checking {file}", file=file.name)):
                announcement = stack.enter_context(checking)
        except AlreadyAnnounced as repeat:
            return _conclude(ledger, repeat.announced, how)
        tell_problems(announcement.checked)
        if not announcement.is_acceptable and not how.dry_run:
            return _refuse(announcement)
        if how.test:
            accepted = ledger.accept(events_of_file(announcement, *how.test))[-1]
            answer_id(accepted.id, how.as_json)
            return ExitCode.DONE
        if how.draft:
            return _keep(announcement, file, how)
        if not how.dry_run:
            announcement.refuse_unapproved()
        tickets = _open_tickets(announcement) if how.dry_run or how.asks else None
        summary = summarize(announcement, tickets)
        if how.dry_run:
            _answer_summary(summary, how.as_json)
            return ExitCode.DONE if announcement.is_acceptable else ExitCode.BAD_INPUT
        return _accept(announcement, summary, file, how)


def _accept(announcement: CheckedAnnouncement, summary: Preview, file: RecipientsFile, how: _How) -> ExitCode:
    _tell(summary)
    checked, ledger = announcement.checked, announcement.ledger
    if how.asks and not confirmed(
        Phrase("Send it to {n:,} receiver? | Send it to {n:,} receivers?", n=checked.accepted)
    ):
        note(Phrase("nothing was announced"))
        return ExitCode.OTHER
    if checked.invalid:
        _set_invalid_aside(file.path, announcement.recipients, checked)
    with file.told(Phrase("loading {file}", file=file.name)):
        accepted = announcement.accept(machine_user())
    return _conclude(ledger, accepted, how)


def _conclude(ledger: Ledger, accepted: Announced, how: _How) -> ExitCode:
    _answer(ledger, accepted, how.as_json)
    return follow(ledger, accepted.id, how.as_json) if how.watch else ExitCode.DONE


def _keep(announcement: CheckedAnnouncement, file: RecipientsFile, how: _How) -> ExitCode:
    if announcement.checked.invalid:
        _set_invalid_aside(file.path, announcement.recipients, announcement.checked)
    drafts = Drafts(announcement.ledger)
    with file.told(Phrase("loading {file}", file=file.name)):
        draft = drafts.keep(announcement, machine_person())
    answer_draft(drafts, draft, how.as_json)
    return ExitCode.DONE


def _name(options: Mapping[str, Any]) -> str:
    """Of the file; else of the audience."""
    recipients = options["recipients"]
    if recipients is None:
        ids = ", ".join((*(options["departments"] or ()), *(options["groups"] or ())))
        return "everyone" if options["everyone"] else ids[:200] or "nobody"
    return "stdin" if recipients == "-" else Path(recipients).stem[:200]


def _refuse(announcement: CheckedAnnouncement) -> ExitCode:
    checked = announcement.checked
    if not checked.invalid:
        announcement.refuse_unacceptable()
    note(
        Phrase(
            "recipients: {invalid:,} invalid of {n:,} row, so nothing was accepted (--skip-invalid sends the valid"
            " ones) | recipients: {invalid:,} invalid of {n:,} rows, so nothing was accepted (--skip-invalid sends the"
            " valid ones)",
            invalid=checked.invalid,
            n=checked.rows,
        )
    )
    return ExitCode.BAD_INPUT


def _open_tickets(announcement: CheckedAnnouncement) -> OpenTicketRows | None:
    with progress(Phrase("asking Feishu for open tickets")):
        return open_ticket_rows(announcement)


def _answer_summary(summary: Preview, as_json: bool) -> None:
    if as_json:
        answer_json(summary.as_json())
        return
    for line in lines_of(summary):
        for part in wrapped(translated(line), COLUMNS, "  ") if summary.audience else [line]:
            answer(part)
    show_samples(summary.checked)


def _tell(summary: Preview) -> None:
    """All of it with samples to a person; to a log only what is worth a remark, and no message."""
    if not sys.stderr.isatty():
        for line in remarks_of(summary):
            note(line)
        return
    for line in lines_of(summary):
        note(line)
    show_samples(summary.checked)


def _set_invalid_aside(path: str | None, recipients: Recipients, checked: Checked) -> None:
    # Beside stdin, or a pipe such as /dev/fd/63, there is no place: then it is the current folder.
    beside = Path(path or "audience")
    aside = (beside if path is None or beside.is_file() else Path("stdin")).with_suffix(".invalid.csv")
    try:
        count = write_invalid(aside, recipients, checked)
    except OSError as error:
        raise BadInput(str(aside), Phrase("cannot be written: {problem}", problem=system_problem(error))) from None
    note(
        Phrase(
            "{n:,} invalid row left out: see {file} | {n:,} invalid rows left out: see {file}", n=count, file=str(aside)
        )
    )


def _answer(ledger: Ledger, accepted: Announced, as_json: bool) -> None:
    if as_json:
        answer_json(accepted.as_json())
        return
    answer(accepted.id)
    if accepted.duplicate:
        state = ledger.announcements.get(accepted.id).state
        note(
            Phrase(
                "{id} was already announced and is {state} (use another --key to announce it again)",
                id=accepted.id,
                state=word(state),
            )
        )
