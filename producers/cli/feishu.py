"""`deskbell feishu subscribe`: has Feishu push a helpdesk's ticket events."""

from contextlib import closing
from typing import Annotated, Literal

import typer

from feishu.client import TICKET_EVENTS, FeishuClient
from feishu.query_retry import QueryRetry
from feishu.token import NoStore
from ledger.delivery_options import DEFAULT_DESK
from ledger.phrases import Phrase
from ledger.settings import Desk
from producers.cli.access import settings_in_use
from producers.cli.completion import desk_names
from producers.cli.output import answer, answer_json, note

__all__ = ["register"]

#: For a few tries with pauses between them.
SUBSCRIBE_SECONDS = 180.0
_EXAMPLE = "Example:  deskbell feishu subscribe --desk hr"


def register(app: typer.Typer) -> None:
    app.command("feishu", epilog=_EXAMPLE)(feishu)


def feishu(
    verb: Annotated[Literal["subscribe"], typer.Argument(metavar="subscribe", help="Subscribe to the events.")],  # noqa: ARG001
    desk: Annotated[
        str | None,
        typer.Option(
            metavar="D", help="The desk of the helpdesk. Default: the desk `default`.", autocompletion=desk_names
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print {desk, events: [{type, subtype}]}.")] = False,
) -> None:
    """Subscribe to the ticket events of a helpdesk: Feishu pushes them to /v1/feishu/events.

    This is one of three steps; the other two, the app's request URL and its two events, are set in the developer
    console. Repeating it does no harm.
    """
    settings = settings_in_use()
    known = settings.desk(desk or DEFAULT_DESK)
    with closing(FeishuClient.of(known, settings, NoStore())) as client:
        QueryRetry(within_seconds=SUBSCRIBE_SECONDS)(client.subscribe, TICKET_EVENTS)
    if as_json:
        events = [{"type": kind, "subtype": subtype} for kind, subtype in TICKET_EVENTS]
        answer_json({"desk": known.name, "events": events})
    else:
        for event in TICKET_EVENTS:
            answer(" ".join(event))
    _tell_what_is_missing(known)


def _tell_what_is_missing(desk: Desk) -> None:
    if not (desk.encrypt_key.get_secret_value() or desk.verification_token.get_secret_value()):
        note(Phrase("events are not accepted yet: set DESKBELL_ENCRYPT_KEY or DESKBELL_VERIFICATION_TOKEN"))
