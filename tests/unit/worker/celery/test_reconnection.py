"""The way back to Redis that kombu takes inside `publish`: it used to be silent, and deaf to SIGTERM."""

import logging
import socket
from collections.abc import Callable, Iterator
from threading import Event
from types import SimpleNamespace
from typing import NoReturn

import pytest
from celery.exceptions import WorkerShutdown
from celery.worker import state
from kombu.transport.redis import Transport

from worker.celery import broker
from worker.celery.broker import FastReconnectConnection
from worker.watchdog import CONSUMER


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The signs of life that are given."""
    given: list[str] = []
    watchdog = SimpleNamespace(beat=given.append)
    monkeypatch.setattr(broker, "runtime", lambda: SimpleNamespace(watchdog=watchdog, stopping=Event()))
    monkeypatch.setattr(FastReconnectConnection, "_made", broker.deque(maxlen=broker.AT_ONCE))
    return given


@pytest.fixture
def publish() -> Iterator[Callable[[], None]]:
    """Publishes to a Redis that has gone away, as the worker's first event is published: with endless tries."""
    with socket.socket() as bound:  # nobody listens, and nobody else may take the port
        bound.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{bound.getsockname()[1]}/0"
        # kombu's own transport: the worker's, once another test has loaded it, connects to what the settings say.
        with FastReconnectConnection(url, transport=Transport) as connection:

            def lose_connection() -> NoReturn:
                raise ConnectionError("Connection closed by server.")

            yield connection.ensure(SimpleNamespace(), lose_connection)  # type: ignore[no-untyped-call]


def test_a_worker_that_publishes_and_shall_stop_does_not_wait_for_redis(
    beats: list[str], publish: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "should_stop", 0)
    with pytest.raises(WorkerShutdown):
        publish()


def test_a_worker_that_publishes_says_that_it_waits_for_redis(
    beats: list[str],
    publish: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def stop_after_the_first(record: logging.LogRecord) -> bool:
        monkeypatch.setattr(state, "should_stop", 0)
        return True

    broker.log.addFilter(stop_after_the_first)
    try:
        with pytest.raises(WorkerShutdown):
            publish()
    finally:
        broker.log.removeFilter(stop_after_the_first)
    assert "Cannot connect to Redis" in caplog.text
    assert set(beats) == {CONSUMER}


def test_only_a_consumer_that_starts_counts_as_a_connection(beats: list[str]) -> None:
    """Each look for a channel counted as one more, so that a consumer waited for seconds after Redis was back."""
    with FastReconnectConnection("memory://") as connection:
        connection.ensure_connection()
        connection.collect()
        channels = {id(connection.default_channel) for _ in range(10 * broker.AT_ONCE)}
    assert len(channels) == 1
    assert len(FastReconnectConnection._made) == 1
