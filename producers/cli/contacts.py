"""`deskbell departments` and `deskbell groups`: what the app may see, and the ids that `announce` takes."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

from ledger.delivery_options import DEFAULT_DESK
from ledger.phrases import Phrase
from producers.announcements.lookup import Lookup
from producers.cli.access import open_ledger
from producers.cli.options import DeskName
from producers.cli.tables import progress, show_list

__all__ = ["register"]

AsJson = Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")]
FoundT = TypeVar("FoundT")
_DEPARTMENT_COLUMNS = ("department", "members", "id")
_GROUP_COLUMNS = ("group", "kind", "people", "departments", "id")


def register(app: typer.Typer) -> None:
    app.command("departments", epilog="Example:  deskbell departments --json")(departments)
    app.command("groups", epilog="Example:  deskbell groups --json")(groups)


def departments(desk: DeskName = None, as_json: AsJson = False) -> None:
    """List the departments that the app may see, as a tree, with the members of each and of those below it."""
    from producers.announcements.audience.visible import visible_departments

    found = _asked(desk, lambda lookup: visible_departments(lookup.directory))
    told = [{"id": each.id, "name": each.name, "parent": each.parent, "members": each.member_count} for each in found]
    rows = [("  " * each.depth + (each.name or "–"), each.member_count, each.id) for each in found]
    show_list(as_json, told, _DEPARTMENT_COLUMNS, rows)


def groups(desk: DeskName = None, as_json: AsJson = False) -> None:
    """List the user groups that the app may see, normal and dynamic ones."""
    from producers.announcements.audience.visible import visible_groups

    found = _asked(desk, lambda lookup: visible_groups(lookup.directory))
    told = [
        {
            "id": each.id,
            "name": each.name,
            "kind": each.kind,
            "people": each.user_count,
            "departments": each.department_count,
        }
        for each in found
    ]
    rows = [(each.name, each.kind, each.user_count, each.department_count, each.id) for each in found]
    show_list(as_json, told, _GROUP_COLUMNS, rows)


def _asked(desk: str | None, ask: Callable[[Lookup], FoundT]) -> FoundT:
    with (
        open_ledger() as ledger,
        progress(Phrase("asking Feishu")),
        Lookup(ledger, ledger.settings.desk(desk or DEFAULT_DESK)) as lookup,
    ):
        return ask(lookup)
