"""An empty ledger; an installation with everything that a page can show, and somebody who may do everything there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.browser.scenery import DESKS, Scenery
from tests.integration.console.console_visitor import Visitor


@pytest.fixture
def ledger(empty_valkey: Settings) -> Iterator[Ledger]:
    ledger = Ledger(Settings(data_dir=empty_valkey.data_dir, _env_file=None))
    yield ledger
    ledger.redis.close()


@pytest.fixture
def scenery(empty_valkey: Settings, tmp_path: Path) -> Scenery:
    (tmp_path / "desks.toml").write_text(DESKS)
    settings = Settings(data_dir=empty_valkey.data_dir, desks=tmp_path / "desks.toml", _env_file=None)
    scenery = Scenery(Ledger(settings), scale=10)
    scenery.build()
    return scenery


@pytest.fixture
def operator(url: str, scenery: Scenery) -> Visitor:
    return Visitor(url).sign_in(scenery.operator)
