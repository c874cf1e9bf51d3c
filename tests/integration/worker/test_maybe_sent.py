"""What was maybe sent: found, looked at and settled on the command line."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from feishu.codes import Kind
from ledger.announcement import Spec
from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Settings
from ledger.states import State
from producers.cli.command_line import run
from tests.integration.worker.feishu_by_hand import FeishuByHand, a_verdict, delivery_by_hand

Output = pytest.CaptureFixture[str]
Asked = Callable[..., Any]
ROWS = 3


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch, empty_valkey: Settings) -> Iterator[Ledger]:
    monkeypatch.setenv("DESKBELL_REDIS_URL", str(empty_valkey.redis))
    opened = Ledger(Settings.from_env())
    yield opened
    opened.redis.close()


@pytest.fixture
def asked(capsys: Output) -> Asked:
    def ask(*arguments: str) -> Any:
        assert run([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return ask


def call_in_vain(ledger: Ledger) -> None:
    """All that waits is sent, and no answer comes."""
    leases = Leases(ledger.redis, ledger.settings, longest_call_ms=1000)
    desk = ledger.settings.desk("default").model_copy(update={"rate": ()})
    silent = FeishuByHand(lambda _: a_verdict(Kind.UNKNOWN, ended="timed out", elapsed_ms=20_003))
    [released] = leases.release([(desk, 100, 100)])
    delivery_by_hand(desk, leases, silent).deliver(released.ids)


@pytest.fixture
def event(ledger: Ledger) -> str:
    asked = Notification.build({"receiver_id": "ou_ada", "text": "hi", "on_unknown": "hold"})
    [accepted] = ledger.accept([asked])
    call_in_vain(ledger)
    return accepted.id


@pytest.fixture
def announcement(ledger: Ledger) -> str:
    spec = Spec(name="Office move", message={"msg_type": "text", "content": {"text": "hi"}})
    id = ledger.announcements.open(spec, key="k", digest="d").id
    ledger.announcements.load(id, [orjson.dumps([row + 2, f"ou_{row}", []]) for row in range(ROWS)])
    ledger.announcements.start(id, spec, ROWS)
    call_in_vain(ledger)
    return id


def test_it_is_listed_and_shown_with_what_left_how_it_ended_and_when(event: str, asked: Asked) -> None:
    assert [each["id"] for each in asked("list", "--notifications", "--state", "unknown")] == [event]
    [attempt] = asked("show", event)["attempts"]
    assert (attempt["outcome"], attempt["ms"]) == ("unknown", 20_003)
    assert attempt["msg"] == "the whole request had left, then: timed out"
    assert attempt["at"] is not None


@pytest.mark.parametrize(("outcome", "state"), [("delivered", "delivered"), ("failed", "failed"), ("resend", "queued")])
def test_who_settles_it_and_when_is_on_record(event: str, asked: Asked, outcome: str, state: str) -> None:
    assert asked("resolve", event, "--as", outcome) == {"id": event, "state": state}
    [act] = asked("show", event)["acts"]
    assert act["did"] == f"resolve as {outcome}"
    assert "@" in act["by"]
    assert act["at"] is not None


@pytest.mark.parametrize(
    ("outcome", "state"), [("delivered", State.DELIVERED), ("failed", State.FAILED), ("resend", State.QUEUED)]
)
def test_all_rows_of_an_announcement_are_settled_at_once(
    ledger: Ledger, announcement: str, asked: Asked, outcome: str, state: State
) -> None:
    assert ledger.announcements.get(announcement).counts[State.UNKNOWN] == ROWS
    assert asked("resolve", "--announcement", announcement, "--as", outcome) == {"id": announcement, "rows": ROWS}
    rows = [row.progress for row in ledger.announcements.rows(announcement)]
    assert {row.state for row in rows} == {state}
    assert {act[2] for row in rows for act in row.acts} == {f"resolve as {outcome}"}
    assert ledger.announcements.get(announcement).counts[state] == ROWS
