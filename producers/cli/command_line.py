"""`deskbell`: finds the verb, runs it, and turns every error into one line and an exit code."""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from typer.core import TyperGroup

from ledger.errors import DeskbellError
from ledger.phrases import Phrase
from producers.cli.language import is_chinese
from producers.cli.output import ExitCode, note

if TYPE_CHECKING:
    from typer._click import Command, Context, HelpFormatter

__all__ = ["GROUPS", "VERBS", "command_for", "main", "run"]


class Verb(NamedTuple):
    """`module` is below `producers.cli` and has a `register(app)`; it is imported when the verb is used."""

    module: str
    summary: str


#: In the order of `deskbell --help`, under its headings. The summaries stand here so that the help need not import the
#: modules.
GROUPS = {
    "Send": {
        "send": Verb("send", "Send a message to one or more receivers."),
        "announce": Verb("announce", "Send a message to a file of receivers, or to departments."),
        "template": Verb("template", "Save, list, show and delete templates of messages."),
        "reschedule": Verb("reschedule", "Give another time to what is scheduled."),
        "people": Verb("people", "Show what Feishu says of an address."),
        "departments": Verb("contacts", "List the departments that the app may see."),
        "groups": Verb("contacts", "List the user groups that the app may see."),
    },
    "Follow": {
        "list": Verb("list_verb", "List what is on record, newest first."),
        "show": Verb("show", "Show everything about a notification or an announcement."),
        "watch": Verb("watch", "Follow everything, or one announcement or notification."),
        "export": Verb("export", "Write the result of each row of an announcement."),
        "audit": Verb("audit", "List what people did."),
        "dropped": Verb("dropped_messages", "List dropped messages of Celery applications and hooks."),
    },
    "Drafts": {
        "test": Verb("testing", "Send one message of a draft to one person."),
        "submit": Verb("drafts", "Ask somebody else to approve a draft."),
        "approve": Verb("drafts", "Approve a draft that was submitted."),
        "reject": Verb("drafts", "Reject a draft, with a reason."),
        "start": Verb("drafts", "Start a draft: accept all its rows."),
        "discard": Verb("drafts", "Delete a draft with its rows."),
        "again": Verb("drafts", "Make a draft of an announcement that was sent."),
        "correct": Verb("drafts", "Stop an announcement, and draft the rest of it."),
    },
    "Decide": {
        "pause": Verb("steer", "Pause announcements."),
        "resume": Verb("steer", "Resume paused announcements or a held desk."),
        "cancel": Verb("steer", "Cancel what has not been sent yet."),
        "retry": Verb("steer", "Send failed notifications again."),
        "resolve": Verb("steer", "Settle notifications that were maybe sent."),
    },
    "Run": {
        "up": Verb("up", "Run everything on this machine."),
        "web": Verb("web", "Serve the HTTP API and the console."),
        "doctor": Verb("doctor", "Check Redis, workers, desks and credentials."),
        "config": Verb("config", "Show the settings in force, and where each is set."),
        "desks": Verb("desks", "List the desks: quota, credentials, holds, counts."),
        "key": Verb("key", "Create, list and revoke keys of the HTTP API."),
        "hook": Verb("hook", "List the hooks, and test one with a payload."),
        "feishu": Verb("feishu", "Subscribe to the ticket events of a helpdesk."),
        "probe": Verb("probe", "Test a tenant with one person."),
        "repair": Verb("repair", "Remove runs of zeros from damaged append-only files."),
        "sandbox": Verb("sandbox", "Run a simulated Feishu helpdesk."),
    },
}
VERBS = {name: verb for group in GROUPS.values() for name, verb in group.items()}
#: Set by the shell's script of completion, which then wants what could come next.
_COMPLETING = "_DESKBELL_COMPLETE"


class _Verbs(TyperGroup):
    """All verbs, listed under their headings."""

    def format_commands(self, _: "Context", formatter: "HelpFormatter") -> None:
        for heading, verbs in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(f"{name:11}", verb.summary) for name, verb in verbs.items()])


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
    arguments = _spelt_out(arguments)
    try:
        command = command_for(_completed_words() or arguments)
        done = command(args=arguments, prog_name="deskbell", standalone_mode=_COMPLETING in os.environ)
    except typer.TyperException as error:
        return _tell_usage(error)
    except DeskbellError as error:
        note(error.args[0])
        return error.exit_code
    except typer.Abort:
        return ExitCode.INTERRUPTED
    return int(done or ExitCode.DONE)


def _spelt_out(arguments: Sequence[str]) -> list[str]:
    """`deskbell` alone and `deskbell help send` are what people try first."""
    first, *rest = arguments or ["help"]
    return [*rest, "--help"] if first == "help" else list(arguments)


def _completed_words() -> list[str]:
    """Those of the line that is completed, but for the program and the word that is being written."""
    words = (
        os.environ.get("COMP_WORDS", os.environ.get("_TYPER_COMPLETE_ARGS", "")) if _COMPLETING in os.environ else ""
    )
    return words.split()[1:]


def command_for(arguments: Sequence[str]) -> "Command":
    """All verbs, or the one that is used; it alone can be run. It shows its help in the language of the environment."""
    command = typer.main.get_command(_app_for(arguments))
    for parameter in command.params:
        if parameter.name == "install_completion":
            parameter.callback = _install_completion
    if is_chinese():
        # Here, so that English does not load it.
        from producers.cli.chinese_help import offer_in_chinese, speak_chinese

        speak_chinese(command)
        if _COMPLETING in os.environ:
            offer_in_chinese(command)
    return command


def _app_for(arguments: Sequence[str]) -> typer.Typer:
    app = typer.Typer(
        cls=_Verbs,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(epilog="Settings are DESKBELL_… environment variables, also read from .env.")(_deskbell)
    verb = VERBS.get(arguments[0]) if arguments else None
    if verb:
        import_module(f"producers.cli.{verb.module}").register(app)
        return app
    for name, listed in VERBS.items():
        app.command(name, help=listed.summary)(_listed_only)
    return app


def _install_completion(context: "Context", _: object, shell: str | bool | None) -> None:
    """Instead of Typer's, which tells what it did in English."""
    if shell and not context.resilient_parsing:
        from typer.completion import install  # type: ignore[attr-defined]

        name, path = install(shell=shell) if isinstance(shell, str) else install()
        note(Phrase("completion for {shell} was installed in {path}: open a new terminal", shell=name, path=str(path)))
        raise typer.Exit


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
    from producers.cli.usage_phrases import heard

    context = getattr(error, "ctx", None)
    path = context.command_path if context else "deskbell"
    problem = heard(" ".join(error.format_message().split()).replace("Value error, ", ""))
    if verb := path.removeprefix("deskbell").strip():
        problem = Phrase("{command}: {problem}", command=verb, problem=problem)
    if problem.endswith((".", "?")):
        note(Phrase("{problem} See `{path} --help`", problem=problem, path=path))
    else:
        note(Phrase("{problem}. See `{path} --help`", problem=problem, path=path))
    return error.exit_code
