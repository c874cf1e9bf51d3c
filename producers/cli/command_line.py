"""`deskbell`: finds the verb, runs it, and turns every error into one line and an exit code."""

import signal
import sys
from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Annotated, NamedTuple

import typer

from ledger.errors import DeskbellError
from producers.cli.output import ExitCode, note

__all__ = ["VERBS", "main", "run"]


class Verb(NamedTuple):
    """`module` is below `producers.cli` and has a `register(app)`; it is imported when the verb is used."""

    module: str
    summary: str


#: In the order of `deskbell --help`. The summaries stand here so that the help need not import the modules.
VERBS = {
    "up": Verb("up", "Run everything on this machine."),
    "send": Verb("send", "Send a message to one or more receivers."),
    "announce": Verb("announce", "Send a message to a file of receivers, or to departments."),
    "list": Verb("list_verb", "List what is on record, newest first."),
    "show": Verb("show", "Show everything about a notification or an announcement."),
    "watch": Verb("watch", "Follow everything, or one announcement or notification."),
    "export": Verb("export", "Write the result of each row of an announcement."),
    "pause": Verb("steer", "Pause announcements."),
    "resume": Verb("steer", "Resume paused announcements or a held desk."),
    "reschedule": Verb("reschedule", "Give another time to what is scheduled."),
    "cancel": Verb("steer", "Cancel what has not been sent yet."),
    "retry": Verb("steer", "Send failed notifications again."),
    "resolve": Verb("steer", "Settle notifications that were maybe sent."),
    "desks": Verb("desks", "List the desks: quota, credentials, holds, counts."),
    "doctor": Verb("doctor", "Check Redis, workers, desks and credentials."),
    "people": Verb("people", "Show what Feishu says of an address."),
    "departments": Verb("contacts", "List the departments that the app may see."),
    "groups": Verb("contacts", "List the user groups that the app may see."),
    "probe": Verb("probe", "Test a tenant with one person."),
    "audit": Verb("audit", "List what people did."),
    "dropped": Verb("dropped_messages", "List dropped messages of Celery applications and hooks."),
    "repair": Verb("repair", "Remove runs of zeros from damaged append-only files."),
    "feishu": Verb("feishu", "Subscribe to the ticket events of a helpdesk."),
    "hook": Verb("hook", "List the hooks, and test one with a payload."),
    "sandbox": Verb("sandbox", "Run a simulated Feishu helpdesk."),
    "web": Verb("web", "Serve the HTTP API and the console."),
    "key": Verb("key", "Create, list and revoke keys of the HTTP API."),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point of `deskbell`. Exits with an ExitCode."""
    # Where the parent ignores it, as some services do, nobody is told how a process ended: every exit code would be 0.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets an escape for it, not a traceback.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and gives its exit code."""
    try:
        done = typer.main.get_command(_app_for(arguments))(
            args=list(arguments), prog_name="deskbell", standalone_mode=False
        )
    except typer.TyperException as error:
        return _tell_usage(error)
    except DeskbellError as error:
        note(str(error))
        return error.exit_code
    except typer.Abort:
        return ExitCode.INTERRUPTED
    return int(done or ExitCode.DONE)


def _app_for(arguments: Sequence[str]) -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    app.callback(epilog="Settings are DESKBELL_… environment variables, also read from .env.")(_deskbell)
    verb = VERBS.get(arguments[0]) if arguments else None
    if verb:
        import_module(f"producers.cli.{verb.module}").register(app)
        return app
    for name, listed in VERBS.items():
        app.command(name, help=listed.summary)(_listed_only)
    return app


def _print_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"deskbell {metadata.version('deskbell')}\n")
        raise typer.Exit


def _deskbell(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Notifications through a Feishu helpdesk bot: paced, retried, rerouted, and recorded."""


def _listed_only() -> None:
    raise RuntimeError("this command is only listed and never runs")


def _tell_usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "deskbell"
    problem = " ".join(error.format_message().split()).replace("Value error, ", "")
    verb = path.removeprefix("deskbell").strip()
    end = "" if problem.endswith((".", "?")) else "."
    note(f"{verb + ': ' if verb else ''}{problem}{end} See `{path} --help`")
    return error.exit_code
