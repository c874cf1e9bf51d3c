"""`deskbell send`: events, each one message to one receiver."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from ledger.addresses import address_fields, distinct_addresses
from ledger.delivery_options import OnOpenTicket, OnUnknown, ReceiveType, UserIdType
from ledger.errors import BadInput
from ledger.ledger import Ledger
from ledger.messages.message_file import read_message_file
from ledger.phrases import Phrase
from ledger.record import Accepted, Record
from ledger.states import State
from ledger.times import MACHINE, given_time, zone_of
from producers.cli.access import open_ledger
from producers.cli.follow import changes
from producers.cli.language import in_sequence
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
    TimeZone,
    body_of,
    tell_times,
)
from producers.cli.output import ExitCode, answer, answer_json, note
from producers.cli.tables import progress
from producers.cli.waiting import Reasons, WaitingLine
from producers.client.arguments import EventArguments
from producers.client.ledger_backend import LedgerBackend

__all__ = ["register"]

#: What `--wait` alone means.
WAIT_SECONDS = 60.0
_EXAMPLES = """\b
Examples:
  deskbell send --to ou_ada --text "Disk full on db-3" --key alert-8812
  deskbell send --to ann@corp.example,+8613800138000 --text "All clear"
  deskbell send --to ou_ada,ou_bob --message card.yaml --at 1h --expires 2d
  deskbell send --to ou_ada --template disk --var host=db-3 --var free=2%
  deskbell send --to ou_ada --text "Door open" --wait 30 --json
  deskbell send --to ou_ada --text "Disk full on db-3" --throttle 30m"""


def register(app: typer.Typer) -> None:
    app.command("send", epilog=_EXAMPLES, cls=SendCommand)(send)


class SendCommand(TyperCommand):
    """Gives `--wait` the value that it has when it stands alone: Typer knows no option with an optional value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        takes_value = {name for param in self.params if not getattr(param, "is_flag", False) for name in param.opts}
        return super().parse_args(ctx, _with_wait_seconds(args, takes_value - {"--wait"}))


def _with_wait_seconds(arguments: Sequence[str], takes_value: set[str]) -> list[str]:
    found: list[str] = []
    given = iter(enumerate(arguments, 1))
    for following, argument in given:
        alone = following == len(arguments) or arguments[following].startswith("-")
        found.append(f"--wait={WAIT_SECONDS}" if argument == "--wait" and alone else argument)
        if argument in takes_value and following < len(arguments):
            found.append(next(given)[1])  # a value, even one that reads `--wait`
    return found


Key = Annotated[
    str | None,
    typer.Option(metavar="K", help="Idempotency key: accepted only once. For several receivers: KEY/receiver."),
]
Variables = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="A variable of the template. May be repeated."),
]
TicketPolicy = Annotated[OnOpenTicket, typer.Option(help="What to do when the receiver has an open ticket.")]
_TO = "A receiver: an e-mail address, +86… or mobile:138…, an id or id:…. May be repeated, or comma-separated."
_THROTTLE = "Send the first at once, and join what follows within this time (30m) in one message."
_DIGEST = "Gather what is sent to the receiver within this time (5m) in one message."
Wait = Annotated[
    float | None,
    typer.Option(
        metavar="[SECONDS]", min=0, help=f"Wait for the result, at most this long. Default: {WAIT_SECONDS:g} s."
    ),
]


def send(
    to: Annotated[list[str], typer.Option(metavar="WHO", help=_TO)],
    text: Annotated[str | None, typer.Option(metavar="T", help="Send this text.")] = None,
    message: MessagePath = None,
    markdown: MarkdownPath = None,
    markdown_text: MarkdownText = None,
    template: TemplateName = None,
    variables: Variables = None,
    receive_type: Route = ReceiveType.CHAT,
    user_id_type: ReceiverIdType = UserIdType.OPEN_ID,
    desk: DeskName = None,
    key: Key = None,
    at: At = None,
    expires: Expires = None,
    timezone: TimeZone = None,
    on_unknown: Annotated[OnUnknown, typer.Option(help="What to do if it was maybe sent.")] = OnUnknown.RESEND,
    on_open_ticket: TicketPolicy = OnOpenTicket.REROUTE,
    throttle: Annotated[str | None, typer.Option(metavar="TIME", help=_THROTTLE)] = None,
    digest: Annotated[str | None, typer.Option(metavar="TIME", help=_DIGEST)] = None,
    callback_url: Annotated[str | None, typer.Option(metavar="URL", help="Post the result to this URL.")] = None,
    wait: Wait = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print {id, state, duplicate}, or a list of them.")] = False,
) -> int:
    """Send a message to one or more receivers.

    Prints the id of each notification once it is accepted durably; a worker delivers it.
    """
    return _sent(list(_events(locals())), wait, as_json)


def _sent(events: Sequence[Mapping[str, Any]], wait: float | None, as_json: bool) -> ExitCode:
    with open_ledger() as ledger:
        accepted = LedgerBackend(ledger).send(events)
        if not as_json:
            _tell_ids(accepted)
        states = _waited_for(ledger, accepted, wait, as_json)
        for one in accepted:
            if one.into:
                note(Phrase("{id} joined {into}, which tells of it together with others", id=one.id, into=one.into))
        return _ended(ledger, states) if wait is not None else ExitCode.DONE


def _events(options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """An option that has the name of an argument of `Notifier.send` is that argument."""
    arguments = {name: value for name, value in options.items() if name in EventArguments.__annotations__}
    key = options["key"]
    receivers, id_type = _receivers(options["to"]), arguments.pop("user_id_type")
    arguments |= body_of(options, read_message_file)
    arguments["variables"] = _values(options["variables"])
    arguments |= _times(arguments["timezone"], options)
    for each, address in receivers.items():
        of_id = {"user_id_type": id_type} if "receiver_id" in address else {}
        yield {**arguments, **address, **of_id, "key": _key(key, each, receivers)}


def _values(written: Sequence[str] | None) -> dict[str, str] | None:
    """Raises BadInput."""
    values = {}
    for each in written or ():
        name, equals, value = each.partition("=")
        if not equals or not name.strip():
            raise BadInput("var", Phrase("must be written as NAME=VALUE"))
        values[name.strip()] = value
    return values or None


def _times(timezone: str | None, options: Mapping[str, Any]) -> dict[str, datetime | None]:
    zone = MACHINE if timezone is None else zone_of(timezone)
    now = datetime.now(UTC)
    read = {name: given_time(name, options[name], now, zone) for name in ("at", "expires")}
    tell_times(options, read)
    return read


def _waited_for(ledger: Ledger, accepted: Sequence[Accepted], wait: float | None, as_json: bool) -> dict[str, State]:
    states = {one.id: one.state for one in accepted}
    try:
        if wait is not None:
            for record in _followed(ledger, list(states), wait):
                states[record.id] = record.progress.state
    finally:
        # Whatever ends the waiting, ctrl-C too: what was accepted is told.
        if as_json:
            _answer_json(accepted, states)
    return states


def _receivers(to: Sequence[str]) -> dict[str, dict[str, str]]:
    """The fields that name each, by a text that is the same for all ways to write it."""
    given = [address_fields(receiver) for value in to for receiver in value.split(",") if receiver.strip()]
    if not given:
        raise BadInput("to", Phrase("give at least one receiver"))
    receivers = distinct_addresses(given)
    for receiver, count in Counter(distinct for each in given for distinct in distinct_addresses([each])).items():
        if count > 1:
            note(Phrase("{receiver} was given more than once; it gets one message", receiver=receiver))
    return receivers


def _key(key: str | None, receiver: str, receivers: Collection[str]) -> str | None:
    return f"{key}/{receiver}" if key and len(receivers) > 1 else key


def _tell_ids(accepted: Sequence[Accepted]) -> None:
    for one in accepted:
        answer(one.id)
        if one.duplicate:
            note(Phrase("{id} was already accepted with this key and is {state}", id=one.id, state=one.state))


def _followed(ledger: Ledger, ids: Sequence[str], wait: float) -> Iterator[Record]:
    """Each record when it changes, with a progress line on a terminal."""
    with progress(Phrase("waiting for {total} to be delivered", total=len(ids))) as update:
        if update is None:
            yield from changes(ledger, ids, timeout_seconds=wait)
            return
        line = WaitingLine(Reasons(ledger), len(ids), update)
        for record in changes(ledger, ids, timeout_seconds=wait, sleep=line.sleep):
            line.see(record)
            yield record


def _answer_json(accepted: Sequence[Accepted], states: dict[str, State]) -> None:
    found = [{**one.as_json(), "state": states[one.id]} for one in accepted]
    answer_json(found[0] if len(found) == 1 else found)


def _ended(ledger: Ledger, states: Mapping[str, State]) -> ExitCode:
    missed = [id for id, state in states.items() if state not in (State.DELIVERED, State.JOINED)]
    reasons = Reasons(ledger)
    for record in ledger.get_known(missed):
        ended = _end_of(record, states[record.id], reasons)
        note(Phrase("{id} {ended} (see `deskbell show {id}`)", id=record.id, ended=ended))
    return ExitCode.NOT_DELIVERED if missed else ExitCode.DONE


def _end_of(record: Record, state: State, reasons: Reasons) -> Phrase:
    match state:
        case State.FAILED:
            return _failure_of(record)
        case State.UNKNOWN:
            return Phrase("may have been sent: the answer to the call was lost")
        case State.EXPIRED:
            return Phrase("expired before it could be sent")
        case State.CANCELLED:
            return Phrase("was cancelled")
    if why := list(reasons.of(record)):
        return Phrase("is still {state}: {why}", state=state, why=in_sequence(why))
    return Phrase("is still {state}", state=state)


def _failure_of(record: Record) -> Phrase:
    error = record.as_json()["error"]
    parts = [part for part in (error["code"], error["msg"]) if part is not None] if error else []
    match parts:
        case [code, msg]:
            return Phrase("failed: {code} {msg}", code=code, msg=msg)
        case [part]:
            return Phrase("failed: {why}", why=part)
    return Phrase("failed")
