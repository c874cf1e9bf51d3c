"""A worker that hangs ends itself; one that is stopped, or has lost Redis, does not."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.states import State
from tests.acceptance.installation import Installation, WorkerProcess, eventually
from tests.integration.producers.cli.up_process import deskbell, until, up
from worker.watchdog import EXIT_CODE

#: Makes a worker hang in one of its parts, once a file of that name is there. Silence is counted in shorter ticks: the
#: real three minutes are too long for a test.
HANGS = """
import os, re, signal, sys, threading, time
from pathlib import Path

def hang(*_):
    time.sleep(1_000_000)

def hang_the_pacer():
    sys.modules["worker.leader"].Heartbeat.beat = hang

def hang_the_consumer():
    os.kill(os.getpid(), signal.SIGWINCH)  # handled by the main thread, in its event loop

def hog_the_interpreter():
    re.match("(a+)+$", "a" * 64 + "b")

def interfere():
    while getattr(sys.modules.get("worker"), "app", None) is None:
        time.sleep(0.05)
    watchdog = sys.modules["worker.watchdog"]
    watchdog.TICK_SECONDS, watchdog.FROZEN_TICKS, watchdog.HOG_CPU_SECONDS = 0.1, 50, 4.0
    while True:
        for name, act in {"pacer": hang_the_pacer, "consumer": hang_the_consumer, "hog": hog_the_interpreter}.items():
            file = Path(os.environ["HANG"], name)
            if file.exists():
                file.unlink()
                act()
        time.sleep(0.1)

signal.signal(signal.SIGWINCH, hang)
threading.Thread(target=interfere, daemon=True, name="interfere").start()
"""
#: Longer than the silence that ends it, seconds.
LONGER_SECONDS = 9


def hanging_by(folder: Path) -> dict[str, str]:
    """The environment of a worker that can be made to hang, by the name of its part as a file in this folder."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HANGS)
    return {"PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}", "HANG": str(folder)}


def start_worker(installation: Installation, folder: Path) -> WorkerProcess:
    return installation.start_worker(**hanging_by(folder))


@pytest.mark.timeout(600)
def test_a_worker_that_hangs_says_where_and_ends_itself(
    new_installation: Callable[..., Installation], tmp_path: Path
) -> None:
    """Compose restarts what ends, and nothing that is only unhealthy; so does `deskbell up`."""
    installation = new_installation(workers=0)
    workers = {part: start_worker(installation, tmp_path / part) for part in ("pacer", "consumer", "hog")}
    installation.wait_for_workers(3)
    installation.start_worker()
    installation.wait_for_workers(4)

    for part in workers:
        (tmp_path / part / part).touch()
    codes = {part: worker.wait(60) for part, worker in workers.items()}

    assert codes == {"pacer": EXIT_CODE, "consumer": EXIT_CODE, "hog": -signal.SIGPROF}
    for part, worker in workers.items():
        told = worker.log.read_text("utf-8")
        assert ("this worker ends itself: its " + part in told) is (part != "hog")
        assert 'sitecustomize.py", line' in told
        assert "(most recent call first)" in told
    ids = installation.accept(*(f"ou_after{number}" for number in range(20)))
    installation.wait_until_delivered(ids, seconds=60)
    assert installation.counts() == {State.DELIVERED: 20}


@pytest.mark.timeout(600)
def test_up_starts_a_worker_again_that_has_hung(tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    with up(tmp_path, "--sandbox", DESKBELL_WORKERS="1", **hanging_by(hook)) as running:
        running.announced()
        (hook / "pacer").touch()
        until(lambda: "worker1 ended by itself with exit code 70; restarting it" in running.said(), running)
        sent = deskbell(tmp_path, "send", "--to", "ou_ada", "--text", "hi", "--wait", "90", "--json")
        assert sent.returncode == 0, running.said()


@pytest.mark.timeout(600)
def test_a_worker_without_redis_or_stopped_for_long_goes_on(
    new_installation: Callable[..., Installation], tmp_path: Path
) -> None:
    installation = new_installation(workers=0)
    worker = start_worker(installation, tmp_path / "worker")
    installation.wait_for_workers(1)
    installation.wait_until_delivered(installation.accept("ou_before"), seconds=30)

    installation.kill_valkey()
    time.sleep(LONGER_SECONDS)
    installation.valkey.start()
    installation.wait_until_delivered(installation.accept("ou_after_redis"), seconds=30)

    os.kill(worker.pid, signal.SIGSTOP)
    time.sleep(LONGER_SECONDS)
    os.kill(worker.pid, signal.SIGCONT)
    installation.wait_until_delivered(installation.accept("ou_after_stop"), seconds=30)

    assert worker.runs
    (tmp_path / "worker" / "consumer").touch()
    eventually(lambda: not worker.runs, 60, "and it is still watched")
    assert worker.wait(1) == EXIT_CODE
