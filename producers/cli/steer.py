"""`deskbell retry`, `cancel` and `resolve`: what people decide about notifications."""

import getpass
import os
import socket
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from ledger.errors import DeskbellError, NotAllowed, NotFound
from ledger.ledger import Ledger
from ledger.states import State
from producers.cli.access import open_ledger
from producers.cli.exits import ExitCode, exit_code_of
from producers.cli.printing import answer, answer_json, note

__all__ = ["register"]

Ids = Annotated[list[str], typer.Argument(metavar="ID…", help="Notifications, n_…")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print {id, state}, or a list of them; {id, error} where it failed.")
]


class Retried(StrEnum):
    """The states that `retry` takes notifications from."""

    FAILED = "failed"
    UNKNOWN = "unknown"


class Resolution(StrEnum):
    """What a person says about a notification that was maybe sent."""

    DELIVERED = "delivered"
    FAILED = "failed"
    RESEND = "resend"


def register(app: typer.Typer) -> None:
    app.command("retry", epilog="Example:  deskbell retry n_06hzb2k1c9f3q8rd --state unknown")(retry)
    app.command("cancel", epilog="Example:  deskbell cancel n_06hzb2k1c9f3q8rd n_06hzb2k1f7m2x4wt")(cancel)
    app.command("resolve", epilog="Example:  deskbell resolve n_06hzb2k1c9f3q8rd --as delivered")(resolve)


def retry(
    ids: Ids,
    state: Annotated[Retried, typer.Option(help="The state that they must be in.")] = Retried.FAILED,
    as_json: AsJson = False,
) -> int:
    """Send failed notifications again, or with --state unknown those that were maybe sent.

    They go to the end of their lane, with a fresh retry budget.
    """
    return _each(ids, as_json, lambda ledger, id: ledger.retry([id], who(), [State(state)]))


def cancel(ids: Ids, as_json: AsJson = False) -> int:
    """Cancel notifications that have not gone out. One that is being sent this moment cannot be cancelled."""
    return _each(ids, as_json, lambda ledger, id: ledger.cancel([id], who()))


def resolve(
    ids: Ids,
    outcome: Annotated[Resolution, typer.Option("--as", help="Whether it arrived, or is to be sent again.")],
    as_json: AsJson = False,
) -> int:
    """Settle notifications that were maybe sent. Only a person can: Feishu cannot be asked."""
    return _each(ids, as_json, lambda ledger, id: ledger.resolve([id], who(), outcome))


def who() -> str:
    """Goes on record with the act."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number only
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def _each(ids: Sequence[str], as_json: bool, act: Callable[[Ledger, str], list[State]]) -> int:
    """Acts on every id, past those that it cannot act on; the first of these gives the exit code."""
    results: list[dict[str, Any]] = []
    errors: list[DeskbellError] = []
    with open_ledger() as ledger:
        for id in dict.fromkeys(ids):
            try:
                results.append({"id": id, "state": act(ledger, id)[0]})
            except (NotFound, NotAllowed) as error:
                errors.append(error)
                results.append({"id": id, "error": str(error)})
                note(str(error))
            else:
                if not as_json:
                    answer(id)
    if as_json:
        answer_json(results[0] if len(results) == 1 else results)
    return exit_code_of(errors[0]) if errors else ExitCode.DONE
