"""`deskbell list`: what is on record."""

from itertools import islice
from typing import Annotated, Any

import typer

from ledger.models import Record
from ledger.states import State
from producers.cli.access import open_ledger
from producers.cli.printing import a_person_looks, answer, answer_json, note
from producers.cli.tables import in_colour, show_table

__all__ = ["register"]

_EXAMPLES = """\b
Examples:
  deskbell list --notifications --state failed
  deskbell retry $(deskbell list --notifications --state failed)"""


def register(app: typer.Typer) -> None:
    app.command("list", epilog=_EXAMPLES)(list_notifications)


def list_notifications(
    notifications: Annotated[bool, typer.Option("--notifications", help="The events, not the announcements.")] = False,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many.")] = 100,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a list of JSON objects, as `show --json` does.")
    ] = False,
) -> None:
    """List what is on record, newest first: announcements, or with --notifications the events."""
    found = _newest(state, limit + 1) if notifications else []
    shown = found[:limit]
    if as_json:
        answer_json([record.as_json() for record in shown])
    elif notifications and a_person_looks():
        show_table(("id", "state", "receiver", "via", "attempts", "code", "created"), map(_cells, shown))
    else:
        for record in shown:
            answer(record.id)
    if not notifications:
        note("there are no announcements: they come with a later version (--notifications lists the events)")
    elif len(found) > limit:
        note(f"there are more than {limit}: raise --limit to see them")


def _newest(state: State | None, limit: int) -> list[Record]:
    with open_ledger() as ledger:
        return list(islice(ledger.events(state), limit))


def _cells(record: Record) -> list[Any]:
    fields = record.as_json()
    code = fields["error"]["code"] if fields["error"] else None
    attempts = len(fields["attempts"])
    state = in_colour(fields["state"])
    return [record.id, state, fields["receiver_id"], fields["via"], attempts, code, fields["created_at"]]
