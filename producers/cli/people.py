"""`deskbell people`: what Feishu says of an address, and why not."""

from collections.abc import Iterable
from contextlib import closing
from typing import Annotated

import typer

from feishu.client import FeishuClient
from feishu.inquiry import Finding, Inquiry
from feishu.token import NoStore
from ledger.delivery_options import DEFAULT_DESK, UserIdType
from ledger.phrases import Phrase
from producers.cli.access import open_ledger
from producers.cli.options import DeskName
from producers.cli.output import ExitCode
from producers.cli.tables import progress, show_list

__all__ = ["register"]

_EXAMPLES = """\b
Examples:
  deskbell people ada@corp.example +8613800000000
  deskbell people ou_ada --json"""


def register(app: typer.Typer) -> None:
    app.command("people", epilog=_EXAMPLES)(people)


def people(
    who: Annotated[list[str], typer.Argument(metavar="WHO", help="E-mail addresses, +mobiles, ids.")],
    user_id_type: Annotated[
        UserIdType | None, typer.Option(help="The type of the ids. Default: open_id for ou_…, union_id for on_…")
    ] = None,
    desk: DeskName = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a list of {who, open_id, name, status, reason, said, do}.")
    ] = False,
) -> int:
    """Show what Feishu says of people: their open_id, name and status, or why it names nobody.

    It asks now, past everything that is cached. Exits with 1 if somebody cannot be sent to.
    """
    with open_ledger() as ledger:
        known = ledger.settings.desk(desk or DEFAULT_DESK)
        with closing(FeishuClient.of(known, ledger.settings, NoStore())) as feishu, progress(Phrase("asking Feishu")):
            whom = list(dict.fromkeys(_split(who)))
            found = Inquiry(ledger.at(known.name).redis, ledger.keys, known, feishu).about(whom, user_id_type)
    rows = [(each.who, each.open_id, each.name, _words(each)) for each in found]
    show_list(as_json, [each.as_json() for each in found], ("address", "open_id", "name", "what Feishu says"), rows)
    return ExitCode.OTHER if any(each.reason for each in found) else ExitCode.DONE


def _split(who: Iterable[str]) -> Iterable[str]:
    return (part.strip() for each in who for part in each.split(",") if part.strip())


def _words(finding: Finding) -> str:
    return Phrase("{said} ({do})", said=finding.said, do=finding.do) if finding.do else finding.said
