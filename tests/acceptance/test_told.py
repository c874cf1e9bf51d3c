"""What Deskbell itself writes to people, from real workers that are killed: pauses, results, tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ledger.record import Record
from ledger.states import State
from tests.acceptance.installation import Installation, eventually

__all__: list[str] = []

ROWS, FIRST = 240, 60
BOSS = "ou_boss"
#: What is in flight when its worker is killed rests after its lease: 18 s with DESKBELL_TIMEOUT=1,1.
REST_SECONDS = 40


@pytest.fixture
def busy(new_installation: Callable[..., Installation]) -> Installation:
    return new_installation(
        sandbox=("--rate", "unlimited", "--latency-ms", "5-15"), DESKBELL_RATE="100/second", DESKBELL_TIMEOUT="1,1"
    )


def kill_all(installation: Installation) -> None:
    for worker in installation.workers:
        if worker.runs:
            worker.kill()


def notices(installation: Installation) -> list[Record]:
    return [each for each in installation.ledger.events() if each.notification.receiver_id == BOSS]


def are_settled(installation: Installation, count: int) -> bool:
    states = [each.progress.state for each in notices(installation)]
    return len(states) == count and set(states) <= {State.DELIVERED, State.UNKNOWN}


def standing(installation: Installation, id: str) -> str:
    return str(installation.ledger.announcements.get(id).state)


def texts(installation: Installation, receiver: str) -> list[Any]:
    return [json.loads(call["body"]["content"]) for call in installation.sandbox.sends(receiver)]


@pytest.mark.timeout(300)
def test_a_pause_and_the_end_are_told_once_each_although_all_workers_die_at_that_moment(
    busy: Installation, tmp_path: Path
) -> None:
    rows = "".join(f"ou_p{number}\n" for number in range(ROWS - 1))
    (tmp_path / "people.csv").write_text(f"receiver_id\n{rows}ou_unknown_c\n", "utf-8")
    options = ("--text", "We move", "--name", "Move", "--first", str(FIRST), "--notify", BOSS, "--yes")
    id = busy.deskbell_json("announce", str(tmp_path / "people.csv"), *options, "--json")["id"]
    for told, state in enumerate(("paused", "finished"), 1):
        eventually(lambda state=state: standing(busy, id) == state, REST_SECONDS, f"it is {state}")
        kill_all(busy)
        busy.start_worker()
        busy.start_worker()
        eventually(lambda told=told: are_settled(busy, told), REST_SECONDS, f"{told} notices")
        if state == "paused":
            busy.deskbell_json("resume", id, "--json")
    first, last = sorted(str(each.notification.message.content["text"]) for each in notices(busy))[::-1]
    assert first.startswith(f"“Move” has paused: its first {FIRST} rows have ended.")
    assert last.startswith("“Move” has finished.")
    counts = busy.ledger.announcements.get(id).counts
    assert last.splitlines()[1].startswith(
        f"{ROWS} rows: {counts[State.DELIVERED]} delivered, {counts[State.FAILED]} failed"
    )
    delivered = [each for each in notices(busy) if each.progress.state is State.DELIVERED]
    assert len(delivered) <= busy.sandbox.deliveries().get(BOSS, 0) <= 2


def test_each_approver_is_told_once_of_a_submit_although_the_workers_die_over_it(
    new_installation: Callable[..., Installation], tmp_path: Path
) -> None:
    approvers = {"ou_bob", "ou_eve"}
    url = {"DESKBELL_PUBLIC_URL": "https://bell.corp.example", "DESKBELL_APPROVERS": ",".join(sorted(approvers))}
    installation = new_installation(workers=0, DESKBELL_TIMEOUT="1,1", DESKBELL_APPROVAL_ABOVE="1", **url)
    (tmp_path / "people.csv").write_text("receiver_id\nou_a\nou_b\n", "utf-8")
    installation.deskbell_json("key", "create", "--name", "boss", "--scope", "approve")
    draft = installation.deskbell_json("announce", str(tmp_path / "people.csv"), "--text", "We move", "--draft")["id"]
    installation.deskbell_json("submit", draft)
    for _ in range(2):
        installation.start_worker()
    eventually(lambda: len(list(installation.ledger.events())) == 2, 30, "both messages are accepted")
    kill_all(installation)
    assert installation.deskbell("submit", draft).returncode == 2
    installation.start_worker()

    def are_told() -> bool:
        states = {each.progress.state for each in installation.ledger.events()}
        return states <= {State.DELIVERED, State.UNKNOWN}

    eventually(are_told, REST_SECONDS, "both are told, or were maybe told")
    events = list(installation.ledger.events())
    assert {each.notification.receiver_id for each in events} == approvers
    assert len(events) == 2
    deliveries = installation.sandbox.deliveries()
    told = {each.notification.receiver_id for each in events if each.progress.state is State.DELIVERED}
    assert {receiver: deliveries.get(receiver) for receiver in told} == dict.fromkeys(told, 1)
    assert set(deliveries.values()) <= {1}
    for receiver in deliveries:
        assert f"https://bell.corp.example/console/announcements/{draft}" in texts(installation, receiver)[0]["text"]


def test_a_test_arrives_with_its_mark_before_the_picture(busy: Installation, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("receiver_id,name\nou_ada,Ada\nou_bob,Bob\n", "utf-8")
    Image.new("RGB", (2, 2)).save(tmp_path / "poster.png")
    (tmp_path / "m.yaml").write_text("msg_type: image\ncontent: {file: poster.png}\n")
    announce = ("announce", str(tmp_path / "people.csv"), "--test-to", BOSS, "--json")
    message = busy.deskbell_json(*announce, "--text", "Dear {{ name }}", "--row", "2")["id"]
    picture = busy.deskbell_json(*announce, "--message", str(tmp_path / "m.yaml"))["id"]
    assert busy.shown(message)["test"] is True
    busy.wait_until_delivered([message, picture], seconds=20)
    kinds = [call["body"]["msg_type"] for call in busy.sandbox.sends(BOSS)]
    assert kinds == ["text", "text", "image"]
    assert texts(busy, BOSS)[:2] == [{"text": "[Test] Dear Bob"}, {"text": "[Test]"}]
    assert busy.sandbox.deliveries() == {BOSS: 3}
    assert list(busy.ledger.announcements.newest()) == []
