"""`deskbell web`: the HTTP API and the console."""

from typing import Annotated

import typer

from ledger.api_keys import ApiKeys
from ledger.cluster import refuse_cluster
from ledger.connection import reachable
from ledger.errors import LedgerUnreachable, LedgerUnwritable
from ledger.known_servers import note_servers
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.settings import Settings
from producers.cli.access import open_ledger, tell_unknown_variables
from producers.cli.output import ExitCode, answer_json, note
from producers.web.listening import listen, url_of

__all__ = ["register"]

_EXAMPLES = """\b
Examples:
  deskbell web
  deskbell web --host 0.0.0.0 --port 8480 --access-log"""


def register(app: typer.Typer) -> None:
    app.command("web", epilog=_EXAMPLES)(web)


Host = Annotated[str | None, typer.Option(metavar="HOST", help="Address to listen on. Default: DESKBELL_HOST.")]
Port = Annotated[
    int | None,
    typer.Option(metavar="PORT", min=0, max=65535, help="Port to listen on, 0 for a free one. Default: DESKBELL_PORT."),
]


def web(
    host: Host = None,
    port: Port = None,
    access_log: Annotated[bool, typer.Option("--access-log", help="Write a line for each request to stderr.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print {url} once it is serving.")] = False,
) -> int:
    """Serve the HTTP API and the console, until ctrl-C or SIGTERM.

    Without an API key it serves only this machine; create one with `deskbell key create`.
    """
    # Here, so that no other verb loads the web stack.
    from producers.web.server import serve

    settings = Settings.from_env(
        **{name: value for name, value in (("host", host), ("port", port)) if value is not None}
    )
    tell_unknown_variables(settings)
    with listen(settings.host, settings.port) as listening:
        url = url_of(settings.host, listening.getsockname()[1])
        _warn_if_useless(settings)

        def ready() -> None:
            if as_json:
                answer_json({"url": url})
            note(Phrase("the HTTP API and the console are at {url}", url=url))

        serve(settings, listening, access_log=access_log, ready=ready)
    return ExitCode.DONE


def _warn_if_useless(settings: Settings) -> None:
    """Redis may be away for the moment: then it serves all the same, and /readyz says why not."""
    try:
        with open_ledger(settings) as ledger:
            home, *others = ledger.servers
            refuse_cluster(home.redis, home.settings)
            ApiKeys(ledger).refuse_approvals_without()
            if not ApiKeys(ledger).are_configured() and settings.host not in ("127.0.0.1", "::1", "localhost"):
                note(
                    Phrase(
                        "no API key is configured: requests to {host} from other machines are refused",
                        host=settings.host,
                    )
                )
            note_servers(ledger)
            _warn_if_not_durable(home)
            for server in others:
                _warn_of_other(server)
    except (LedgerUnreachable, LedgerUnwritable) as error:
        note(Phrase("{problem}; until then /readyz answers 503", problem=error.args[0]))


def _warn_if_not_durable(server: Ledger) -> None:
    given = server.assurance.durability
    if not given.is_sure:
        found = Phrase("{found}; {do}", found=given.found, do=given.do)
        note(Phrase("accepted notifications may not be durable: {found}", found=found))


def _warn_of_other(server: Ledger) -> None:
    """Without it all desks but its own are served."""
    try:
        with reachable(server.settings):
            refuse_cluster(server.redis, server.settings)
            _warn_if_not_durable(server)
    except (LedgerUnreachable, LedgerUnwritable) as error:
        note(error.args[0])
