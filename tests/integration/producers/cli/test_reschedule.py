"""`deskbell reschedule`, and how what waits for a time is told, over a real Valkey."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis

from ledger.ledger import Ledger
from ledger.settings import Settings
from producers.cli.command_line import run
from producers.machine_user import machine_user
from tests.integration.producers.cli.announcing_desk import Output, announced, asked
from tests.integration.producers.cli.test_verbs import on_a_terminal

__all__: list[str] = []

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The zone of this machine."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch, empty_valkey: Settings) -> Iterator[Ledger]:
    monkeypatch.setenv("DESKBELL_REDIS_URL", str(empty_valkey.redis))
    monkeypatch.setenv("DESKBELL_RATE", "unlimited")
    settings = Settings.from_env()
    with redis.Redis.from_url(str(settings.redis)) as client:
        yield Ledger(settings, client)


@pytest.fixture
def ids(ledger: Ledger, capsys: Output) -> list[str]:
    """An announcement and an event, both scheduled."""
    id = announced(capsys, "--at", "2h")
    assert run(["send", "--to", "ou_ada", "--text", "x", "--at", "2h", "--expires", "9d"]) == 0
    return [id, capsys.readouterr().out.strip()]


@pytest.fixture
def day() -> str:
    return f"{datetime.now(UTC).date() + timedelta(days=3)}"


def test_a_time_is_read_in_the_zone_that_is_given_and_echoed(ids: list[str], day: str, capsys: Output) -> None:
    for id in ids:
        assert run(["reschedule", id, "--at", f"{day} 09:00", "--timezone", "Asia/Shanghai"]) == 0
        said = capsys.readouterr()
        assert said.out == f"{id}\n"
        assert f"at: {day} 09:00 CST (+08:00), in " in said.err
        told = asked(capsys, "show", id)
        assert (told["state"], told["due_at"]) == ("scheduled", f"{day}T01:00:00.000Z")
        assert [(act["by"], act["did"]) for act in told["acts"][-1:]] == [(machine_user(), "reschedule")]
    assert run(["audit", "--json"]) == 0
    acts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [act["id"] for act in acts if act["did"] == "reschedule"] == ids


def test_without_a_zone_it_is_this_machines_and_json_tells_what_came_of_it(
    ids: list[str], day: str, capsys: Output
) -> None:
    at = datetime.fromisoformat(f"{day} 09:00").astimezone(UTC)
    for id in ids:
        told = asked(capsys, "reschedule", id, "--at", f"{day} 09:00")
        assert told == {"id": id, "state": "scheduled", "due_at": f"{at:%Y-%m-%dT%H:%M}:00.000Z"}


def test_another_state_a_wrong_time_and_an_unknown_id_have_their_exit_codes(
    ids: list[str], ledger: Ledger, capsys: Output
) -> None:
    for at in ("2020-01-01", "soon", "10d"):
        assert run(["reschedule", ids[1], "--at", at]) == 2
        assert capsys.readouterr().err.startswith("deskbell: at: ")
    assert run(["reschedule", ids[1]]) == 2
    assert run(["reschedule", "n_0000000000000000", "--at", "1h"]) == 5
    assert run(["cancel", *ids]) == 0
    capsys.readouterr()
    for id in ids:
        assert run(["reschedule", id, "--at", "1h"]) == 2
        assert capsys.readouterr().err == f"deskbell: cannot reschedule {id}: it is cancelled\n"


def test_a_paused_one_stays_paused_and_says_how_it_goes_on(ids: list[str], capsys: Output) -> None:
    assert run(["pause", ids[0]]) == 0
    assert run(["reschedule", ids[0], "--at", "1h"]) == 0
    assert f"{ids[0]} is still paused: `deskbell resume {ids[0]}`" in capsys.readouterr().err
    assert asked(capsys, "show", ids[0])["state"] == "paused"


def test_eighty_columns_have_room_for_the_state_and_its_time(ids: list[str], day: str) -> None:
    for id in ids:
        assert run(["reschedule", id, "--at", f"{day} 09:00"]) == 0
    for command in (["list"], ["list", "--notifications"], ["show", ids[0]], ["show", ids[1]]):
        told = on_a_terminal(*command)
        assert "scheduled for" in told
        assert f"{day} 09:00" in told
        assert "CET (+01:00)" in told or "CEST (+02:00)" in told
        assert max(map(len, told.splitlines())) <= 80
