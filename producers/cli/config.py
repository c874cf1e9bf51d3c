"""`deskbell config`: the settings in force, and where each is set."""

from typing import Annotated

import typer

from ledger.settings_in_force import settings_in_force
from producers.cli.access import settings_in_use
from producers.cli.tables import show_list

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command("config", epilog="Example:  deskbell config --json")(config)


def config(as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")] = False) -> None:
    """Show the settings in force, and where each is set: in the environment, in .env, or nowhere (the default).

    Secrets are shown as (set). The environment wins over .env.
    """
    found = list(settings_in_force(settings_in_use()))
    show_list(as_json, [each._asdict() for each in found], ("variable", "value", "set in"), found)
