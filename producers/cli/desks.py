"""`deskbell desks`: the helpdesks, and why one does not send; `deskbell show` of one of them."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ledger.desk_facts import desk_facts
from producers.cli.access import open_ledger
from producers.cli.tables import show_list, spoken

__all__ = ["register", "spoken_facts"]

_COLUMNS = ("desk", "quota used", "waiting", "oldest", "eta", "calls", "tickets open", "not sending because")


def register(app: typer.Typer) -> None:
    app.command("desks", epilog="Example:  deskbell desks --json")(desks)


def desks(as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")] = False) -> None:
    """List the desks: quota, calls, what is waiting and for how long, open tickets, and why a desk is not sending."""
    with open_ledger(is_screen=True) as ledger:
        found = [desk_facts(ledger, desk) for desk in ledger.settings.all_desks.values()]
    show_list(as_json, found, _COLUMNS, map(_cells, found))


def spoken_facts(facts: Mapping[str, Any]) -> dict[str, str | None]:
    """The same for people, by name; None is unknown or not there."""
    return dict(zip(_COLUMNS, _cells(facts), strict=True))


def _cells(facts: Mapping[str, Any]) -> list[str | None]:
    used = ", ".join(f"{each['used']}/{each['limit']} in {each['seconds']} s" for each in facts["windows"])
    if facts["lowered_to"]:
        used += f" (lowered to {facts['lowered_to']:.0%})"
    waiting = sum(lane["waiting"] for lane in facts["lanes"])
    oldest = max((lane["oldest_seconds"] or 0 for lane in facts["lanes"]), default=0)
    wasted = ", ".join(f"{n} {outcome}" for outcome, n in facts["calls"]["wasted"].items())
    return [
        facts["name"],
        used or facts["rate"],
        str(waiting),
        spoken(oldest) if oldest else None,
        spoken(facts["eta_seconds"]) if facts["eta_seconds"] else None,
        f"{facts['calls']['used']}" + (f", including {wasted}" if wasted else ""),
        _tickets(facts["tickets"]),
        _why_silent(facts),
    ]


def _tickets(tickets: Mapping[str, Any]) -> str:
    """How many are open, and how old that knowledge is."""
    age = tickets["age_seconds"]
    return f"{tickets['open']} " + ("(never checked)" if age is None else f"(checked {spoken(age)} ago)")


def _why_silent(facts: Mapping[str, Any]) -> str | None:
    if facts["missing"]:
        return "not set: " + ", ".join(facts["missing"])
    if facts["hold"]:
        return f"{facts['hold']['kind']}: {facts['hold']['reason']}"
    hold = facts["addresses"]["hold"]
    return f"addresses: {hold['kind']}: {hold['reason']}" if hold else None
