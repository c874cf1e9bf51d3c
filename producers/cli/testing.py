"""`deskbell test`: the message of one row of a draft, to one person."""

from typing import Annotated

import typer

from producers.announcements.testing import accept_test_of_draft, chosen_row, events_of_draft
from producers.cli.access import open_ledger
from producers.cli.output import answer_id
from producers.machine_user import machine_person

__all__ = ["register"]

_EXAMPLES = """\b
Examples:
  deskbell test a_06hzb2k1c9f3q8rd --to ann@corp.example
  deskbell test a_06hzb2k1c9f3q8rd --to +8613800138000 --row longest"""
_TO = "An e-mail address, +86… or mobile:138…, an id or id:…"


def register(app: typer.Typer) -> None:
    app.command("test", epilog=_EXAMPLES)(_test)


def _test(
    id: Annotated[str, typer.Argument(metavar="ID", help="A draft, a_…")],
    to: Annotated[str, typer.Option(metavar="WHO", help=_TO)],
    row: Annotated[
        str | None, typer.Option(metavar="N", help="One of its rows, from 1; or first, longest, emptiest. [first]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print {id}.")] = False,
) -> None:
    """Send the message of one row of a draft to one person, marked as a test. The draft stays as it is."""
    choice = chosen_row(row)
    with open_ledger() as ledger:
        events = events_of_draft(ledger, id, to, choice)
        message = accept_test_of_draft(ledger, id, events, machine_person(), ledger.accept)
    answer_id(message, as_json)
