"""Which servers are too old, and what is said of them; Compose and the embedded server are not."""

from pathlib import Path

import pytest
import yaml

from ledger.server_floors import FLOORS, OldServer

ROOT = Path(__file__).resolve().parents[3]


def valkey(version: str) -> dict[str, str]:
    """As Valkey says it: with the version of Redis that it is compatible with."""
    return {"valkey_version": version, "redis_version": "7.2.4"}


@pytest.mark.parametrize(
    ("info", "floor"),
    [
        (valkey("9.1.1"), "9.1.2"),
        (valkey("9.0.5"), "9.0.6"),
        (valkey("8.1.9"), "8.1.10"),
        (valkey("8.0.10"), "8.0.11"),
        (valkey("7.2.14"), "7.2.15"),
        ({"redis_version": "8.2.8"}, "8.2.9"),
        ({"redis_version": "7.4.10"}, "7.4.11"),
        ({"redis_version": "6.2.23"}, "6.2.24"),
        ({"redis_version": "8.10.0"}, "8.10.1"),
        ({"redis_version": "7.0.15"}, "8.10.1"),  # a line that gets no fixes any more
        ({"redis_version": "8.0.6"}, "8.10.1"),
    ],
)
def test_a_server_below_the_floor_of_its_line_is_too_old(info: dict[str, str], floor: str) -> None:
    old = OldServer.of(info)
    assert old
    assert old.floor == floor
    assert old.version in old.found
    assert floor in old.do


@pytest.mark.parametrize(
    "info",
    [
        valkey("9.1.2"),
        valkey("9.1.4"),
        valkey("9.0.6"),
        valkey("8.1.12"),
        valkey("8.0.11"),
        valkey("9.2.0"),
        valkey("10.0.0"),
        {"redis_version": "8.10.1"},
        {"redis_version": "7.2.16"},
        {"redis_version": "8.12.0"},
        {"redis_version": "unstable"},
        {"redis_version": "7.2"},
        {},
    ],
)
def test_a_server_at_its_floor_or_of_a_later_line_is_not(info: dict[str, str]) -> None:
    assert OldServer.of(info) is None


def test_a_transaction_cut_in_two_is_told_of_valkey_alone() -> None:
    old, redis = OldServer.of(valkey("9.1.1")), OldServer.of({"redis_version": "7.2.4"})
    assert old
    assert redis
    assert "power cut" in old.found
    assert "power cut" not in redis.found


@pytest.mark.parametrize("name", FLOORS)
def test_a_floor_is_of_its_line(name: str) -> None:
    assert all(floor[:2] == line and len(floor) == 3 for line, floor in FLOORS[name].items())


def test_compose_pins_a_release_that_is_not_too_old() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    name, _, tag = compose["services"]["valkey"]["image"].partition(":")
    version = tag.removesuffix("-alpine")
    assert name == "valkey/valkey"
    assert len([int(number) for number in version.split(".")]) == 3, "a patch version: a line says nothing"
    assert OldServer.of(valkey(version)) is None
    assert tuple(map(int, version.split(".")[:2])) in FLOORS["Valkey"]


@pytest.mark.parametrize("name", FLOORS)
def test_the_page_has_the_floors_of_the_code(name: str) -> None:
    floors = ", ".join(".".join(map(str, floor)) for floor in FLOORS[name].values())
    assert f"| {name} | {floors} |" in (ROOT / "docs/deploy.md").read_text("utf-8")
