"""Loading an announcement over a connection that breaks in the middle of writing rows."""

import itertools
from collections.abc import Iterator

import pytest
import redis
from redis.client import Pipeline

from ledger import loading
from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.integration.ledger.test_announcements import a_spec, some_rows

#: More than one round trip writes.
ROWS = 2 * loading.ROWS * loading.COMMANDS


@pytest.fixture
def ledger(empty_valkey: Settings) -> Iterator[Ledger]:
    ledger = Ledger(empty_valkey)
    yield ledger
    ledger.close()


def cut(settings: Settings) -> None:
    """Every connection but the one that says so."""
    with redis.Redis.from_url(str(settings.redis)) as another:
        another.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


@pytest.mark.parametrize("moment", ["after WATCH", "before EXEC"])
def test_a_connection_that_breaks_over_watched_rows_is_neither_an_error_nor_an_early_end(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """redis-py raises WatchError then, as if somebody had changed the announcement."""
    is_loading, looks = loading._is_loading, itertools.count(1)

    def breaking(pipe: Pipeline, lane_key: str) -> bool:
        at_second = next(looks) == 2
        if at_second and moment == "after WATCH":
            cut(ledger.settings)
        found = is_loading(pipe, lane_key)
        if at_second and moment == "before EXEC":
            cut(ledger.settings)
        return found

    monkeypatch.setattr(loading, "_is_loading", breaking)
    opened = ledger.announcements.open(a_spec(), key="k", digest="d")
    assert ledger.announcements.load(opened.id, some_rows(ROWS)) == ROWS
    assert ledger.redis.hlen(ledger.keys.rows(opened.id)) == ROWS
    assert ledger.announcements.start(opened.id, a_spec(), ROWS)
    assert next(looks) == 4, "the second was done again"


def test_loading_stops_when_another_has_started_it(ledger: Ledger) -> None:
    opened = ledger.announcements.open(a_spec(), key="k", digest="d")
    ledger.announcements.load(opened.id, some_rows(ROWS))
    ledger.announcements.start(opened.id, a_spec(), ROWS)
    assert ledger.announcements.load(opened.id, some_rows(ROWS)) == 0
    assert ledger.redis.ttl(ledger.keys.rows(opened.id)) == -1
