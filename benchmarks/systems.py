"""The compared systems: how work is enqueued, and how workers start."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.announcements import announced, wait_for_rewrite
from benchmarks.exact import check_all_delivered
from benchmarks.peers.environment import HERE, interpreter
from ledger.announcement import Spec
from ledger.ledger import MOST_AT_ONCE, Ledger
from ledger.notification import Notification
from ledger.settings import Settings

__all__ = ["BATCHED", "CREDENTIALS", "DRAMATIQ", "NAIVE", "TASKIQ", "System", "accept_events", "announcing", "deskbell"]

#: A message as long as the peers'.
TEXT = "The backup of db-3 has failed twice. " + "Please look at the disk and at the log of the night. " * 3
#: A desk whose API accepts any credentials, as TOML.
CREDENTIALS = 'app_id = "cli_1"\napp_secret = "s"\nhelpdesk_id = "1"\nhelpdesk_token = "h"\n'

Enqueue = Callable[[Mapping[str, str], int], None]
Commands = Sequence[Sequence[str | Path]]


@dataclass(frozen=True)
class System:
    """`enqueue(environment, count)` adds the work, `workers(latency_ms)` are the commands that do it.

    `per_second` is the approximate rate, for runs of equal length; `warm_up` notifications are sent before the measured
    ones.
    """

    name: str
    per_second: int
    enqueue: Enqueue
    workers: Callable[[int], Commands]
    desks: int = 0
    warm_up: int = 0
    rate: str = "unlimited"
    #: Of its Valkey. `everysec` is what the server does by itself, and what a peer's users run.
    appendfsync: str = "everysec"
    #: Whether a run waits until all is sent.
    drains: bool = True
    #: Raises NotExact unless the system's own record has so many notifications, all delivered.
    check: Callable[[Mapping[str, str], int], None] | None = None

    def environment(self, folder: Path, redis_url: str, api_url: str) -> dict[str, str]:
        desks = "".join(f"[desk.d{number}]\n{CREDENTIALS}" for number in range(self.desks))
        (folder / "desks.toml").write_text(desks, "utf-8")
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("DESKBELL_")},
            "BENCH_REDIS_URL": redis_url,
            "BENCH_API_URL": api_url,
            "DESKBELL_REDIS_URL": redis_url,
            "DESKBELL_FEISHU_URL": api_url,
            "DESKBELL_RATE": self.rate,
            "DESKBELL_DESKS": str(folder / "desks.toml"),
            "DESKBELL_DATA_DIR": str(folder),
            "PYTHONPATH": os.pathsep.join((str(HERE), str(HERE.parents[1]))),
        }


def _by(peer: str, script: str, *arguments: str) -> Enqueue:
    def enqueue(environment: Mapping[str, str], count: int) -> None:
        command = [interpreter(peer), HERE / script, *arguments, str(count)]
        subprocess.run(command, env=environment, check=True)

    return enqueue


def _celery(threads: int) -> Callable[[int], Commands]:
    """The best pool for each latency, as for the others: processes when CPU is scarce, threads when calls are slow."""

    def workers(latency_ms: int) -> Commands:
        base = [interpreter("celery"), "-m", "celery", "--quiet", "-A", "celery_app", "worker", "--loglevel", "ERROR"]
        base += ["--without-gossip", "--without-mingle"]
        if not latency_ms:
            return [[*base, "--pool", "prefork", "--concurrency", "3"]]
        return [[*base, "--pool", "threads", "--concurrency", str(threads), "-n", f"w{n}@%h"] for n in range(2)]

    return workers


def _dramatiq(latency_ms: int) -> Commands:
    processes, threads = ("2", "48") if latency_ms else ("3", "4")
    command = [interpreter("dramatiq"), "-m", "dramatiq", "dramatiq_app"]
    return [[*command, "--processes", processes, "--threads", threads]]


def _taskiq(latency_ms: int) -> Commands:
    threads = "48" if latency_ms else "2"
    base = [interpreter("taskiq"), "-m", "taskiq", "worker", "taskiq_app:broker", "--log-level", "ERROR"]
    return [[*base, "--workers", "2", "--max-threadpool-threads", threads, "--max-async-tasks", "200"]]


NAIVE = System("naive Celery, a task each", 400, _by("celery", "celery_app.py", "one"), _celery(32))
BATCHED = System("Celery, tasks of 100", 1500, _by("celery", "celery_app.py", "many"), _celery(48))
DRAMATIQ = System("dramatiq", 700, _by("dramatiq", "dramatiq_app.py"), _dramatiq)
TASKIQ = System("taskiq, Redis stream", 1000, _by("taskiq", "taskiq_app.py"), _taskiq)


def deskbell(desks: int = 500, rate: str = "unlimited") -> System:
    """Events, spread over the desks. Each desk fetches its token and its ticket list in the warm-up."""

    def enqueue(environment: Mapping[str, str], count: int) -> None:
        ledger = _ledger(environment)
        for desk in range(desks):
            accept_events(ledger, f"d{desk}", range(desk, count, desks))
        ledger.redis.close()

    def check(environment: Mapping[str, str], count: int) -> None:
        ledger = _ledger(environment)
        check_all_delivered(ledger, (f"d{desk}" for desk in range(desks)), count)
        ledger.redis.close()

    per_second, name = 4000 if rate == "unlimited" else 1500, f"Deskbell, {desks:,} desks, {rate}"
    return System(name, per_second, enqueue, _deskbell, desks, desks, rate, "always", check=check)


def accept_events(ledger: Ledger, desk: str, numbers: Iterable[int]) -> None:
    """One for each number, which makes its receiver."""
    events = [Notification.build({"receiver_id": f"ou_{number}", "text": TEXT, "desk": desk}) for number in numbers]
    for start in range(0, len(events), MOST_AT_ONCE):
        ledger.accept(events[start : start + MOST_AT_ONCE])


def announcing(rows: int) -> System:
    """An announcement of this many rows, part of which is sent."""

    def enqueue(environment: Mapping[str, str], _: int) -> None:
        ledger = _ledger(environment)
        spec = Spec(name="Waiting", message={"msg_type": "text", "content": {"text": TEXT}}, desk="d0")
        announced(ledger, rows, "waiting", spec, receiver=str)
        wait_for_rewrite(ledger)
        ledger.redis.close()

    return System(
        f"Deskbell, {rows:,} rows waiting", 3000, enqueue, _deskbell, desks=1, appendfsync="always", drains=False
    )


def _ledger(environment: Mapping[str, str]) -> Ledger:
    folder, desks = Path(environment["DESKBELL_DATA_DIR"]), Path(environment["DESKBELL_DESKS"])
    return Ledger(Settings(redis_url=environment["DESKBELL_REDIS_URL"], data_dir=folder, desks=desks, _env_file=None))


def _deskbell(latency_ms: int) -> Commands:
    processes, threads = 3, 48 if latency_ms else 4
    base = [sys.executable, "-m", "celery", "--quiet", "-A", "worker", "worker", "--pool", "threads"]
    base += ["--without-gossip", "--without-mingle", "--loglevel", "ERROR", "--concurrency", str(threads)]
    return [[*base, "-n", f"w{n}@%h"] for n in range(processes)]
