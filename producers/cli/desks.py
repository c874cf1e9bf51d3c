"""`deskbell desks`: the helpdesks, and why one does not send; `deskbell show` of one of them."""

from collections.abc import Mapping
from typing import Annotated, Any

import redis
import typer

from ledger.desk_facts import DeskJson, desk_facts
from ledger.phrases import Phrase, listed
from producers.cli.access import open_ledger
from producers.cli.language import word
from producers.cli.tables import show_list, spoken

__all__ = ["held", "register", "spoken_facts"]

_COLUMNS = ("desk", "quota used", "waiting", "oldest", "eta", "calls", "tickets open", "not sending because")


def register(app: typer.Typer) -> None:
    app.command("desks", epilog="Example:  deskbell desks --json")(desks)


def desks(as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")] = False) -> None:
    """List the desks: quota, calls, what is waiting and for how long, open tickets, and why a desk is not sending."""
    with open_ledger(is_screen=True) as ledger:
        found: list[DeskJson] = []
        away: list[redis.RedisError] = []
        for server in ledger.servers:
            try:
                found += [desk_facts(server, desk) for desk in server.settings.desks_here.values()]
            except (redis.ConnectionError, redis.TimeoutError) as error:
                away.append(error)
        if len(away) < len(ledger.servers):
            show_list(as_json, found, _COLUMNS, map(_cells, found))
        if away:
            raise away[0]


def spoken_facts(facts: Mapping[str, Any]) -> dict[str, str | None]:
    """The same for people, by name; None is unknown or not there."""
    return dict(zip(_COLUMNS, _cells(facts), strict=True))


def _cells(facts: Mapping[str, Any]) -> list[str | None]:
    windows = [Phrase("{used}/{limit} in {seconds} s", **each) for each in facts["windows"]]
    used = listed(windows) if windows else facts["rate"]
    if facts["lowered_to"]:
        used = Phrase("{used} (lowered to {share:.0%})", used=used, share=facts["lowered_to"])
    waiting = sum(lane["waiting"] for lane in facts["lanes"])
    oldest = max((lane["oldest_seconds"] or 0 for lane in facts["lanes"]), default=0)
    calls, wasted = facts["calls"]["used"], facts["calls"]["wasted"]
    causes = [Phrase("{n} {outcome}", n=n, outcome=word(outcome)) for outcome, n in wasted.items()]
    return [
        facts["name"],
        used,
        str(waiting),
        spoken(oldest) if oldest else None,
        spoken(facts["eta_seconds"]) if facts["eta_seconds"] else None,
        Phrase("{calls}, including {causes}", calls=calls, causes=listed(causes)) if wasted else str(calls),
        _tickets(facts["tickets"]),
        _why_silent(facts),
    ]


def held(hold: Mapping[str, Any]) -> Phrase:
    """Why a desk is held."""
    return Phrase("{kind}: {reason}", kind=word(hold["kind"]), reason=hold["reason"])


def _tickets(tickets: Mapping[str, Any]) -> str:
    """How many are open, and how old that knowledge is."""
    age = tickets["age_seconds"]
    checked = Phrase("never checked") if age is None else Phrase("checked {span} ago", span=spoken(age))
    return Phrase("{n} ({checked})", n=tickets["open"], checked=checked)


def _why_silent(facts: Mapping[str, Any]) -> str | None:
    if facts["missing"]:
        return Phrase("not set: {names}", names=", ".join(facts["missing"]))
    if facts["hold"]:
        return held(facts["hold"])
    hold = facts["addresses"]["hold"]
    return Phrase("addresses: {hold}", hold=held(hold)) if hold else None
