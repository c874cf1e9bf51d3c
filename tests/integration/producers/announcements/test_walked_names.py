"""People whom walks have found are found by name, for a while and up to a number."""

import pytest

from ledger.ledger import Ledger
from producers.announcements.audience import walked_names
from producers.announcements.audience.walked_names import WalkedNames, WalkedPerson

__all__: list[str] = []

ADA = WalkedPerson("ou_ada", "Ada Lovelace", "Engines")
LI = WalkedPerson("ou_li", "李雷", "")


@pytest.fixture
def names(ledger: Ledger) -> WalkedNames:
    return WalkedNames(ledger, "default")


def test_a_part_of_a_name_in_any_case_finds_its_owner(names: WalkedNames) -> None:
    names.keep([LI, ADA, WalkedPerson("ou_nameless", "", "")])
    assert names.found("ADA", 10) == [ADA]
    assert names.found("雷", 10) == [LI]
    assert names.found("", 10) == [ADA, LI]
    assert names.found("", 1) == [ADA]
    assert names.found("engines", 10) == []
    assert names.names(["ou_li", "ou_nobody"]) == {"ou_li": "李雷"}


def test_they_are_kept_for_as_long_as_addresses(names: WalkedNames, ledger: Ledger) -> None:
    names.keep([ADA])
    key = ledger.keys.walked_names(ledger.settings.desk("default").app)
    left_ms = int(ledger.redis.pttl(key))
    assert 0 < left_ms <= ledger.settings.people_for.total_seconds() * 1000


def test_those_of_earlier_walks_go_when_there_are_too_many(names: WalkedNames, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walked_names, "MOST_PEOPLE", 3)
    names.keep([ADA, LI])
    names.keep([WalkedPerson(f"ou_{n}", f"Bob {n}", "") for n in range(5)])
    assert [each.name for each in names.found("", 10)] == ["Bob 0", "Bob 1", "Bob 2"]
