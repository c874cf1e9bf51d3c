"""Everything that takes part in a run, as processes, with a proxy before Valkey and one before the sandbox."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import requests

from ledger.connection import text
from ledger.embedded import EmbeddedValkey
from ledger.settings import Settings
from tests import forking
from tests.acceptance.installation import START_SECONDS, Installation, WorkerProcess, eventually
from tests.acceptance.web_process import WebProcess
from tests.chaos.backend import API_KEY
from tests.chaos.journal import Journal
from tests.chaos.proxy import Proxy
from tests.chaos.traffic import FAULTS, Traffic

__all__ = ["LEASE_SECONDS", "LONGEST_CALL_SECONDS", "QUOTA", "QUOTA_CALLS", "QUOTA_SECONDS", "ProducerProcess", "Stage"]

ROOT = Path(__file__).parents[2]
#: The sandbox counts it strictly, at arrival. Three quarters of it are asked for on average, so that it is reached.
#: Some seconds long, so that the share of the window that a call may be late (1.5 %) stays above what two busy cores
#: take to get a message to a worker.
QUOTA_CALLS, QUOTA_SECONDS = 400, 10
QUOTA = f"{QUOTA_CALLS}/{QUOTA_SECONDS}second"
#: Of a claim, with DESKBELL_TIMEOUT=1,1: `ledger.leases` adds 15 s to the longest call, which may take 6 s.
LEASE_SECONDS = 21
#: Of a call, for the same reason.
LONGEST_CALL_SECONDS = 6.0
#: Long enough for a killed worker to be in the middle of a call nearly always.
_LATENCY_MS = "50-300"
_WORKERS = 3
_KEEP_CALLS = 1_000_000
#: Calls to one page of the sandbox's record, and for its answer, seconds.
_PAGE, _ANSWER_SECONDS = 5000, 60


class ProducerProcess:
    """A producer that is started again after each kill, until its share is accepted."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str], arguments: Sequence[str]) -> None:
        self.name = name
        self.journal = Journal(folder / f"{name}.journal")
        self._folder, self._arguments = folder, arguments
        self._environment = {**environment, "PYTHONPATH": str(ROOT)}
        self.start()

    def start(self) -> None:
        journal = ("--journal", str(self.journal.path))
        with (self._folder / f"{self.name}.log").open("ab") as output:
            self._process = forking.Popen(
                [sys.executable, "-m", "tests.chaos.producer", *journal, *self._arguments],
                cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip

    @property
    def is_done(self) -> bool:
        return self._process.poll() == 0

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@dataclass
class Stage:
    """`per_second` is how many notifications are asked for, over all producers; `valkey` makes the server."""

    folder: Path
    traffic: Traffic
    per_second: float
    valkey: Callable[[Settings], EmbeddedValkey] = EmbeddedValkey

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            options = ("--demo", "--rate", QUOTA, "--latency-ms", _LATENCY_MS, "--keep-calls", str(_KEEP_CALLS))
            company = self.folder / "company.json"
            company.write_text(self.traffic.company.as_json(), "utf-8")
            options += ("--seed", str(self.traffic.seed), "--directory", str(company))
            limits = {"DESKBELL_RATE": QUOTA, "DESKBELL_TIMEOUT": "1,1"}
            limits |= {"DESKBELL_APPROVAL_ABOVE": str(self.traffic.rows)}
            limits |= {"DESKBELL_API_KEYS": f"chaos:{API_KEY}:send+announce+read"}
            self.installation = undo.enter_context(
                Installation(self.folder, sandbox=options, workers=0, valkey=self.valkey, **limits)
            )
            socket_path, sandbox_port = (
                self.installation.valkey.socket_path,
                urlsplit(self.installation.sandbox.url).port,
            )
            self.to_valkey = undo.enter_context(Proxy(lambda: asyncio.open_unix_connection(socket_path)))
            self.to_sandbox = undo.enter_context(Proxy(lambda: asyncio.open_connection("127.0.0.1", sandbox_port)))
            self.installation.environment |= {
                "DESKBELL_REDIS_URL": f"redis://127.0.0.1:{self.to_valkey.port}/0",
                "DESKBELL_FEISHU_URL": f"http://127.0.0.1:{self.to_sandbox.port}",
            }
            for rule in FAULTS:
                self.installation.sandbox.fault(**rule)
            self.frozen: set[WorkerProcess] = set()
            undo.callback(self.thaw_all)
            self.workers = [self.installation.start_worker() for _ in range(_WORKERS)]
            self.installation.wait_for_workers(_WORKERS)
            self.web = undo.enter_context(WebProcess(self.folder, self.installation.environment))
            self.producers = self._producers()
            undo.callback(self._stop_producers)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _producers(self) -> list[ProducerProcess]:
        shares: list[tuple[str, ...]] = [("--number", str(number)) for number in range(self.traffic.producers)]
        shares[-1] += ("--url", self.web.url)
        shares += [(), ("--to-audiences", "--url", self.web.url)]
        asked_for = [self.traffic.events] * self.traffic.producers
        asked_for += [self.traffic.announced_rows, self.traffic.to_audiences]
        traffic = [part for name, value in asdict(self.traffic).items() for part in (f"--{name}", str(value))]
        return [
            ProducerProcess(
                f"producer{index}", self.folder, self.installation.environment,
                [*traffic, *share, "--per-second", str(self.per_second * its_own / self.traffic.total)],
            )
            for index, (share, its_own) in enumerate(zip(shares, asked_for, strict=True))
        ]  # fmt: skip

    @property
    def to_audiences(self) -> ProducerProcess:
        """The producer that announces to audiences."""
        return self.producers[-1]

    def walking_calls(self) -> int:
        """Calls about the members of departments that the sandbox has counted."""
        return sum(self.installation.sandbox.stats()["calls"].get("department_users", {}).values())

    def _stop_producers(self) -> None:
        for producer in self.producers:
            producer.kill()

    # -- workers

    def ready(self) -> list[WorkerProcess]:
        """Those that have reported and run on."""
        reporting = {
            int(text(member).split(":")[-2])
            for member in self.installation.ledger.redis.zrange(self.installation.ledger.keys.workers, 0, -1)
        }
        return [worker for worker in self.workers if worker.pid in reporting and worker not in self.frozen]

    def wait_until_ready(self, count: int) -> list[WorkerProcess]:
        eventually(lambda: len(self.ready()) >= count, START_SECONDS, f"{count} workers ready")
        return self.ready()

    def kill_worker(self, worker: WorkerProcess) -> float:
        """When it was dead, unix seconds. Another takes its place."""
        worker.kill()
        at = time.time()
        self.replace_worker(worker)
        return at

    def replace_worker(self, worker: WorkerProcess) -> None:
        """Another takes its place. It is killed if it runs on."""
        worker.kill()
        self.frozen.discard(worker)
        self.workers[self.workers.index(worker)] = self.installation.start_worker()

    def freeze(self, worker: WorkerProcess) -> None:
        os.kill(worker.pid, signal.SIGSTOP)
        self.frozen.add(worker)

    def thaw(self, worker: WorkerProcess) -> None:
        """Nothing happens if it was killed meanwhile."""
        if worker in self.frozen:
            os.kill(worker.pid, signal.SIGCONT)
            self.frozen.discard(worker)

    def thaw_all(self) -> None:
        for worker in list(self.frozen):
            self.thaw(worker)

    # -- what there is to compare

    def told(self) -> dict[str, set[str]]:
        """The ids that producers were told, by key."""
        return {key: ids for producer in self.producers for key, ids in producer.journal.answers().items()}

    def starts(self) -> dict[str, float]:
        """When producers first asked for the start of each draft, by id."""
        return {id: at for producer in self.producers for id, at in producer.journal.starts().items()}

    def announced(self) -> list[str]:
        """Ids of the announcements that were accepted."""
        return sorted(id for key, ids in self.told().items() if key[0] == "a" for id in ids)

    def all_ids(self) -> list[str]:
        """Of all notifications that were accepted."""
        ids = []
        for key, told in self.told().items():
            for id in told:
                ids += list(self.traffic.announced(key).ids(id)) if key[0] == "a" else [id]
        return ids

    def calls_so_far(self) -> int:
        """Message calls that the sandbox has counted."""
        return sum(self.installation.sandbox.stats()["calls"].get("message", {}).values())

    def calls(self) -> list[dict[str, Any]]:
        """The message calls that the sandbox received, in order."""
        calls: list[dict[str, Any]] = []
        seq = 0
        while page := self._page(seq):
            seq = page[-1]["seq"]
            calls += [call for call in page if call["path"].endswith("/helpdesk/v1/message")]
        return calls

    def _page(self, since: int) -> list[dict[str, Any]]:
        url = f"{self.installation.sandbox.url}/sandbox/calls?limit={_PAGE}&since={since}"
        page: list[dict[str, Any]] = requests.get(url, timeout=_ANSWER_SECONDS).json()["calls"]
        return page
