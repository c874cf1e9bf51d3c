"""What a process logs while Redis is away: one line when it begins, one when it ends, and what is not about it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from kombu.exceptions import OperationalError

from ledger import outage_log
from ledger.errors import LedgerUnreachable
from ledger.outage_log import OutageLog
from ledger.settings import Settings

SAYS = "Error 111 connecting to 127.0.0.1:1. Connection refused."
REFUSED = redis.ConnectionError(SAYS)
#: A test ends at the latest after this, seconds.
PATIENCE_SECONDS = 30
#: For a run of the thread that looks, many times over, seconds.
A_WHILE = 0.2


class Server:
    """What the log asks whether Redis answers."""

    def __init__(self) -> None:
        self.problem: Exception | None = redis.ConnectionError(SAYS)
        self.asked = 0

    def look(self) -> None:
        self.asked += 1
        if self.problem:
            raise self.problem


class Lines(logging.Handler):
    """What gets through, as a file would have it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def lines(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    monkeypatch.setattr(outage_log, "CALM_SECONDS", A_WHILE)
    settings = Settings(redis_url="redis://127.0.0.1:1/0", data_dir=tmp_path, _env_file=None)
    handler = Lines()
    handler.addFilter(OutageLog(settings, server.look, sleep=lambda _: time.sleep(0.01)))
    root = logging.getLogger()
    root.addHandler(handler)
    yield handler.lines
    server.problem = None
    until(lambda: not any(thread.name == "outage" for thread in threading.enumerate()))
    root.removeHandler(handler)


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except type(error) as caught:
        return caught


ABOUT_IT = {
    "redis-py, with its traceback": lambda log: log.error("it failed", exc_info=raised(REFUSED)),
    "no answer in time": lambda log: log.warning("the pacer pauses: %s", redis.TimeoutError("Timeout reading")),
    "a server that loads its files": lambda log: log.error("%r", redis.exceptions.BusyLoadingError("LOADING")),
    "celery, which tries again": lambda log: log.error("Cannot connect to %s: %s. %s", "redis://", REFUSED, "again"),
    "kombu's own error": lambda log: log.error("lost", exc_info=raised(OperationalError("gone"), REFUSED)),
    "kombu's silent connection": lambda _: logging.getLogger("kombu.transport.redis").warning(
        "Redis BRPOP got no reply for %.0f seconds; dropping stale connection", 4
    ),
    "the ledger's error": lambda log: log.warning("no data: %s", LedgerUnreachable("Redis is not reached (gone)")),
}  # fmt: skip


@pytest.mark.parametrize("says", ABOUT_IT.values(), ids=ABOUT_IT)
def test_one_line_when_it_begins_and_one_when_it_ends(
    says: Callable[[logging.Logger], None], lines: list[str], server: Server
) -> None:
    for _ in range(50):
        says(logging.getLogger("somebody"))
    assert len(lines) == 1
    assert lines[0].startswith("Redis ")
    assert "is not reached (" in lines[0]
    server.problem = None
    until(lambda: len(lines) == 2)
    assert lines[1].startswith("Redis at redis://127.0.0.1:1/0 answers again, after ")


def test_it_is_not_over_while_somebody_still_fails(
    lines: list[str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(outage_log, "time", clock)
    log = logging.getLogger("somebody")
    log.error("%s", REFUSED)
    server.problem = None
    for _ in range(12):
        server.asked = 0
        until(lambda: server.asked > 2)
        clock.now += A_WHILE / 4
        log.error("%s", REFUSED)
    assert len(lines) == 1
    clock.now += 2 * A_WHILE
    until(lambda: len(lines) == 2)


def test_a_failure_that_goes_on_although_redis_answers_is_told_again(
    lines: list[str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage_log, "ANSWERS_SECONDS", A_WHILE)
    monkeypatch.setattr(outage_log, "CALM_SECONDS", PATIENCE_SECONDS)
    server.problem = None
    log = logging.getLogger("somebody")

    def again() -> bool:
        log.error("%s", REFUSED)
        return len(lines) >= 3

    until(again)
    assert ["is not reached" in line for line in lines[:3]] == [True, False, True]


NOT_ABOUT_IT = {
    "an error of our own": RuntimeError("a bug"),
    "an error while Redis was away": raised(RuntimeError("a bug in what handles it"), redis.ConnectionError(SAYS)),
    "a script that fails": redis.ResponseError("ERR user_script:12"),
    "a full Redis": redis.exceptions.OutOfMemoryError("OOM command not allowed"),
    "a command that is not allowed": redis.exceptions.NoPermissionError("NOPERM"),
    "the disk": OSError(28, "No space left on device"),
    "the API": ConnectionResetError(104, "Connection reset by peer"),
}


@pytest.mark.parametrize("error", NOT_ABOUT_IT.values(), ids=NOT_ABOUT_IT)
def test_nothing_else_is_hidden_and_its_traceback_is_as_it_was(error: BaseException, lines: list[str]) -> None:
    log = logging.getLogger("somebody")
    log.warning("Redis is away: %s", REFUSED)
    log.error("it failed: %s", error, exc_info=raised(error, error.__cause__))
    log.error("it failed: %s", error)
    assert len(lines) == 3
    assert "Traceback (most recent call last)" in lines[1]
    assert "/outage_log.py" not in lines[1]
    assert lines[2] == f"it failed: {error}"


def test_why_a_worker_ends_is_told_whatever_the_reason(lines: list[str]) -> None:
    logging.getLogger("celery.worker.worker").critical("Unrecoverable error: %r", REFUSED, exc_info=raised(REFUSED))
    assert len(lines) == 1
    assert "Traceback" in lines[0]


def test_a_server_that_answers_with_another_error_is_back(lines: list[str], server: Server) -> None:
    logging.getLogger("somebody").warning("%s", REFUSED)
    server.problem = redis.exceptions.NoPermissionError("NOPERM")
    until(lambda: len(lines) == 2)
    assert "answers again" in lines[1]
