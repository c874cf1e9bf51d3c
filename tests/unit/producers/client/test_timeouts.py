"""How long a call of the Python client takes when nobody answers, against real sockets."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from deskbell import BadInput, LedgerUnreachable, Notifier
from tests.unit.producers.client.scripted_server import CUT, answer, scripted

__all__: list[str] = []

ID = "n_06hzb2k1c9f3q8rd"
Connect = Callable[..., Notifier]


@pytest.fixture(params=["redis", "http"])
def connect(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """A notifier by each of the two ways, to a port of this machine."""

    def through_redis(port: int, **options: float) -> Notifier:
        monkeypatch.setenv("DESKBELL_REDIS_URL", f"redis://:hush@127.0.0.1:{port}/0")
        return Notifier.from_env(**options)

    def through_http(port: int, **options: float) -> Notifier:
        return Notifier.http(f"http://127.0.0.1:{port}", "dbk_hush", **options)

    return through_redis if request.param == "redis" else through_http


def seconds_until_unreachable(call: Callable[[], object]) -> float:
    began = time.monotonic()
    with pytest.raises(LedgerUnreachable):
        call()
    return time.monotonic() - began


@contextmanager
def a_silent_server() -> Iterator[int]:
    """The kernel takes the connections, and nobody ever answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield server.getsockname()[1]


def a_refused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.parametrize("timeout", [{}, {"timeout": 60.0}], ids=["by default", "a minute"])
def test_a_refused_connection_is_told_within_a_second(connect: Connect, timeout: dict[str, float]) -> None:
    with connect(a_refused_port(), **timeout) as notifier:
        assert seconds_until_unreachable(lambda: notifier.send(receiver_id="ou_ada", text="hi")) < 1
        assert seconds_until_unreachable(lambda: notifier.get(ID)) < 1


def test_a_server_that_never_answers_is_given_up_when_the_time_is_over(connect: Connect) -> None:
    with a_silent_server() as port, connect(port, timeout=0.6) as notifier:
        assert 0.5 < seconds_until_unreachable(lambda: notifier.send(receiver_id="ou_ada", text="hi")) < 1.5
        assert 0.5 < seconds_until_unreachable(lambda: notifier.get(ID)) < 1.5


@pytest.mark.slow
def test_five_seconds_unless_the_program_says_otherwise(connect: Connect) -> None:
    with a_silent_server() as port, connect(port) as notifier:
        assert 4.5 < seconds_until_unreachable(lambda: notifier.get(ID)) < 7


def test_a_call_whose_answer_was_lost_is_repeated_only_within_the_timeout() -> None:
    with scripted(*[CUT] * 1000) as server, Notifier.http(server.url, timeout=0.8) as notifier:
        assert seconds_until_unreachable(lambda: notifier.send(receiver_id="ou_ada", text="hi")) < 1.5
        assert len(server.asked) > 1


def test_the_time_counts_for_all_tries_together() -> None:
    late = answer(503, {}, "Retry-After: 1")
    with scripted(late) as server, Notifier.http(server.url, timeout=0.8) as notifier:
        assert seconds_until_unreachable(lambda: notifier.get(ID)) < 0.8
        assert len(server.asked) == 1


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_a_timeout_is_a_number_of_seconds(connect: Connect, seconds: float) -> None:
    with pytest.raises(BadInput, match="timeout: must be a number of seconds"):
        connect(1, timeout=seconds)


def test_the_repr_says_where_it_leads_and_no_secret(connect: Connect) -> None:
    told = repr(connect(8480))
    assert "127.0.0.1:8480" in told
    assert told.startswith(("Notifier(LedgerBackend('redis://", "Notifier(HttpBackend('http://"))
    assert "hush" not in told
