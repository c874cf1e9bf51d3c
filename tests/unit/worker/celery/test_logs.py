"""What a worker logs about an outage names the server that is away."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis

from ledger.connection import note_server
from ledger.outage_log import OutageLog
from ledger.settings import Settings
from worker.celery import logs

HOME, OWN = "redis://127.0.0.1:1/0", "redis://127.0.0.1:2/0"


@pytest.fixture
def handler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> logging.Handler:
    """Of a worker of the second server of two."""
    desks = tmp_path / "desks.toml"
    desks.write_text(f'[desk.hr]\nredis = "{OWN}"\n', "utf-8")
    settings = Settings(redis_url=HOME, server=OWN, desks=desks, _env_file=None)
    monkeypatch.setattr(logs, "runtime", lambda: SimpleNamespace(settings=settings))
    monkeypatch.setattr(OutageLog, "_watch", lambda _: None)
    monkeypatch.setattr(logs, "_CHATTY", ())
    handler = logging.NullHandler()
    logger = logging.getLogger(__name__)
    monkeypatch.setattr(logger, "handlers", [handler])
    logs._format_lines(logger)
    return handler


def told_about(handler: logging.Handler, error: Exception, caplog: pytest.LogCaptureFixture) -> str:
    record = logging.LogRecord("celery", logging.ERROR, "", 0, "%s", (error,), None)
    with caplog.at_level(logging.ERROR, "ledger.outage_log"):
        assert not handler.filter(record)
    return caplog.text


def test_an_error_of_the_broker_is_about_the_server_of_the_worker(
    handler: logging.Handler, caplog: pytest.LogCaptureFixture
) -> None:
    assert OWN in told_about(handler, redis.ConnectionError("gone"), caplog)


def test_an_error_of_another_server_names_that(handler: logging.Handler, caplog: pytest.LogCaptureFixture) -> None:
    error = redis.ConnectionError("gone")
    note_server(error, Settings(redis_url=HOME, _env_file=None))
    assert HOME in told_about(handler, error, caplog)
