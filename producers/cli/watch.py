"""`deskbell watch`: everything now, a notification until it rests, an announcement until it finishes."""

from datetime import datetime
from typing import Annotated

import typer

from ledger.ids import is_announcement
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.record import Record
from producers.cli.access import open_ledger
from producers.cli.completion import ids
from producers.cli.follow import changes
from producers.cli.language import translated, word
from producers.cli.output import ExitCode, answer, answer_json, is_interactive
from producers.cli.tables import progress, screen
from producers.cli.watch_all import watch_all
from producers.cli.watch_announcement import follow

__all__ = ["register"]

_EXAMPLES = """\b
Examples:
  deskbell watch
  deskbell watch a_06hzb2k1c9f3q8rd
  deskbell watch n_06hzb2k1c9f3q8rd"""


AsJson = Annotated[
    bool, typer.Option("--json", help="Print the whole record, one line per change; without an ID the current status.")
]


def register(app: typer.Typer) -> None:
    app.command("watch", epilog=_EXAMPLES)(watch)


def watch(
    id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="An announcement, a_…, or a notification, n_…. Default: everything.",
            autocompletion=ids,
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Follow everything, or one announcement or notification until it ends.

    Without an ID it shows the console's page *Now*: the desks, what is waiting, what was sent in the last hour. Leave
    it with ctrl-C; without a terminal it prints once.

    An announcement: rows by result, the rate and the time left; the exit code is 0 if everybody got it, else 4. Leaving
    with ctrl-C does not stop the announcement. A notification: its state now and after each change, until it is
    delivered, failed, expired, cancelled or unknown.
    """
    with open_ledger(is_screen=True) as ledger:
        if id is None:
            watch_all(ledger, as_json)
            return ExitCode.DONE
        if is_announcement(id):
            return follow(ledger, id, as_json)
        _follow_notification(ledger, id, as_json)
    return ExitCode.DONE


def _follow_notification(ledger: Ledger, id: str, as_json: bool) -> None:
    with progress(Phrase("watching {id}", id=id)) as update:
        for record in changes(ledger, [id]):
            if as_json:
                answer_json(record.as_json())
            elif is_interactive():
                screen().print(f"{datetime.now().astimezone():%H:%M:%S}  {translated(described(record))}")
            else:
                answer(described(record))
            if update:
                update(Phrase("{id} is {state}", id=id, state=word(record.progress.state)))


def described(record: Record) -> str:
    """The state, and what the last attempt came to where that says more."""
    attempts, last, state = record.progress.attempts, record.last, word(record.progress.state)
    if last is None:
        return state
    outcome: str = word(last.outcome)
    if last.code is not None:
        outcome = Phrase("{outcome}, code {code}", outcome=outcome, code=last.code)
    about, number = {"state": state, "outcome": outcome}, len(attempts)
    if last.via:
        return Phrase("{state} (attempt {number} by {via}: {outcome})", **about, number=number, via=last.via)
    return Phrase("{state} (attempt {number}: {outcome})", **about, number=number)
