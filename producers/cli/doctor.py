"""`deskbell doctor`: is everything as it must be?"""

from collections.abc import Sequence
from typing import Annotated

import redis
import typer

from ledger.desk_status import desk_statuses
from ledger.errors import LedgerUnreachable
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.settings import Settings
from ledger.spread_ledger import open_ledgers
from producers.cli.access import settings_in_use
from producers.cli.doctor_ledger import doctor_ledger
from producers.cli.language import word
from producers.cli.output import ExitCode
from producers.cli.tables import in_colour, progress, show_list
from producers.doctor.credentials import check_feishu
from producers.doctor.diagnosis import Check, Status, check_desks, check_files, check_servers

__all__ = ["register"]

_EXAMPLES = """\b
Examples:
  deskbell doctor --json
  deskbell doctor --ledger"""


def register(app: typer.Typer) -> None:
    app.command("doctor", epilog=_EXAMPLES)(doctor)


def doctor(
    whole_ledger: Annotated[
        bool, typer.Option("--ledger", help="Instead look at each record in Redis: is the ledger whole?")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print {ok, checks: [{name, status, found, do}]}; of --ledger "
            "{ok, notifications, findings: [{invariant, id, found, do}], uncounted}.",
        ),
    ] = False,
) -> int:
    """Check Redis, the workers, the desks, and whether Feishu accepts their credentials.

    Exits with 0 if nothing fails, 3 if Redis cannot be reached, else 1. Warnings do not count.
    --ledger may run beside workers and producers.
    """
    return doctor_ledger(as_json) if whole_ledger else _doctor(as_json)


def _doctor(as_json: bool) -> int:
    settings = settings_in_use()
    ledger = open_ledgers(settings)
    try:
        checks, reached = check_servers(ledger)
        addressing = [name for server in reached for name in _addressing(server)]
        checks += [*_desks(settings, reached), *check_files(settings)]
    finally:
        ledger.close()
    with progress(Phrase("asking Feishu")):
        checks += check_feishu(settings, addressing)
    _tell(checks, as_json)
    if len(reached) < len(ledger.servers):
        return ExitCode.UNREACHABLE
    return ExitCode.OTHER if _fails(checks) else ExitCode.DONE


def _addressing(ledger: Ledger) -> list[str]:
    """The desks at which events by e-mail or mobile wait."""
    try:
        statuses = desk_statuses(ledger, list(ledger.settings.desks_here.values()), ())
    except (redis.RedisError, LedgerUnreachable):  # gone meanwhile, or a cluster
        return []
    return [status.name for status in statuses if status.unresolved]


def _desks(settings: Settings, reached: Sequence[Ledger]) -> list[Check]:
    try:
        return list(check_desks(settings, reached))
    except LedgerUnreachable:  # gone meanwhile, or a cluster that the check of the server refuses
        return list(check_desks(settings, ()))


def _fails(checks: Sequence[Check]) -> bool:
    return any(check.status is Status.FAIL for check in checks)


def _named(name: str) -> str:
    """Of a check for people: `desk hr` is about a desk."""
    what, blank, which = name.partition(" ")
    return word(name) if word(name) != name else word(what) + blank + which


def _line(check: Check) -> Phrase:
    found = Phrase("{found} ({do})", found=check.found, do=check.do) if check.do else check.found
    return Phrase("{status} {name}: {found}", status=check.status, name=check.name, found=found)


def _tell(checks: Sequence[Check], as_json: bool) -> None:
    as_object = {"ok": not _fails(checks), "checks": [check.as_json() for check in checks]}
    rows = [(in_colour(check.status), _named(check.name), check.found, check.do) for check in checks]
    lines = map(_line, checks)
    show_list(as_json, as_object, ("", "check", "result", "to do"), rows, lines)
