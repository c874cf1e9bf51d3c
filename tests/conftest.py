"""Fixtures shared by all suites: surroundings that are the same everywhere, and a real Valkey."""

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck
from hypothesis import settings as property_settings

from ledger.embedded import EmbeddedValkey
from ledger.settings import Settings
from tests import surroundings
from tests.few import TIMES
from tests.power.disk import NoCompiler
from tests.power.valkey import CuttableValkey


def pytest_configure() -> None:
    """In each process of the run, before any module of tests is read."""
    surroundings.settle()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is loaded for all tests stays as long as the process, so nobody looks through it for garbage.

    That took half the time of loading it, and some of each test.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


# A property says what is true, not how fast: by itself Hypothesis fails where a case takes 0.2 s, or few are made in a
# second, as on a busy machine.
property_settings.register_profile(
    "without a clock",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=25 * TIMES,
)
property_settings.load_profile("without a clock")


@pytest.fixture(scope="session")
def _empty_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(autouse=True)
def _no_surroundings(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _empty_folder: Path
) -> Iterator[None]:
    """Neither variables nor files that another test left behind, nor a `.env`, reach a test.

    A folder for each would take a tenth of the unit tests' time: only one that asks for `tmp_path` is in it.
    """
    for name in list(os.environ):
        if name.startswith("DESKBELL_"):
            monkeypatch.delenv(name)
    has_own = "tmp_path" in request.fixturenames
    monkeypatch.chdir(request.getfixturevalue("tmp_path") if has_own else _empty_folder)
    yield
    if os.listdir(_empty_folder):
        shutil.rmtree(_empty_folder)
        _empty_folder.mkdir()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """One real Valkey for the session, append-only; the value is the settings that reach it."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("valkey"), _env_file=None)
    with EmbeddedValkey(settings):
        yield settings


@pytest.fixture
def empty_valkey(valkey: Settings) -> Settings:
    with redis.Redis.from_url(str(valkey.redis)) as client:
        client.flushall()
    return valkey


@pytest.fixture
def cuttable_valkey(tmp_path: Path) -> Iterator[CuttableValkey]:
    """One whose power can be cut. Not started. Without a C compiler the test is skipped, but never in CI."""
    try:
        valkey = CuttableValkey(Settings(data_dir=tmp_path / "data", _env_file=None))
    except NoCompiler as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
    yield valkey
    valkey.stop()
