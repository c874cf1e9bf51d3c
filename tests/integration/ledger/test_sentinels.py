"""Sentinels that are silent, want a password, speak IPv6 or TLS: the primary is found, or a short line says why not."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis
from kombu import Connection

from ledger.connection import connect, reachable
from ledger.errors import LedgerUnreachable
from ledger.redis_url import RedisUrl
from ledger.sentinels import Sentinels
from ledger.settings import Settings
from producers.cli.command_line import run
from tests.acceptance.installation import eventually
from tests.calm import Stopwatch
from tests.certificates import Authority, TlsProxy
from tests.valkey_process import ValkeyProcess
from worker.celery.broker import broker_url_of
from worker.celery.message_filter import install_filter
from worker.runtime import runtime

#: With one silent sentinel in front: a second for it, and time enough for the rest.
FOUND_SECONDS = 2.5
SECRET = "hunter2"


@contextmanager
def taking_and_saying_nothing() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def dropping_packets() -> Iterator[int]:
    """Its queue of connections is full, whereupon Linux drops further ones: as a host that is gone."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(server.getsockname())
        yield server.getsockname()[1]


SILENT = [taking_and_saying_nothing, dropping_packets]


class Watched:
    """A primary, and one sentinel that knows it as `m`."""

    def __init__(self, folder: Path, stack: ExitStack, *, bind: str = "127.0.0.1", password: str | None = None) -> None:
        self.primary = stack.enter_context(ValkeyProcess(folder / "primary"))
        (folder / "sentinel").mkdir()
        config = folder / "sentinel" / "sentinel.conf"
        config.write_text(f"sentinel monitor m 127.0.0.1 {self.primary.port} 1\n")
        self.sentinel = stack.enter_context(
            ValkeyProcess(
                folder / "sentinel", config=config, arguments=("--sentinel",), save=None, password=password, bind=bind,
                requirepass=password,
            )
        )  # fmt: skip
        eventually(
            lambda: self.sentinel.client.info("sentinel")["master0"]["status"] == "ok", 10, "it sees the primary"
        )


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with ExitStack() as stack:
        yield Watched(tmp_path_factory.mktemp("watched"), stack)


def settings_of(url: str, **fields: str) -> Settings:
    return Settings(redis_url=url, _env_file=None, **fields)


def found_within(settings: Settings) -> float:
    """Calm seconds until the primary has answered."""
    watch = Stopwatch()
    client = connect(settings)
    client.ping()
    taken = watch.calm_seconds
    client.close()
    return taken


@pytest.mark.parametrize("silent", SILENT)
def test_a_silent_sentinel_costs_a_second(watched: Watched, silent: Callable[[], Iterator[int]]) -> None:
    with silent() as port:
        url = f"sentinel://127.0.0.1:{port},127.0.0.1:{watched.sentinel.port}/m/0"
        assert found_within(settings_of(url)) < FOUND_SECONDS


def test_the_one_that_answered_is_asked_first_the_next_time(watched: Watched) -> None:
    with taking_and_saying_nothing() as port:
        sentinels = Sentinels(RedisUrl.parse(f"sentinel://127.0.0.1:{port},127.0.0.1:{watched.sentinel.port}/m"), "")
        sentinels.discover_master("m")
        watch = Stopwatch()
        assert sentinels.discover_master("m") == ("127.0.0.1", watched.primary.port)
        assert watch.calm_seconds < 0.8
        sentinels.close()


@pytest.mark.parametrize("silent", SILENT)
def test_a_silent_sentinel_costs_celery_a_second_too(
    watched: Watched, silent: Callable[[], Iterator[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with silent() as port:
        url = f"sentinel://127.0.0.1:{port},127.0.0.1:{watched.sentinel.port}/m/3"
        monkeypatch.setenv("DESKBELL_REDIS_URL", url)
        runtime.cache_clear()
        install_filter()
        watch = Stopwatch()
        with Connection(broker_url_of(RedisUrl.parse(url))) as connection:
            channel = connection.channel()
            assert channel.client.connection_pool.connection_kwargs["db"] == 3
            channel.client.ping()
            assert watch.calm_seconds < FOUND_SECONDS
        runtime().sentinels.close()
        runtime.cache_clear()


def test_an_error_says_a_few_words_on_each_sentinel(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with taking_and_saying_nothing() as port:
        addresses = f"127.0.0.1:{port},127.0.0.1:1,127.0.0.1:{watched.sentinel.port}"
        monkeypatch.setenv("DESKBELL_REDIS_URL", f"sentinel://:{SECRET}@{addresses}/other/0")
        watch = Stopwatch()
        assert run(["list"]) == 3
        assert watch.calm_seconds < FOUND_SECONDS
    problem = (
        f"127.0.0.1:{port} is silent; 127.0.0.1:1 is not reached; 127.0.0.1:{watched.sentinel.port} does not know it"
    )
    said = capsys.readouterr().err
    assert said == (
        f"deskbell: Redis at sentinel://{addresses}/other/0 is not reached (no sentinel names a primary of 'other': "
        f"{problem}): check DESKBELL_REDIS_URL and the server\n"
    )


def test_the_sentinels_have_a_password_of_their_own(tmp_path: Path) -> None:
    with ExitStack() as stack:
        watched = Watched(tmp_path, stack, password=SECRET)
        url = f"sentinel://127.0.0.1:{watched.sentinel.port}/m/0"
        found_within(settings_of(url, sentinel_password=SECRET))
        for wrong in ({}, {"sentinel_password": "hunter3"}):
            settings = settings_of(url, **wrong)
            with pytest.raises(LedgerUnreachable) as refusal, reachable(settings):
                found_within(settings)
            assert "refuses DESKBELL_SENTINEL_PASSWORD, or needs one" in str(refusal.value)
            assert "hunter" not in f"{refusal.value} {settings!r}"


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_a_sentinel_may_stand_at_an_ipv6_address(tmp_path: Path) -> None:
    with ExitStack() as stack:
        watched = Watched(tmp_path, stack, bind="127.0.0.1 ::1")
        found_within(settings_of(f"sentinel://[::1]:{watched.sentinel.port}/m/0"))


def test_sentinels_speak_tls_and_are_looked_at(watched: Watched, tmp_path: Path) -> None:
    right, wrong = Authority(tmp_path, "right"), Authority(tmp_path, "wrong")
    with TlsProxy(right.certificate("127.0.0.1"), watched.sentinel.port) as proxy:
        for authority, found in ((right, True), (wrong, False)):
            url = RedisUrl.parse(f"sentinels://127.0.0.1:{proxy.port}/m?ssl_ca_certs={authority.file}")
            sentinels = Sentinels(url, "")
            if found:
                assert sentinels.discover_master("m") == ("127.0.0.1", watched.primary.port)
            else:
                with pytest.raises(redis.ConnectionError, match="has a certificate that is not trusted"):
                    sentinels.discover_master("m")
            sentinels.close()
