"""Outages in the logs of real processes: one line when one begins, one when it ends, and no traceback."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.acceptance.installation import Installation, eventually
from tests.acceptance.web_process import WebProcess

#: How long Redis is killed, and how long it is frozen, seconds.
KILLED_SECONDS, FROZEN_SECONDS = 15, 10
#: From the return to the line about it, at most, seconds: `ledger.outage_log`.
TOLD_SECONDS = 15
#: What is asked of the web process all along.
ASKED = ("/console/", "/console/needs", "/metrics", "/readyz", "/v1/notifications")
SERIOUS = re.compile(r"^[-\d]+ [:,\d]+ (?:WARNING|ERROR|CRITICAL) (.*)$", re.MULTILINE)


def serious(log: Path) -> list[str]:
    """The lines at WARNING or above. Fails on a traceback."""
    text = log.read_text("utf-8")
    assert "Traceback" not in text
    return SERIOUS.findall(text)


@contextmanager
def people(web: WebProcess) -> Iterator[None]:
    """Ask for pages and post notifications, one after the other, and one has a page open."""
    gone = threading.Event()

    def ask() -> None:
        while not gone.wait(0.3):
            for path in ASKED:
                requests.get(web.url + path, timeout=60)
            requests.post(web.url + "/v1/notifications", json={"receiver_id": "ou_a", "text": "hi"}, timeout=60)

    def watch() -> None:
        while not gone.wait(0.3):
            with requests.get(f"{web.url}/console/live/now", stream=True, timeout=60) as stream:
                for _ in stream.iter_lines():
                    if gone.is_set():
                        break

    threads = [threading.Thread(target=each) for each in (ask, watch)]
    for thread in threads:
        thread.start()
    yield
    gone.set()
    for thread in threads:
        thread.join()


def freeze(installation: Installation) -> None:
    pid = installation.valkey.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    time.sleep(FROZEN_SECONDS)
    os.kill(pid, signal.SIGCONT)


def kill(installation: Installation) -> None:
    installation.kill_valkey()
    time.sleep(KILLED_SECONDS)
    installation.valkey.start()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("away", [kill, freeze])
def test_each_process_logs_two_lines_about_an_outage_of_redis(
    new_installation: Callable[..., Installation], away: Callable[[Installation], None]
) -> None:
    installation = new_installation(workers=1)
    [worker] = installation.workers
    with WebProcess(installation.folder, installation.environment) as web:
        with people(web):
            installation.wait_until_delivered(installation.accept("ou_before"), seconds=20)
            away(installation)
            for log in (worker.log, web.log):
                eventually(lambda log=log: len(serious(log)) >= 2, TOLD_SECONDS, f"the end in {log.name}")  # type: ignore[misc]
            installation.wait_until_delivered(installation.accept("ou_after"), seconds=20)
        for log in (worker.log, web.log):
            begin, end = serious(log)
            assert re.match(r"ledger\.outage_log: Redis at unix:\S+ is not reached \([^)]+\)", begin), log.name
            assert re.match(r"ledger\.outage_log: Redis at unix:\S+ answers again, after \d+ s", end), log.name


def silent(installation: Installation) -> Callable[[], None]:
    """The sandbox is stopped, and takes connections."""
    pid = installation.sandbox.pid
    os.kill(pid, signal.SIGSTOP)
    return lambda: os.kill(pid, signal.SIGCONT)


def unavailable(installation: Installation) -> Callable[[], None]:
    answer = {"status": 503, "code": 1, "msg": "away"}
    installation.sandbox.fault({}, {"answer": answer})
    return installation.sandbox.forget_faults


@pytest.mark.timeout(300)
@pytest.mark.parametrize("away", [silent, unavailable])
def test_two_lines_tell_of_an_outage_of_feishu_however_many_notifications_meet_it(
    new_installation: Callable[..., Installation], away: Callable[[Installation], Callable[[], None]]
) -> None:
    installation = new_installation(workers=2, DESKBELL_TIMEOUT="1,1")
    back = away(installation)
    ids = installation.accept(*(f"ou_{number}" for number in range(60)))
    hold = eventually(installation.hold, 20, "an outage")
    eventually(lambda: (installation.hold() or hold)["interval"] > hold["interval"], 20, "a probe in vain")
    back()

    installation.wait_until_delivered(ids, seconds=60)
    told = [line for worker in installation.workers for line in serious(worker.log)]
    begin, end = sorted(told)
    assert begin.startswith("worker.claimed: desk held (outage): Feishu does not answer, or answers with errors")
    assert re.match(r"worker\.claimed: the desk is no longer held, after \d+ s desk=default", end)
