"""`deskbell audit`: what people did."""

from typing import Annotated

import typer

from ledger.audit_log import AuditEntry, all_actions
from ledger.times import iso
from producers.cli.access import open_ledger
from producers.cli.language import action
from producers.cli.output import answer_json, is_interactive
from producers.cli.spoken_times import short
from producers.cli.tables import show_list

__all__ = ["register"]

_EXAMPLES = """\b
Examples:
  deskbell audit
  deskbell audit --json > audit.jsonl"""


def register(app: typer.Typer) -> None:
    app.command("audit", epilog=_EXAMPLES)(audit)


def audit(
    as_json: Annotated[bool, typer.Option("--json", help="Print {at, by, did, id}, one line for each act.")] = False,
) -> None:
    """List what people did, the oldest first: with the console, the command line or the HTTP API.

    Announcing, pausing, resuming, cancelling, retrying, resolving, resuming desks, creating and revoking keys, signing
    in and out. Kept for DESKBELL_AUDIT_FOR.
    """
    with open_ledger(is_screen=True) as ledger:
        entries = all_actions(ledger)
        if as_json:
            for entry in entries:
                answer_json(entry.as_json())
        else:
            show_list(False, None, ("at", "by", "did", "id"), map(_cells, entries))


def _cells(entry: AuditEntry) -> tuple[str, str, str, str]:
    """For a script with the names of the acts."""
    at = iso(entry.at_ms) or ""
    if not is_interactive():
        return at, entry.by, entry.did, entry.id
    return short(at), entry.by, action(entry.did), entry.id
