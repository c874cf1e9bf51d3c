"""Searching events while others come and go."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger import search as module
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.search import Search

__all__: list[str] = []

PORTION = 10


@pytest.fixture(autouse=True)
def _small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PORTION", PORTION)


def accept(ledger: Ledger, count: int) -> list[str]:
    """Their ids, newest first."""
    asked = [Notification.build({"receiver_id": "ou_ada", "text": "s3cret body"}) for _ in range(count)]
    return [accepted.id for accepted in ledger.accept(asked)][::-1]


def found_with(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], Any]) -> list[str]:
    """The ids on one page, when something happens after its first portion was read."""
    read, portions = ledger.get_known, iter([meanwhile])

    def reading(ids: Any) -> Any:
        records = read(ids)
        next(portions, lambda: None)()
        return records

    monkeypatch.setattr(ledger, "get_known", reading)
    return [record.id for record in Search().page(ledger, 100).records]


def test_an_event_is_found_once_although_others_come_while_the_page_is_read(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = accept(ledger, 3 * PORTION)
    found = found_with(ledger, monkeypatch, lambda: accept(ledger, 3))
    assert sorted(found) == sorted(ids)


def test_no_event_is_missed_although_others_leave_the_index_while_the_page_is_read(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = accept(ledger, 3 * PORTION)
    newest = ledger.redis.zrevrange(ledger.keys.events, 0, 2)
    found = found_with(ledger, monkeypatch, lambda: ledger.redis.zrem(ledger.keys.events, *newest))
    assert sorted(found) == sorted(ids)
