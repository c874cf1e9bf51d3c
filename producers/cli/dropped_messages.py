"""`deskbell dropped`: what came from other Celery applications and hooks and could not be accepted."""

from typing import Annotated

import typer

from ledger.audit_log import record_action
from ledger.dropped_messages import DroppedMessage, see_on, summary_of
from ledger.phrases import Phrase
from producers.cli.access import open_ledger
from producers.cli.language import translated
from producers.cli.output import note
from producers.cli.spoken_times import ago
from producers.cli.tables import show_list
from producers.machine_user import machine_user

__all__ = ["register"]

_EXAMPLES = """\b
Examples:
  deskbell dropped
  deskbell dropped --seen"""


def register(app: typer.Typer) -> None:
    app.command("dropped", epilog=_EXAMPLES)(dropped)


def dropped(
    seen: Annotated[
        bool, typer.Option("--seen", help="Then note that they are seen: no screen tells them again.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print {total, unseen, latest: [{at, reason, queue, headers}]}.")
    ] = False,
) -> None:
    """List what came from other Celery applications and hooks, was dropped, and nobody has looked at.

    A Celery message is dropped when it cannot be accepted, or is not for a task of Deskbell; of a post to a hook what
    could not become a message. Bodies are not kept.
    """
    with open_ledger() as ledger:
        found = summary_of(ledger.servers)
        as_object = {
            "total": found.total,
            "unseen": found.unseen,
            "latest": [each.as_json() for each in found.latest],
        }
        columns = ("at", "queue", "reason", "task", "id", "from")
        show_list(as_json, as_object, columns, map(_cells, found.latest), map(_line, found.latest))
        if seen and found.unseen:
            see_on(ledger.servers, found.total)
            record_action(ledger, machine_user(), "see dropped")
    if (more := found.unseen - len(found.latest)) > 0:
        _tell_more(more)


def _tell_more(more: int) -> None:
    note(
        Phrase(
            "{n:,} more was dropped before: only the number is kept"
            " | {n:,} more were dropped before: only the number is kept",
            n=more,
        )
    )


def _cells(message: DroppedMessage) -> list[str | None]:
    told = message.headers
    return [ago(message.at_ms), message.queue, message.reason, told.get("task"), told.get("id"), told.get("origin")]


def _line(message: DroppedMessage) -> str:
    return " ".join(translated(cell) for cell in _cells(message) if cell)
