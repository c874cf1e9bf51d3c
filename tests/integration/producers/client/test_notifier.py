"""The Python client over fakeredis and a real Valkey."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from deskbell import BadInput, KeyReused, LedgerUnreachable, Message, NotFound, Notifier
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.record import Accepted
from ledger.settings import Settings
from ledger.states import State
from producers.client.ledger_backend import LedgerBackend

__all__: list[str] = []


@pytest.fixture
def notifier(ledger: Ledger) -> Notifier:
    return Notifier(LedgerBackend(ledger))


def an_image(folder: Path, colour: str = "red") -> Path:
    path = folder / f"{colour}.png"
    Image.new("RGB", (2, 2), colour).save(path)
    return path


def test_what_was_sent_can_be_asked_for(notifier: Notifier) -> None:
    accepted = notifier.send(receiver_id="ou_ada", text="Disk full", key="alert-1", receive_type="user")
    record = notifier.get(accepted.id)
    assert (accepted.duplicate, accepted.state, record.progress.state) == (False, State.QUEUED, State.QUEUED)
    assert (record.notification.receiver_id, record.notification.key) == ("ou_ada", "alert-1")
    assert record.notification.receive_type == "user"


def test_the_same_key_is_accepted_once(notifier: Notifier) -> None:
    first = notifier.send(receiver_id="ou_ada", text="Disk full", key="k")
    again = notifier.send(receiver_id="ou_ada", text="Disk full", key="k")
    assert (again.id, again.duplicate) == (first.id, True)
    with pytest.raises(KeyReused):
        notifier.send(receiver_id="ou_ada", text="Disk empty", key="k")


@pytest.mark.parametrize(
    "message",
    [
        Message.text("hi"),
        {"msg_type": "text", "content": {"text": "hi"}},
        {"msg_type": "text", "content": '{"text": "hi"}'},
    ],
)
def test_a_message_may_be_given_in_each_of_its_forms(notifier: Notifier, message: Message) -> None:
    accepted = notifier.send(receiver_id="ou_ada", message=message)
    assert notifier.get(accepted.id).notification.message.wire_content() == '{"text":"hi"}'


def test_the_bytes_of_an_image_are_in_the_ledger_with_the_notification(
    notifier: Notifier, ledger: Ledger, tmp_path: Path
) -> None:
    path = an_image(tmp_path)
    accepted = notifier.send(receiver_id="ou_ada", image=path)
    sha256 = notifier.get(accepted.id).notification.message.image_sha256
    assert sha256 is not None
    assert ledger.redis.get(ledger.keys.image(sha256)) == path.read_bytes()


def test_a_time_may_be_text_a_duration_or_a_datetime_with_an_offset_or_a_zone(notifier: Notifier) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for at in ("24h", tomorrow.isoformat(), tomorrow):
        accepted = notifier.send(receiver_id="ou_ada", text="hi", at=at, expires="2d")
        assert accepted.state is State.SCHEDULED
        due = notifier.get(accepted.id).as_json()["due_at"]
        assert due is not None
        assert due[:16] == tomorrow.isoformat()[:16]
    local = tomorrow.replace(tzinfo=None)
    shanghai = notifier.send(receiver_id="ou_ada", text="hi", at=local, timezone="Asia/Shanghai", expires="2d")
    assert notifier.get(shanghai.id).notification.at == tomorrow - timedelta(hours=8)
    with pytest.raises(BadInput, match="has no offset"):
        notifier.send(receiver_id="ou_ada", text="hi", at=local)


def test_a_time_that_is_long_past_is_refused_unless_its_key_is_known(notifier: Notifier, ledger: Ledger) -> None:
    now = datetime.now(UTC)
    with pytest.raises(BadInput, match=r"^at: .* is 2 days ago: check the year, or leave it out for now$"):
        notifier.send(receiver_id="ou_ada", text="hi", at=now - timedelta(days=2), key="k")
    assert ledger.redis.keys() == []
    first = notifier.send(receiver_id="ou_ada", text="hi", at=now - timedelta(hours=20), key="k")
    again = notifier.send(receiver_id="ou_ada", text="hi", at=now - timedelta(days=2), key="k")
    assert (again.id, again.duplicate) == (first.id, True)


def test_one_long_past_keeps_no_other_request_out(ledger: Ledger) -> None:
    past = Notification.build({"receiver_id": "ou_ada", "text": "hi", "at": datetime(2020, 1, 1, tzinfo=UTC)})
    fine = Notification.build({"receiver_id": "ou_bob", "text": "hi"})
    refused, accepted = ledger.accept_each([past, fine])
    assert isinstance(refused, BadInput)
    assert isinstance(accepted, Accepted)
    assert [record.notification.receiver_id for record in ledger.events()] == ["ou_bob"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "message"),
        ({"text": "hi", "image": "x.png"}, "message"),
        ({"text": " "}, "message.content.text"),
        ({"text": "hi", "receiver_id": "on_ada"}, "receiver_id"),
        ({"text": "hi", "user_id_type": "email"}, "user_id_type"),
        ({"text": "hi", "desk": "hr"}, "desk"),
        ({"text": "hi", "expires": datetime(2020, 1, 1, tzinfo=UTC)}, "expires"),
        ({"text": "hi", "at": "soon"}, "at"),
        ({"image": "missing.png"}, "image"),
    ],
)
def test_bad_input_names_the_field_and_nothing_is_accepted(
    notifier: Notifier, ledger: Ledger, fields: dict[str, str], field: str
) -> None:
    with pytest.raises(BadInput) as caught:
        notifier.send(**{"receiver_id": "ou_ada", **fields})
    assert caught.value.field == field
    assert list(ledger.events()) == []


def test_many_are_accepted_in_their_order(notifier: Notifier) -> None:
    accepted = notifier.send_many([{"receiver_id": id, "text": "hi"} for id in ("ou_ada", "ou_bob")])
    assert [notifier.get(one.id).notification.receiver_id for one in accepted] == ["ou_ada", "ou_bob"]
    assert notifier.send_many([]) == []


def test_of_many_none_is_accepted_when_one_is_wrong_and_it_is_said_which(
    notifier: Notifier, ledger: Ledger, tmp_path: Path
) -> None:
    good = {"receiver_id": "ou_ada", "image": an_image(tmp_path)}
    with pytest.raises(BadInput, match=r"receiver_id: .* \(notification 2 of 2\)"):
        notifier.send_many([good, {"receiver_id": "", "text": "hi"}])
    with pytest.raises(BadInput, match="recipient: "):
        notifier.send_many([good, {"receiver_id": "ou_bob", "text": "hi", "recipient": "x"}])
    assert list(ledger.events()) == []
    assert ledger.redis.dbsize() == 0


def test_an_unknown_id_is_not_found(notifier: Notifier) -> None:
    with pytest.raises(NotFound):
        notifier.get("n_nowhere")


def test_without_redis_it_says_so() -> None:
    notifier = Notifier(LedgerBackend(Ledger(Settings(redis_url="redis://:hush@127.0.0.1:1/0", _env_file=None))))
    for call in (lambda: notifier.send(receiver_id="ou_ada", text="hi"), lambda: notifier.get("n_1")):
        with pytest.raises(LedgerUnreachable, match=r"redis://127.0.0.1:1/0 is not reached"):
            call()


def test_it_is_built_from_the_environment(monkeypatch: pytest.MonkeyPatch, empty_valkey: Settings) -> None:
    monkeypatch.setenv("DESKBELL_REDIS_URL", str(empty_valkey.redis))
    notifier = Notifier.from_env()
    accepted = notifier.send(receiver_id="ou_ada", text="hi")
    assert notifier.get(accepted.id).id == accepted.id
    notifier.close()


@pytest.mark.parametrize(("field", "value"), [("email", "ann@corp.example"), ("mobile", "+86 138 0013 8000")])
def test_a_receiver_may_be_an_address(notifier: Notifier, field: str, value: str) -> None:
    accepted = notifier.send(**{field: value}, text="Disk full")  # type: ignore[arg-type]
    record = notifier.get(accepted.id)
    assert (getattr(record.notification, field), record.notification.receiver_id) == (value, "")
    assert record.progress.state is State.QUEUED


def test_several_may_be_addressed_in_different_ways_but_each_in_one(notifier: Notifier, ledger: Ledger) -> None:
    ways = ({"receiver_id": "ou_ada"}, {"email": "ann@corp.example"}, {"mobile": "13800138000"})
    assert len(notifier.send_many([{**way, "text": "Disk full"} for way in ways])) == 3  # type: ignore[typeddict-item]
    both = {"receiver_id": "ou_ada", "email": "ann@corp.example", "text": "x"}
    with pytest.raises(BadInput, match=r"email: cannot be combined with receiver_id.* \(notification 2 of 2\)"):
        notifier.send_many([{"receiver_id": "ou_ada", "text": "x"}, both])  # type: ignore[typeddict-item]
    with pytest.raises(BadInput, match="receiver_id: is missing: give receiver_id, email or mobile"):
        notifier.send(text="x")
    assert ledger.counts()[State.QUEUED] == 3
