"""A site: everything that Deskbell is when it runs, on this machine, each part a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from ledger.connection import text
from ledger.embedded import EmbeddedValkey
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.record import Accepted
from ledger.settings import Settings
from ledger.states import State
from tests import forking
from tests.acceptance.sandbox_process import APP_ID, APP_SECRET, HELPDESK_ID, HELPDESK_TOKEN, SandboxProcess
from tests.calm import Stopwatch

__all__ = ["MARKER", "Installation", "WorkerProcess", "eventually", "soon"]

#: Stands in every message: whatever log has it repeats a message body.
MARKER = "BODY-7f3a-nobody-may-log-this"
#: How much longer than an idle machine takes is waited for anything that must happen: the processors may be busy with
#: something else. What must happen soon is judged by counts, by order, or by `soon`.
PATIENCE = 5
#: For a worker to report that it lives, seconds.
START_SECONDS = 30
#: For a worker to end after SIGTERM, seconds. Then it is killed, and its log tells what its threads were doing.
STOP_SECONDS = 30
#: For a worker to tell what its threads are doing, seconds.
TELL_SECONDS = 10
#: Of one command, seconds.
COMMAND_SECONDS = 180
#: Between two looks, seconds.
LOOK_AGAIN_SECONDS = 0.02

T = TypeVar("T")


def eventually(look: Callable[[], T], seconds: float, what: str) -> T:
    """Looks again and again until there is something, and gives it. Fails, naming `what`, after PATIENCE times what an
    idle machine takes at most."""
    deadline = time.monotonic() + PATIENCE * seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE} times {seconds} s: {what}")
        time.sleep(LOOK_AGAIN_SECONDS)
    return found


def soon(look: Callable[[], T], seconds: float, what: str) -> T:
    """`eventually`, and within so many seconds, without those in which something waited for a processor."""
    watch = Stopwatch()
    found = eventually(look, seconds, what)
    if watch.calm_seconds > seconds:
        raise AssertionError(f"after {watch.calm_seconds:.1f} s, not within {seconds} s: {what}")
    return found


class WorkerProcess:
    """One Celery worker, started as the Procfile does it."""

    def __init__(self, name: str, environment: dict[str, str], log: Path) -> None:
        self.name, self.log = name, log
        command = [
            *(sys.executable, "-m", "celery", "-A", "worker", "worker"),
            *("--pool", "threads", "--concurrency", "8", "--without-gossip", "--without-mingle"),
            *("--loglevel", "INFO", "--hostname", f"{name}@%h"),
        ]
        with log.open("ab") as output:
            self._process = forking.Popen(
                command, cwd=log.parent, env={"PYTHONFAULTHANDLER": "1", **environment},
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def terminate(self) -> None:
        """SIGTERM, without waiting."""
        self._process.terminate()

    def wait(self, seconds: float) -> int:
        """The exit code, within so many calm seconds."""
        watch = Stopwatch()
        code = self._process.wait(PATIENCE * seconds)
        if watch.calm_seconds > seconds:
            raise AssertionError(f"{self.name} ended after {watch.calm_seconds:.1f} s, not within {seconds} s")
        return code

    def kill(self) -> None:
        """SIGKILL: it gets no chance to do anything more."""
        self._process.kill()
        self._process.wait(STOP_SECONDS)

    def stop(self) -> None:
        if self.runs:
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)
            with suppress(subprocess.TimeoutExpired):  # it may be stopped
                self._process.wait(TELL_SECONDS)
            self.kill()


class Installation:
    """An own Valkey, an own sandbox, and workers. `environment` is laid over that of commands and workers."""

    def __init__(
        self,
        folder: Path,
        *,
        sandbox: Sequence[str] = ("--rate", "unlimited"),
        workers: int = 2,
        valkey: Callable[[Settings], EmbeddedValkey] = EmbeddedValkey,
        **environment: str,
    ) -> None:
        self.folder = folder
        self._make_valkey = valkey
        self._sandbox_options = sandbox
        self._workers_at_start = workers
        self._closing = ExitStack()
        self.workers: list[WorkerProcess] = []
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DESKBELL_")},
            "DESKBELL_DATA_DIR": str(folder / "data"),
            "DESKBELL_APP_ID": APP_ID,
            "DESKBELL_APP_SECRET": APP_SECRET,
            "DESKBELL_HELPDESK_ID": HELPDESK_ID,
            "DESKBELL_HELPDESK_TOKEN": HELPDESK_TOKEN,
            "DESKBELL_RATE": "unlimited",
            **environment,
        }

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.valkey = self._make_valkey(self._settings())
            undo.callback(self.valkey.stop)
            self.valkey.start()
            self.sandbox = undo.enter_context(SandboxProcess(*self._sandbox_options, log=self.folder / "sandbox.log"))
            self.environment.setdefault("DESKBELL_FEISHU_URL", self.sandbox.url)
            self.ledger = Ledger(self._settings())
            undo.callback(self.ledger.redis.close)
            undo.callback(self.stop_workers)
            for _ in range(self._workers_at_start):
                self.start_worker()
            self.wait_for_workers(self._workers_at_start)
            self._closing = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def _settings(self) -> Settings:
        desks = self.environment.get("DESKBELL_DESKS")
        return Settings(data_dir=self.folder / "data", desks=desks, _env_file=None)

    # -- workers

    def start_worker(self, **environment: str) -> WorkerProcess:
        """Starts one more; `environment` is laid over that of the site."""
        name = f"w{len(self.workers) + 1}"
        worker = WorkerProcess(name, {**self.environment, **environment}, self.folder / f"{name}.log")
        self.workers.append(worker)
        return worker

    def wait_for_workers(self, count: int) -> None:
        """Until so many that run have reported."""
        eventually(lambda: len(self._reporting() & self._pids()) >= count, START_SECONDS, f"{count} workers up")

    def stop_workers(self) -> None:
        for worker in self.workers:
            if worker.runs:
                worker.terminate()
        for worker in self.workers:
            worker.stop()

    def kill_valkey(self) -> None:
        """SIGKILL. `valkey.start()` starts it again on the same files."""
        if self.valkey.pid is None:
            raise RuntimeError("the Valkey does not run")
        os.kill(self.valkey.pid, signal.SIGKILL)
        self.valkey.stop()

    @property
    def leader_pid(self) -> int | None:
        """Of the worker whose pacer leads."""
        leader = self.ledger.redis.get(self.ledger.keys.leader)
        return int(text(leader).split(":")[-2]) if leader else None

    def leading_worker(self) -> WorkerProcess:
        pid = eventually(lambda: self.leader_pid, 5, "a leading pacer")
        return next(worker for worker in self.workers if worker.pid == pid)

    def _reporting(self) -> set[int]:
        members = self.ledger.redis.zrange(self.ledger.keys.workers, 0, -1)
        return {int(text(member).split(":")[-2]) for member in members}

    def _pids(self) -> set[int]:
        return {worker.pid for worker in self.workers if worker.runs}

    # -- notifications, straight through the ledger

    def accept(self, *receivers: str, **fields: Any) -> list[str]:
        """Accepts one notification for each receiver, and gives their ids."""
        found = self.ledger.accept([_notification(receiver, fields) for receiver in receivers])
        return [accepted.id for accepted in found]

    def send(self, receiver_id: str, **fields: Any) -> Accepted:
        return self.ledger.accept([_notification(receiver_id, fields)])[0]

    def shown(self, id: str) -> dict[str, Any]:
        return self.ledger.get(id).as_json()

    def wait_for_state(self, id: str, state: State, seconds: float = 10) -> dict[str, Any]:
        """The record, once it is in this state."""
        eventually(lambda: self.ledger.get(id).progress.state is state, seconds, f"{id} {state}")
        return self.shown(id)

    def wait_until_delivered(self, ids: Iterable[str], seconds: float) -> list[dict[str, Any]]:
        """The records of all, once all are delivered."""
        wanted = list(ids)
        eventually(lambda: self._are_delivered(wanted), seconds, f"{len(wanted)} delivered")
        return [record.as_json() for record in self.ledger.get_many(wanted)]

    def _are_delivered(self, ids: Sequence[str]) -> bool:
        return all(record.progress.state is State.DELIVERED for record in self.ledger.get_many(ids))

    def hold(self, desk: str = "default") -> dict[str, Any] | None:
        """What the desk's hold says, if it is held."""
        found = self.ledger.redis.hget(self.ledger.keys.desk(desk), "hold")
        hold: dict[str, Any] | None = json.loads(found) if found else None
        return hold

    def counts(self, desk: str = "default") -> dict[State, int]:
        """How many events of the desk are in each state; states without any are left out."""
        return {state: count for state, count in self.ledger.counts(desk).items() if count}

    def dropped(self) -> int:
        """Celery messages that were counted as dropped."""
        return int(self.ledger.redis.get(self.ledger.keys.dropped) or 0)

    # -- the command line

    def deskbell(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Runs one command to its end, with this environment or that of the site."""
        return forking.run(
            [Path(sys.executable).parent / "deskbell", *arguments],
            cwd=self.folder, env=environment or self.environment, stdin=subprocess.DEVNULL,
            text=True, timeout=COMMAND_SECONDS,
        )  # fmt: skip

    def deskbell_json(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Any:
        """What a command prints with --json. Fails unless it exits with 0."""
        done = self.deskbell(*arguments, "--json", environment=environment)
        if done.returncode != 0:
            raise AssertionError(f"deskbell {arguments[0]} exited with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)


def _notification(receiver_id: str, fields: dict[str, Any]) -> Notification:
    body = {} if "message" in fields else {"text": MARKER}
    return Notification.build({"receiver_id": receiver_id, **body, **fields})
