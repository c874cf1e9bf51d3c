"""`deskbell watch`: one notification, until it comes to rest."""

from datetime import datetime
from typing import Annotated

import typer

from ledger.models import Record
from producers.cli.access import open_ledger
from producers.cli.follow import changes
from producers.cli.printing import a_person_looks, answer, answer_json
from producers.cli.tables import progress, screen

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command("watch", epilog="Example:  deskbell watch n_06hzb2k1c9f3q8rd")(watch)


def watch(
    id: Annotated[str, typer.Argument(metavar="ID", help="A notification, n_…")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole record, a line for each change.")] = False,
) -> None:
    """Follow a notification until it comes to rest.

    Prints its state now and after each change. It rests when it is delivered, failed, expired, cancelled or unknown.
    """
    with open_ledger() as ledger, progress(f"watching {id}") as status:
        for record in changes(ledger, [id]):
            if as_json:
                answer_json(record.as_json())
            elif a_person_looks():
                screen().print(f"{datetime.now().astimezone():%H:%M:%S}  {described(record)}")
            else:
                answer(described(record))
            if status:
                status.update(f"{id} is {record.progress.state}")


def described(record: Record) -> str:
    """The state, and what the last attempt came to where that says more."""
    attempts, last = record.progress.attempts, record.last
    if last is None:
        return record.progress.state
    code = "" if last.code is None else f", code {last.code}"
    via = f" by {last.via}" if last.via else ""
    return f"{record.progress.state} (attempt {len(attempts)}{via}: {last.outcome}{code})"
