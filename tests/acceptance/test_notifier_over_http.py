"""The Python client over HTTP, with all of it running: what the server accepted is sent once, whatever gets lost."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deskbell import Announced, Notifier
from ledger.errors import BadInput, DeskbellError, KeyReused, NotFound
from ledger.states import State
from producers.client.ledger_backend import LedgerBackend
from tests.acceptance.installation import MARKER, Installation, eventually
from tests.acceptance.lossy_way import LossyWay
from tests.acceptance.web_process import WebProcess

__all__: list[str] = []

ROWS = 5_000


@pytest.fixture(scope="module")
def web(installation: Installation) -> Iterator[WebProcess]:
    with WebProcess(installation.folder, installation.environment) as running:
        yield running


@pytest.fixture
def notifier(web: WebProcess) -> Iterator[Notifier]:
    with Notifier.http(web.url) as found:
        yield found


def finished(installation: Installation, id: str) -> bool:
    return installation.ledger.announcements.get(id).ended is not None


@pytest.mark.parametrize("key", [None, "alert-over-http"])
def test_an_answer_that_is_lost_makes_no_second_notification(
    installation: Installation, web: WebProcess, key: str | None
) -> None:
    receiver = f"ou_lost_answer_{key}"
    with LossyWay(web.url, lost=2) as way, Notifier.http(way.url) as notifier:
        accepted = notifier.send(receiver_id=receiver, text=MARKER, key=key)
        assert way.passed == 3
    installation.wait_for_state(accepted.id, State.DELIVERED)
    assert installation.sandbox.deliveries()[receiver] == 1


def test_an_answer_that_is_lost_makes_no_second_announcement(installation: Installation, web: WebProcess) -> None:
    rows = [{"receiver_id": f"ou_lost_row_{n}", "name": "N"} for n in range(20)]
    with LossyWay(web.url, lost=1) as way, Notifier.http(way.url) as notifier:
        announced = notifier.announce(iter(rows), text=MARKER + " {{ name }}", name="Lost answer")
    eventually(lambda: finished(installation, announced.id), 20, "the end of the announcement")
    deliveries = installation.sandbox.deliveries()
    assert {deliveries[row["receiver_id"]] for row in rows} == {1}


def test_a_record_is_the_same_by_both_ways(installation: Installation, notifier: Notifier) -> None:
    accepted = notifier.send(receiver_id="ou_both_ways", text=MARKER, receive_type="user")
    installation.wait_for_state(accepted.id, State.DELIVERED)
    record = notifier.get(accepted.id)
    assert record.as_json() == installation.shown(accepted.id)
    assert record.notification.message.content == {}


def test_the_same_announcement_by_both_ways_is_one(
    installation: Installation, notifier: Notifier, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    path.write_text("receiver_id,name\nou_two_ways,Ada\n")
    given: dict[str, Any] = {"text": MARKER + " {{ name }}", "name": "Two ways", "weight": 2, "skip_invalid": True}
    direct = Notifier(LedgerBackend(installation.ledger)).announce(path, **given)
    assert notifier.announce(path, **given) == Announced(direct.id, 1, duplicate=True)


@pytest.mark.parametrize(
    "call",
    [
        lambda way: way.get("n_06hzb2k1c9f3q8rd"),
        lambda way: way.send(receiver_id="ou_ada", text="hi", at="soon"),
        lambda way: way.send(receiver_id="on_ada", text="hi"),
        lambda way: way.send(receiver_id="ou_ada", text="hi", recipient="ou_bob"),
        lambda way: way.send(text="hi"),
        lambda way: way.announce([], text="hi", name="N"),
        lambda way: way.announce([{"receiver_id": "ou_ada"}], text="{{ x }}", name="N"),
        lambda way: way.announce([{"receiver_id": "ou_a"}, {"receiver_id": "b d"}], text="hi", name="N"),
        lambda way: way.announce([{"receiver_id": "ou_ada"}], text="hi"),
        lambda way: way.announce(["ou_ada"], text="hi", name="N"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_alike_by_both_ways(
    installation: Installation, notifier: Notifier, call: Callable[[Notifier], object]
) -> None:
    told = []
    for way in (Notifier(LedgerBackend(installation.ledger)), notifier):
        with pytest.raises(DeskbellError) as caught:
            call(way)
        told.append((type(caught.value), str(caught.value)))
    assert told[0] == told[1]
    assert told[0][0] in (BadInput, NotFound)


def test_a_key_that_is_used_again_is_told_alike_by_both_ways(installation: Installation, notifier: Notifier) -> None:
    notifier.send(receiver_id="ou_again", text=MARKER, key="again")
    for way in (Notifier(LedgerBackend(installation.ledger)), notifier):
        with pytest.raises(KeyReused, match="'again' was already used for n_"):
            way.send(receiver_id="ou_again", text=MARKER + "!", key="again")


def test_a_server_that_is_killed_while_it_loads_an_announcement_accepts_it_once(
    installation: Installation, web: WebProcess, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    path.write_text("receiver_id\n" + "".join(f"ou_kill_{n}\n" for n in range(ROWS)))
    answers: list[Announced] = []

    def hand_in() -> None:
        with Notifier.http(web.url) as notifier:
            answers.append(notifier.announce(path, text=MARKER, name="Killed", at="1h"))

    before = {each.id for each in installation.ledger.announcements.newest()}
    caller = threading.Thread(target=hand_in)
    caller.start()
    eventually(
        lambda: len(list(installation.ledger.redis.scan_iter("deskbell:rows:*"))) > len(before), 20, "rows that load"
    )
    web.kill()
    web.start()
    caller.join(120)
    [announced] = answers
    made = [each for each in installation.ledger.announcements.newest() if each.id not in before]
    assert [(each.id, each.total) for each in made] == [(announced.id, ROWS)]
    assert sum(made[0].counts.values()) == ROWS
    installation.ledger.announcements.cancel(announced.id, "test")


def test_an_address_reaches_its_person_over_http(installation: Installation, notifier: Notifier) -> None:
    sent = notifier.send_many(
        [{"email": "over.http@example.com", "text": MARKER}, {"mobile": "13800000002", "text": MARKER}]
    )
    for accepted in sent:
        installation.wait_for_state(accepted.id, State.DELIVERED)
    record = notifier.get(sent[0].id)
    assert (record.notification.email, record.notification.receiver_id) == ("over.http@example.com", "ou_over.http")
    nobody = notifier.send(email="unknown.over.http@example.com", text=MARKER)
    installation.wait_for_state(nobody.id, State.FAILED)
    failure = notifier.get(nobody.id).progress.failure
    assert failure is not None
    assert failure.reason == "no_such_person"
