"""The ledger over a real Valkey and over fakeredis: the same tests for both.

Those over fakeredis are slow tests: its Lua takes three times the CPU, and says what the server has said before.
"""

from collections.abc import Iterator
from pathlib import Path

import fakeredis
import pytest
import redis

from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.settings import Desk, Settings
from tests.integration.producers.web.web_thread import WebThread

LONGEST_CALL_MS = 1000


@pytest.fixture(params=["valkey", pytest.param("fakeredis", marks=pytest.mark.slow)])
def client(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    if request.param == "fakeredis":
        yield fakeredis.FakeRedis()
        return
    settings = request.getfixturevalue("empty_valkey")
    with redis.Redis.from_url(str(settings.redis)) as real:
        yield real


@pytest.fixture
def ledger(client: redis.Redis) -> Ledger:
    return Ledger(Settings(_env_file=None), client)


@pytest.fixture
def ledger_of_desks(client: redis.Redis, tmp_path: Path) -> Ledger:
    """The same ledger, with desks beside `default`."""
    desks = tmp_path / "desks.toml"
    desks.write_text("[desk.hr]\n[desk.it]\n[desk.ops]\n", "utf-8")
    return Ledger(Settings(desks=desks, _env_file=None), client)


@pytest.fixture
def leases(client: redis.Redis, ledger: Ledger) -> Leases:
    return Leases(client, ledger.settings, longest_call_ms=LONGEST_CALL_MS)


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    """A desk without limits: slots have tests of their own."""
    return ledger.settings.desk("default").model_copy(update={"rate": ()})


@pytest.fixture
def unsynced_valkey(empty_valkey: Settings) -> Iterator[Settings]:
    """It fsyncs nothing meanwhile: thousands of verbs would test the disk."""
    with redis.Redis.from_url(str(empty_valkey.redis)) as client:
        client.config_set("appendfsync", "no")
        yield empty_valkey
        client.config_set("appendfsync", "always")


@pytest.fixture(scope="module")
def serving(valkey: Settings) -> Iterator[WebThread]:
    """The web process of `web`: a module that needs other settings has a `serving` of its own."""
    with WebThread(valkey) as running:
        yield running


@pytest.fixture
def web(serving: WebThread, empty_valkey: Settings) -> WebThread:
    """One web process for all tests of a module; each starts with an empty ledger."""
    return serving
