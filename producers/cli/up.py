"""`deskbell up`: Valkey, workers, web and optionally a sandbox, on this machine, until ctrl-C."""

import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated

import redis
import typer
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from ledger.api_keys import ApiKeys
from ledger.cluster import refuse_cluster
from ledger.connection import reachable
from ledger.delivery_options import DEFAULT_DESK
from ledger.embedded import EmbeddedValkey
from ledger.errors import BadInput, DeskbellError, LedgerUnreachable
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.practice import left_for_commands, practice_directory
from ledger.rate import rate_text
from ledger.settings import Settings
from ledger.workers import live_workers
from producers.cli.access import open_ledger
from producers.cli.language import translated
from producers.cli.output import ExitCode, answer_json, note, printable
from producers.cli.revival import Revival
from producers.cli.sandbox import check_directory
from producers.cli.supervisor import LOOK_SECONDS, Program, StopSignals, Supervisor
from producers.hooks.hook_file import load_hooks
from producers.web.listening import listen, reachable_at, url_of

__all__ = ["register"]

#: A port that is taken is tried again for so long, seconds.
TAKEN_SECONDS = 3.0
#: Beyond the longest call (a token's fetch and a send), for what a worker records and hands back when it stops.
MARGIN_SECONDS = 5.0
_WORKER = "worker"
#: Runs a program so that it ends when this process does, however that ends.
_CHILD = Path(__file__).with_name("child.py")
_one_line_at_a_time = threading.Lock()
_EXAMPLES = """\b
Examples:
  deskbell up
  deskbell up --sandbox"""
#: The app and the helpdesk that a sandbox knows when it is told of no others.
_PRACTICE = {
    "app_id": "cli_sandbox",
    "app_secret": "sandbox-secret",
    "helpdesk_id": "1000000000000000000",
    "helpdesk_token": "ht-sandbox",
}


SandboxPort = Annotated[
    int,
    typer.Option("--sandbox-port", metavar="P", min=0, max=65535, help="The sandbox's port; 0 takes a free one."),
]
SandboxDirectory = Annotated[
    Path | None,
    typer.Option(
        "--sandbox-directory",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="People, departments and groups of the sandbox, in TOML or JSON. Default: a small company.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print {redis, workers, pids, sandbox, web} once everything is up.")
]


def register(app: typer.Typer) -> None:
    app.command("up", epilog=_EXAMPLES)(up)


def up(
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Send to a simulated Feishu on this machine instead of the real one.")
    ] = False,
    sandbox_port: SandboxPort = 0,
    sandbox_directory: SandboxDirectory = None,
    as_json: AsJson = False,
) -> int:
    """Run everything on this machine: workers, the web side, and a Valkey under the data directory unless
    DESKBELL_REDIS_URL is set.

    With --sandbox it has a ledger of its own, in which all commands work while it runs.

    Ctrl-C or SIGTERM stops it after calls in flight are finished and recorded. A second one stops it at once.
    """
    settings = _settings(sandbox, sandbox_port, sandbox_directory).servers[0]
    load_hooks(settings)  # what is wrong there is told at once, rather than by a web side that starts again and again
    with StopSignals() as signals, ExitStack() as stack:
        valkey = stack.enter_context(EmbeddedValkey(settings)) if settings.embedded else None
        settings = _with_a_port(settings)
        if sandbox:
            stack.enter_context(left_for_commands(settings.data_dir, _practice_settings(settings)))
        ledger = stack.enter_context(open_ledger(settings))
        _check(ledger)
        programs = _programs(settings, practising=sandbox, directory=sandbox_directory)
        supervisor = stack.enter_context(_supervisor(settings, signals, programs, practising=sandbox))
        _keep_running(supervisor, valkey, signals, announcement=_Announcement(supervisor, ledger, sandbox, as_json))
        _note(Phrase("stopping after calls in flight are finished"))
    _note(Phrase("stopped"))
    return ExitCode.DONE


def _check(ledger: Ledger) -> None:
    """Raises BadInput for what cannot work."""
    home, *others = ledger.servers
    refuse_cluster(home.redis, home.settings)
    for server in others:
        # Without it the desks of the others can be served all the same.
        try:
            with reachable(server.settings):
                refuse_cluster(server.redis, server.settings)
        except LedgerUnreachable as error:
            _note(error.args[0])
    ApiKeys(ledger).refuse_approvals_without()


def _supervisor(settings: Settings, signals: StopSignals, programs: list[Program], *, practising: bool) -> Supervisor:
    if practising:
        note(
            Phrase(
                "practice: a ledger of its own, {folder}; everything in it goes to the sandbox at {url}, nothing goes"
                " to Feishu",
                folder=str(settings.data_dir),
                url=settings.feishu_url,
            )
        )
    return Supervisor(
        programs,
        _environment(settings, practising=practising),
        _say,
        grace_seconds=2 * sum(settings.timeout) + MARGIN_SECONDS,
        hurry=lambda: signals.asked > 1,
    )


def _keep_running(
    supervisor: Supervisor, valkey: EmbeddedValkey | None, signals: StopSignals, announcement: "_Announcement"
) -> None:
    """Returns when a signal asks to stop. Raises DiesTooOften, LedgerUnreachable."""
    revival = Revival(valkey, _note) if valkey else None
    while not signals.asked:
        supervisor.look()
        if revival:
            revival.look()
        announcement.look()
        time.sleep(LOOK_SECONDS)


def _settings(sandbox: bool, sandbox_port: int, sandbox_directory: Path | None) -> Settings:
    for name, given in (("port", sandbox_port), ("directory", sandbox_directory)):
        if given and not sandbox:
            raise BadInput(f"--sandbox-{name}", Phrase("give --sandbox too"))
    if sandbox_directory:
        check_directory(sandbox_directory)
    return _practising(sandbox_port) if sandbox else Settings.from_env()


def _practising(port: int) -> Settings:
    """The settings with a sandbox in Feishu's place, and with a ledger of their own.

    They replace what is set: with real credentials in `.env` this must not send anything for real, and what waits in a
    real ledger must not go to the sandbox. Raises BadInput for a desk of the file that has a URL of its own.
    """
    settings = Settings.from_env(
        feishu_url=f"http://127.0.0.1:{port or _free_port()}",
        data_dir=practice_directory(Settings.from_env().data_dir),
        redis_url=None,
        **_PRACTICE,
    )
    for desk in settings.all_desks.values():
        if desk.redis:
            problem = Phrase(
                "desk {name} would not stay in the practice's ledger: remove its redis", name=repr(desk.name)
            )
            raise BadInput("DESKBELL_DESKS", problem)
        if desk.feishu_url != settings.feishu_url:
            raise BadInput(
                "DESKBELL_DESKS",
                Phrase("desk {name} would not send to the sandbox: remove its feishu_url", name=repr(desk.name)),
            )
    return settings


def _with_a_port(settings: Settings) -> Settings:
    """With a real one in place of port 0. Raises DeskbellError for one that somebody else has."""
    # The web side of an `up` that was killed a moment ago may still be about to end.
    retrying = Retrying(
        retry=retry_if_exception_type(DeskbellError),
        wait=wait_fixed(LOOK_SECONDS),
        stop=stop_after_delay(TAKEN_SECONDS if settings.port else 0),
        reraise=True,
    )
    with retrying(listen, settings.host, settings.port) as listening:
        return settings.model_copy(update={"port": listening.getsockname()[1]})


def _free_port() -> int:
    # Somebody else may take it before the sandbox does: then that one cannot listen, says so, and `up` gives up.
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _programs(settings: Settings, *, practising: bool, directory: Path | None) -> list[Program]:
    # -P: no module of the current directory is taken for ours.
    python = (sys.executable, "-P", str(_CHILD), str(os.getpid()))
    programs: list[Program] = []
    for server in settings.servers:
        for _ in range(settings.workers):
            name = f"{_WORKER}{len(programs) + 1}"
            arguments = (*python, "worker", "--concurrency", str(settings.concurrency), "--hostname", f"{name}@%h")
            programs.append(Program(name, arguments, environment={"DESKBELL_SERVER": server.server or ""}))
    # Stopped first: what it has accepted waits for the workers of the next start.
    programs.append(Program("web", (*python, "producers.cli", "web"), stop_turn=-1))
    if practising:
        port = settings.feishu_url.rpartition(":")[2]
        rate = rate_text(settings.desk(DEFAULT_DESK).rate)
        people = ("--directory", str(directory.absolute())) if directory else ()
        sandbox = (*python, "sandbox", "--demo", "--port", port, "--rate", rate, *people)
        # Stopped after the workers: their last calls want an answer.
        programs.insert(0, Program("sandbox", sandbox, stop_turn=1))
    return programs


def _environment(settings: Settings, *, practising: bool) -> Mapping[str, str]:
    environment = {
        **os.environ,
        "DESKBELL_DATA_DIR": str(settings.data_dir.absolute()),
        "DESKBELL_HOST": settings.host,
        "DESKBELL_PORT": str(settings.port),
        "PYTHONUNBUFFERED": "1",  # else their lines come when a buffer is full
    }
    if practising:
        # Empty counts as unset, also above what `.env` says.
        kept = _practice_settings(settings)
        environment |= {f"DESKBELL_{name.upper()}": value or "" for name, value in kept.items()}
    return environment


def _practice_settings(settings: Settings) -> dict[str, str | None]:
    """The settings that a practice replaces."""
    data_dir = str(settings.data_dir.absolute())
    return {"data_dir": data_dir, "redis_url": None, "feishu_url": settings.feishu_url, **_PRACTICE}


def _note(text: Phrase) -> None:
    _say(f"deskbell: {translated(text)}")


def _say(line: str) -> None:
    # The terminal may have gone, or the disk with the log be full; the processes' output must be taken off them all the
    # same, or they would block.
    with _one_line_at_a_time, suppress(OSError):
        sys.stderr.write(printable(line) + "\n")
        sys.stderr.flush()


class _Announcement:
    """Says once that everything is up: when all workers that were started here have reported, and the web listens."""

    def __init__(self, supervisor: Supervisor, ledger: Ledger, practising: bool, as_json: bool) -> None:
        self._supervisor, self._ledger, self._settings = supervisor, ledger, ledger.settings
        self._practising, self._as_json = practising, as_json
        self._made = False
        self._others = list(ledger.servers[1:])
        self._web = url_of(self._settings.host, self._settings.port)

    def look(self) -> None:
        if not self._made and self._all_report() and reachable_at(self._settings.host, self._settings.port):
            self._made = True
            self._make()

    def _all_report(self) -> bool:
        pids = {pid for name, pid in self._supervisor.pids.items() if name.startswith(_WORKER)}
        if len(pids) < self._settings.workers * len(self._ledger.servers):
            return False
        try:
            workers = live_workers(self._ledger.redis, self._ledger.keys)
        except (redis.ConnectionError, redis.TimeoutError):
            return False  # Redis is away for the moment; the workers wait for it too
        for server in list(self._others):
            try:
                workers += live_workers(server.redis, server.keys)
            except (redis.ConnectionError, redis.TimeoutError):
                self._others.remove(server)  # nothing else waits for it
        reported = pids & {worker.pid for worker in workers if worker.host == socket.gethostname()}
        return len(reported) >= self._settings.workers * (1 + len(self._others))

    def _make(self) -> None:
        where = ", ".join(str(server.settings.redis) for server in self._ledger.servers)
        count = self._settings.workers * len(self._ledger.servers)
        if self._as_json:
            sandbox_url = self._settings.feishu_url if self._practising else None
            pids = self._supervisor.pids
            answer_json({"redis": where, "workers": count, "pids": pids, "sandbox": sandbox_url, "web": self._web})
        _note(
            Phrase(
                "Deskbell is up: Redis {where}, {n} worker, console {url}"
                " | Deskbell is up: Redis {where}, {n} workers, console {url}",
                where=where,
                n=count,
                url=self._web,
            )
        )
