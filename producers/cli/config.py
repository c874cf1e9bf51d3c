"""`deskbell config`: the settings in force, and where each is set."""

from typing import Annotated

import typer

from ledger.settings_in_force import settings_in_force
from producers.cli.access import settings_in_use
from producers.cli.language import word
from producers.cli.output import is_interactive
from producers.cli.tables import show_list

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command("config", epilog="Example:  deskbell config --json")(config)


def config(as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")] = False) -> None:
    """Show the settings in force, and where each is set: in the environment, in .env, or nowhere (the default).

    Secrets are shown as (set). The environment wins over .env.
    """
    found = list(settings_in_force(settings_in_use()))
    rows = [(each.variable, word(each.value), word(each.set_in)) for each in found] if is_interactive() else found
    show_list(as_json, [each._asdict() for each in found], ("variable", "value", "set in"), rows)
