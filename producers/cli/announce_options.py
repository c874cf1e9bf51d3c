"""The options of `deskbell announce`. One that has the name of an argument of `Notifier.announce` is that argument."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, get_type_hints

import typer

from ledger.delivery_options import OnOpenTicket, OnUnknown, ReceiveType, UserIdType
from producers.announcements.recipients.reading_options import HiddenRows
from producers.cli.options import (
    At,
    DeskName,
    Expires,
    MarkdownPath,
    MarkdownText,
    MessagePath,
    ReceiverIdType,
    Route,
    TemplateName,
)

__all__ = ["AnnounceOptions", "takes"]

RecipientsPath = Annotated[
    str | None,
    typer.Argument(metavar="RECIPIENTS", help="CSV, JSONL or XLSX with a column receiver_id; - reads stdin."),
]
Departments = Annotated[
    list[str] | None,
    typer.Option("--department", metavar="ID", help="Everybody in this department and those below; repeatable."),
]
Groups = Annotated[
    list[str] | None, typer.Option("--group", metavar="ID", help="Everybody in this user group; repeatable.")
]
Everyone = Annotated[bool, typer.Option("--everyone", help="The whole company. Needs the contact range of all staff.")]
Direct = Annotated[bool, typer.Option("--direct", help="Without the departments below those that are named.")]
Exclude = Annotated[
    list[Path] | None,
    typer.Option("--exclude", metavar="FILE", help="Nobody in this file gets it; as RECIPIENTS; repeatable."),
]
Partial = Annotated[
    bool, typer.Option("--partial", help="Leave out what the app cannot see. Without it that is an error.")
]
NewSince = Annotated[
    str | None, typer.Option("--new-since", metavar="a_…", help="Without the receivers of this announcement.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check the file and show what would be sent. Accepts nothing.")]
AsDraft = Annotated[
    bool, typer.Option("--draft", help="Keep it as a draft, to be tested, approved and started. Sends nothing.")
]
TestTo = Annotated[
    str | None,
    typer.Option(
        metavar="WHO",
        help="Send the message of one row to this person instead, marked as a test. Accepts nothing else.",
    ),
]
TestedRow = Annotated[
    str | None,
    typer.Option(
        "--row", metavar="N", help="With --test-to: a row of the file, from 1; or first, longest, emptiest. [first]"
    ),
]
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
Notify = Annotated[
    str | None,
    typer.Option(metavar="WHO", help="Send this person the result when it ends, and why whenever it pauses by itself."),
]
Between = Annotated[
    str | None, typer.Option(metavar="09:00-18:00", help="Send only during these hours. Needs --timezone.")
]
ZoneOfHours = Annotated[
    str | None, typer.Option(metavar="TZ", help="Time zone of --between, --at, --expires and send_at: Asia/Shanghai.")
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
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Print {id, total, duplicate}; a test {id}, --draft {id, state, url}, --dry-run the summary."
    ),
]


class AnnounceOptions:
    """In the order of `--help`."""

    recipients: RecipientsPath = None
    departments: Departments = None
    groups: Groups = None
    everyone: Everyone = False
    direct: Direct = False
    exclude: Exclude = None
    partial: Partial = False
    new_since: NewSince = None
    text: Annotated[str | None, typer.Option(metavar="T", help="Send this text; {{ name }} is a column.")] = None
    message: MessagePath = None
    markdown: MarkdownPath = None
    markdown_text: MarkdownText = None
    template: TemplateName = None
    name: Annotated[
        str | None, typer.Option(metavar="N", help="Its name. Default: that of the file, or of who gets it.")
    ] = None
    dry_run: DryRun = False
    draft: AsDraft = False
    test_to: TestTo = None
    row: TestedRow = None
    yes: Yes = False
    watch: Annotated[bool, typer.Option("--watch", help="Follow it until it is finished.")] = False
    skip_invalid: SkipInvalid = False
    allow_duplicates: AllowDuplicates = False
    hidden: Hidden = None
    weight: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="Its share relative to the others.")] = 1
    first: First = None
    stop_at: StopAt = None
    notify: Notify = None
    between: Between = None
    timezone: ZoneOfHours = None
    receive_type: Route = ReceiveType.CHAT
    user_id_type: ReceiverIdType = UserIdType.OPEN_ID
    desk: DeskName = None
    key: Key = None
    at: At = None
    expires: Expires = None
    on_unknown: Annotated[OnUnknown, typer.Option(help="What to do with rows that were maybe sent.")] = OnUnknown.HOLD
    on_open_ticket: TicketPolicy = OnOpenTicket.REROUTE
    callback_url: CallbackUrl = None
    encoding: FileEncoding = None
    address_column: AddressColumn = None
    as_json: AsJson = False


def takes(options: type) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Has Typer find the options of a command, which gets them as keywords, in a class."""

    def decorated(command: Callable[..., int]) -> Callable[..., int]:
        kinds = get_type_hints(options, include_extras=True)
        command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=getattr(options, name))
                for name, kind in kinds.items()
            ],
            return_annotation=int,
        )
        return command

    return decorated
