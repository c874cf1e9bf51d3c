"""`deskbell announce`: one message to all receivers of a file."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from ledger.delivery_options import OnOpenTicket, OnUnknown, ReceiveType, UserIdType
from ledger.errors import BadInput
from ledger.ledger import Ledger
from ledger.messages.message_file import read_message_template
from ledger.phrases import Phrase
from ledger.record import Announced
from ledger.times import MACHINE
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.check import Checked
from producers.announcements.checked_announcement import CheckedAnnouncement, checked_announcement
from producers.announcements.invalid_rows import write_invalid
from producers.announcements.preview import OpenTicketRows, Preview, open_ticket_rows, summarize
from producers.announcements.recipients import Recipients
from producers.announcements.recipients.reading_options import HiddenRows
from producers.cli.access import open_ledger
from producers.cli.options import At, DeskName, Expires, MessagePath, ReceiverIdType, Route, tell_times
from producers.cli.output import ExitCode, answer, answer_json, note
from producers.cli.reading import RecipientsFile
from producers.cli.summary_text import lines_of, remarks_of, show_samples, tell_problems
from producers.cli.tables import progress
from producers.cli.watch_announcement import follow
from producers.client.arguments import AnnouncementArguments
from producers.machine_user import machine_user

__all__ = ["register"]

_HELP = """Send a message to all receivers of a file.

Every row is checked first: either all are valid or nothing is accepted. On a terminal it then shows what will happen
and asks for confirmation. It prints the id of the announcement once all rows are accepted durably; workers deliver it.
If it is killed, run it again: it continues where it stopped, and nobody gets the message twice.
"""
_EXAMPLES = """\b
Examples:
  deskbell announce people.csv --message office-move.yaml --dry-run
  deskbell announce people.xlsx --text "Dear {{ name }}, we move on Friday" --watch
  deskbell announce - --message m.json --yes --json < people.jsonl
  deskbell announce people.csv --message m.yaml --first 50 --stop-at 5% --watch
  deskbell announce people.csv --message m.yaml --between 09:00-18:00 --timezone Asia/Shanghai"""


RecipientsPath = Annotated[
    str, typer.Argument(metavar="RECIPIENTS", help="CSV, JSONL or XLSX with a column receiver_id; - reads stdin.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check the file and show what would be sent. Accepts nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Skip the confirmation. It is only asked on a terminal anyway.")]
SkipInvalid = Annotated[
    bool, typer.Option("--skip-invalid", help="Send the valid rows, and write the others to NAME.invalid.csv.")
]
AllowDuplicates = Annotated[
    bool, typer.Option("--allow-duplicates", help="Send one message per row, even to the same receiver.")
]
Hidden = Annotated[
    HiddenRows | None,
    typer.Option(help="Rows that a filter or somebody has hidden in the workbook: leave them out, or send them too."),
]
First = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Pause after the first N rows, until it is resumed.")
]
StopAt = Annotated[
    str | None,
    typer.Option(metavar="P%", help="Pause when more than this share of its rows failed, once 20 of them have ended."),
]
Between = Annotated[
    str | None, typer.Option(metavar="09:00-18:00", help="Send only during these hours. Needs --timezone.")
]
ZoneOfHours = Annotated[
    str | None, typer.Option(metavar="TZ", help="Time zone of --between, --at and --expires: Asia/Shanghai.")
]
Key = Annotated[
    str | None, typer.Option(metavar="K", help="Idempotency key: accepted only once. Default: a hash of the content.")
]
TicketPolicy = Annotated[OnOpenTicket, typer.Option(help="What to do when a receiver has an open ticket.")]
CallbackUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="Post the result to this URL once it is finished or cancelled.")
]
FileEncoding = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Encoding of a CSV or JSONL file, such as cp949, if it is neither UTF-8 nor GB18030."
    ),
]
AddressColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The column that says to whom: ids, e-mail addresses or mobile numbers."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print {id, total, duplicate}; with --dry-run the summary.")]


def register(app: typer.Typer) -> None:
    app.command("announce", help=_HELP, epilog=_EXAMPLES)(announce)


def announce(
    recipients: RecipientsPath,
    text: Annotated[str | None, typer.Option(metavar="T", help="Send this text; {{ name }} is a column.")] = None,
    message: MessagePath = None,
    name: Annotated[str | None, typer.Option(metavar="N", help="Its name. Default: the file's name.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    watch: Annotated[bool, typer.Option("--watch", help="Follow it until it is finished.")] = False,
    skip_invalid: SkipInvalid = False,
    allow_duplicates: AllowDuplicates = False,
    hidden: Hidden = None,
    weight: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="Its share relative to the others.")] = 1,
    first: First = None,
    stop_at: StopAt = None,
    between: Between = None,
    timezone: ZoneOfHours = None,
    receive_type: Route = ReceiveType.CHAT,
    user_id_type: ReceiverIdType = UserIdType.OPEN_ID,
    desk: DeskName = None,
    key: Key = None,
    at: At = None,
    expires: Expires = None,
    on_unknown: Annotated[OnUnknown, typer.Option(help="What to do with rows that were maybe sent.")] = OnUnknown.HOLD,
    on_open_ticket: TicketPolicy = OnOpenTicket.REROUTE,
    callback_url: CallbackUrl = None,
    encoding: FileEncoding = None,
    address_column: AddressColumn = None,
    as_json: AsJson = False,
) -> int:
    return _announce(_draft(locals()), RecipientsFile(recipients), _How(dry_run, _asks(yes or dry_run), watch, as_json))


class _How(NamedTuple):
    dry_run: bool
    asks: bool
    watch: bool
    as_json: bool


def _draft(options: Mapping[str, Any]) -> AnnouncementDraft:
    """An option that has the name of an argument of `Notifier.announce` is that argument."""
    arguments = {name: value for name, value in options.items() if name in AnnouncementArguments.__annotations__}
    message, name = options["message"], options["name"]
    if (options["text"] is None) == (message is None):
        raise BadInput("message", "give either --text or --message")
    arguments["message"] = read_message_template(message) if message else None
    named = {**arguments, "name": _name(options["recipients"]) if name is None else name}
    draft = AnnouncementDraft.build(named, zone=MACHINE)
    tell_times(options, {"at": draft.spec.at, "expires": draft.spec.expires_at})
    return draft


def _asks(told_not_to: bool) -> bool:
    """Whether somebody is asked before it is sent: where there is a terminal."""
    if told_not_to or not sys.stderr.isatty():
        return False
    if not sys.stdin.isatty():
        raise BadInput("yes", "stdin is not a terminal, so nobody can be asked: add --yes, or --dry-run to look first")
    return True


def _announce(draft: AnnouncementDraft, file: RecipientsFile, how: _How) -> ExitCode:
    with open_ledger() as ledger, ExitStack() as stack:
        with file.told("checking"):
            announcement = stack.enter_context(checked_announcement(ledger, draft, file.open))
        tell_problems(announcement.checked)
        if not announcement.is_acceptable and not how.dry_run:
            return _refuse(announcement.checked)
        tickets = _open_tickets(announcement) if how.dry_run or how.asks else None
        summary = summarize(announcement, tickets)
        if how.dry_run:
            _answer_summary(summary, how.as_json)
            return ExitCode.DONE if announcement.is_acceptable else ExitCode.BAD_INPUT
        return _accept(announcement, summary, file, how)


def _accept(announcement: CheckedAnnouncement, summary: Preview, file: RecipientsFile, how: _How) -> ExitCode:
    _tell(summary)
    checked, ledger = announcement.checked, announcement.ledger
    if how.asks and not typer.confirm(
        Phrase("Send it to {n:,} receiver? | Send it to {n:,} receivers?", n=checked.accepted), err=True
    ):
        note("nothing was announced")
        return ExitCode.OTHER
    if checked.invalid:
        _set_invalid_aside(file.path, announcement.recipients, checked)
    with file.told("loading"):
        accepted = announcement.accept(machine_user())
    _answer(ledger, accepted, how.as_json)
    return follow(ledger, accepted.id, how.as_json) if how.watch else ExitCode.DONE


def _name(recipients: str) -> str:
    return "stdin" if recipients == "-" else Path(recipients).stem[:200]


def _refuse(checked: Checked) -> ExitCode:
    note(
        f"recipients: {checked.invalid:,} invalid of {Phrase('{n:,} row | {n:,} rows', n=checked.rows)},"
        " so nothing was accepted (--skip-invalid sends the valid ones)"
    )
    return ExitCode.BAD_INPUT


def _open_tickets(announcement: CheckedAnnouncement) -> OpenTicketRows | None:
    with progress("asking Feishu for open tickets"):
        return open_ticket_rows(announcement)


def _answer_summary(summary: Preview, as_json: bool) -> None:
    if as_json:
        answer_json(summary.as_json())
        return
    for line in lines_of(summary):
        answer(line)
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


def _set_invalid_aside(path: str, recipients: Recipients, checked: Checked) -> None:
    # Beside stdin, or a pipe such as /dev/fd/63, there is no place: then it is the current folder.
    aside = (Path(path) if Path(path).is_file() else Path("stdin")).with_suffix(".invalid.csv")
    try:
        count = write_invalid(aside, recipients, checked)
    except OSError as error:
        raise BadInput(str(aside), f"cannot be written: {error.strerror or error}") from None
    note(f"{Phrase('{n:,} invalid row | {n:,} invalid rows', n=count)} left out: see {aside}")


def _answer(ledger: Ledger, accepted: Announced, as_json: bool) -> None:
    if as_json:
        answer_json(accepted.as_json())
        return
    answer(accepted.id)
    if accepted.duplicate:
        state = ledger.announcements.get(accepted.id).state
        note(f"{accepted.id} was already announced and is {state} (use another --key to announce it again)")
