"""The health check of a worker's container."""

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping

from tests.acceptance.installation import Installation, eventually

HOST = socket.gethostname()
#: Starting Python with Celery in it takes several times as much, seconds of CPU; this one is told below.
CPU_OF_CELERY = [sys.executable, "-c", "import celery.bin.celery, worker"]


def health(installation: Installation, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return _run([sys.executable, "-m", "ledger.worker_health", *arguments], {**installation.environment, **environment})


def _run(command: list[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def _cpu_seconds(command: list[str], environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(command, environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_worker_is_healthy_as_long_as_it_reports(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation(workers=1)
    [worker] = installation.workers
    told = health(installation)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(f"healthy: process {worker.pid} of {HOST} reported ")

    elsewhere = health(installation, "another-host")
    assert elsewhere.returncode == 1
    assert "no worker of another-host has reported within 5 s" in elsewhere.stderr

    os.kill(worker.pid, signal.SIGSTOP)
    frozen = eventually(lambda: _unhealthy(installation), 30, "a frozen worker is unhealthy")
    assert f"no worker of {HOST} has reported within 5 s" in frozen
    os.kill(worker.pid, signal.SIGCONT)
    eventually(lambda: health(installation).returncode == 0, 30, "it is healthy once it goes on")


def _unhealthy(installation: Installation) -> str:
    told = health(installation)
    return told.stderr if told.returncode else ""


def test_it_says_when_redis_is_away(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation(workers=0)
    told = health(installation, DESKBELL_REDIS_URL="redis://:a-secret@127.0.0.1:1/0")
    assert told.returncode == 1
    assert "unhealthy: Redis at redis://127.0.0.1:1/0 is not reached" in told.stderr
    assert "a-secret" not in told.stderr
    wrong = health(installation, DESKBELL_RATE="many")
    assert wrong.returncode == 1
    assert "unhealthy: DESKBELL_RATE" in wrong.stderr


def test_it_loads_neither_celery_nor_the_worker(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation(workers=0)
    loaded = "import sys, ledger.worker_health; sys.exit(' '.join(sys.modules))"
    modules = {
        name.partition(".")[0] for name in _run([sys.executable, "-c", loaded], installation.environment).stderr.split()
    }
    assert "redis" in modules
    assert modules.isdisjoint({"celery", "kombu", "worker", "producers", "console", "fastapi", "starlette"})
    check = [sys.executable, "-m", "ledger.worker_health"]
    assert _cpu_seconds(check, installation.environment) < _cpu_seconds(CPU_OF_CELERY, installation.environment)
