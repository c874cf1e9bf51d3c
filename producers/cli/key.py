"""`deskbell key create`, `list`, `revoke` and `link`: the keys of the HTTP API, and links that sign in with them."""

from pathlib import Path
from typing import Annotated

import typer

from ledger.api_key import ApiKey, KeyLimits, Scope
from ledger.api_keys import ApiKeys
from ledger.phrases import Phrase
from ledger.sign_in_links import SignInLinks
from producers.announcements.address_list import read_addresses
from producers.cli.access import open_ledger
from producers.cli.language import word
from producers.cli.output import answer, answer_json, is_interactive, note
from producers.cli.spoken_times import ago
from producers.cli.tables import show_list
from producers.machine_user import machine_user
from producers.web.listening import url_of

__all__ = ["register"]

_EXAMPLES = """\b
Examples:
  deskbell key create --name grafana --scope send --desk it --rate 600/minute
  deskbell key create --name pilot --scope announce --only testers.txt
  deskbell key list --json
  deskbell key revoke grafana
  deskbell key link hr-team"""


def register(app: typer.Typer) -> None:
    keys = typer.Typer(
        help="Keys of the HTTP API, and links that sign in with them.", epilog=_EXAMPLES, rich_markup_mode=None
    )
    keys.command("create", epilog="Example:  deskbell key create --name grafana --scope send --desk it")(create)
    keys.command("list", epilog="Example:  deskbell key list --json")(list_keys)
    keys.command("revoke", epilog="Example:  deskbell key revoke grafana")(revoke)
    keys.command(
        "link", short_help="Make a link that signs in to the console.", epilog="Example:  deskbell key link hr-team"
    )(link)
    app.add_typer(keys, name="key")


Name = Annotated[str, typer.Option(metavar="N", help="Name of the key, shown in the audit log.")]
Scopes = Annotated[list[Scope], typer.Option(metavar="|".join(Scope), help="What it may do. May be repeated.")]
Desks = Annotated[
    list[str] | None, typer.Option(metavar="D", help="A desk that it may use. May be repeated. Default: all desks.")
]
Rate = Annotated[str | None, typer.Option(metavar="RATE", help="Most calls, such as 600/minute. Default: unlimited.")]
MaxRows = Annotated[int | None, typer.Option(min=1, metavar="N", help="Most rows of one announcement.")]
Daily = Annotated[int | None, typer.Option(min=1, metavar="N", help="Most notifications a day (UTC), rows included.")]
Only = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="It may write to these addresses alone: one on a line, or a recipients file."),
]
Test = Annotated[
    bool, typer.Option("--test", help="A test key: what it submits is checked and answered, and not sent.")
]
WithSecret = Annotated[bool, typer.Option("--json", help="Print the key, with its secret as `secret`.")]


def create(
    name: Name,
    scope: Scopes,
    desk: Desks = None,
    rate: Rate = None,
    max_rows: MaxRows = None,
    daily: Daily = None,
    only: Only = None,
    test: Test = False,
    as_json: WithSecret = False,
) -> None:
    """Create a key and print its secret. The secret is not stored, so it cannot be shown again."""
    addresses = tuple(read_addresses(only)) if only else None
    with open_ledger() as ledger:
        desks, limits = frozenset(desk) if desk else None, KeyLimits(max_rows, daily, addresses, test)
        key, secret = ApiKeys(ledger).create(name, frozenset(scope), desks, rate, machine_user(), limits)
    if as_json:
        answer_json(key.as_json() | {"secret": secret})
        return
    answer(secret)
    note(Phrase("key {name} ({id}): copy the secret now, it cannot be shown again", name=key.name, id=key.id))


def list_keys(as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")] = False) -> None:
    """List the keys, including revoked ones. Their secrets are not stored."""
    with open_ledger() as ledger:
        keys = ApiKeys(ledger).list()
    columns = ("id", "name", "scopes", "desks", "rate", "limits", "created", "last used", "revoked")
    show_list(as_json, [key.as_json() for key in keys], columns, map(_cells, keys))


def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The name of a key, or its id, k_…")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the key.")] = False,
) -> None:
    """Revoke a key. Every web process refuses it at once."""
    with open_ledger() as ledger:
        revoked = ApiKeys(ledger).revoke(key, machine_user())
    if as_json:
        answer_json(revoked.as_json())
    else:
        answer(revoked.id)


def link(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The name of a key, or its id, k_…")],
    as_json: Annotated[bool, typer.Option("--json", help="Print {url, key, ends_at}.")] = False,
) -> None:
    """Make a link that signs somebody in to the console with a key: once, within ten minutes.

    The page it opens says whom it is for before it is used. It begins with DESKBELL_PUBLIC_URL, or else with the
    address that `deskbell web` listens on.
    """
    with open_ledger() as ledger:
        made = SignInLinks(ledger, ApiKeys(ledger)).make(key, machine_user())
        settings = ledger.settings
    url = made.url(settings.public_url or url_of(settings.host, settings.port))
    if as_json:
        answer_json({"url": url, "key": made.key.name, "ends_at": made.ends_at.isoformat(timespec="seconds")})
        return
    answer(url)
    until = f"{made.ends_at.astimezone():%H:%M}"
    note(Phrase("signs in as {name}, once, until {until}: send it to nobody else", name=made.key.name, until=until))


def _cells(key: ApiKey) -> tuple[str | None, ...]:
    facts = key.as_json()
    desks = (word("all") if is_interactive() else "all") if key.desks is None else ", ".join(facts["desks"])
    scopes = ", ".join(facts["scopes"])
    times = map(ago, (facts["created_at"], facts["last_used_at"], facts["revoked_at"]))
    return (key.id, key.name, scopes, desks, key.rate, ", ".join(key.limits), *times)
