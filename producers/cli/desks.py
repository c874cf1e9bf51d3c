"""`deskbell desks` and `deskbell resume`: the helpdesks, and why one does not send."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ledger.errors import BadInput, NotFound
from ledger.ledger import Ledger
from ledger.settings import DEFAULT_DESK, Desk
from producers.cli.access import open_ledger
from producers.cli.exits import ExitCode
from producers.cli.printing import a_person_looks, answer, answer_json, note
from producers.cli.tables import show_table
from producers.status import hold_of, rate_text

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command("desks", epilog="Example:  deskbell desks --json")(desks)
    app.command("resume", epilog="Example:  deskbell resume --desk hr")(resume)


def desks(as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")] = False) -> None:
    """List the desks: quota, missing credentials, the hold if there is one, and their events by state."""
    with open_ledger() as ledger:
        found = [_facts(ledger, desk) for desk in ledger.settings.all_desks.values()]
    if as_json:
        answer_json(found)
    elif a_person_looks():
        show_table(("desk", "rate", "missing", "hold", "events"), [_cells(facts) for facts in found])
    else:
        for facts in found:
            answer(facts["name"])


def resume(
    id: Annotated[str | None, typer.Argument(metavar="[ID]", help="An announcement (they come later).")] = None,
    desk: Annotated[str | None, typer.Option(help="The desk whose hold ends.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print {desk, resumed}.")] = False,
) -> int:
    """End the hold of a desk, once its cause is mended: its notifications are sent again at once."""
    if id is not None:
        raise NotFound(id)
    if desk is None:
        raise BadInput("desk", f"say which one: --desk {DEFAULT_DESK}")
    with open_ledger() as ledger:
        ledger.settings.desk(desk)
        ended = ledger.resume_desk(desk)
    if as_json:
        answer_json({"desk": desk, "resumed": ended})
    else:
        note(f"desk {desk} goes on" if ended else f"desk {desk} was not held")
    return ExitCode.DONE


def _facts(ledger: Ledger, desk: Desk) -> dict[str, Any]:
    hold = hold_of(ledger, desk.name)
    return {
        "name": desk.name,
        "feishu_url": desk.feishu_url,
        "rate": rate_text(desk),
        "missing": list(desk.missing),
        "hold": hold.as_json() if hold else None,
        "counts": {state: count for state, count in ledger.counts(desk.name).items() if count},
    }


def _cells(facts: Mapping[str, Any]) -> list[Any]:
    hold = f"{facts['hold']['kind']}: {facts['hold']['reason']}" if facts["hold"] else None
    counts = ", ".join(f"{count} {state}" for state, count in facts["counts"].items())
    return [facts["name"], facts["rate"], ", ".join(facts["missing"]), hold, counts]
