"""What the Python client says over HTTP, and how it reads what is said."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from PIL import Image
from python_multipart import parse_form

from deskbell import Announced, Notifier
from ledger.delivery_options import ReceiveType
from ledger.errors import BadInput, DeskbellError, KeyReused
from ledger.messages.content import Message, MsgType
from ledger.messages.message_file import read_message_template
from ledger.notification import Notification
from ledger.progress import Attempt, Progress
from ledger.record import Record
from ledger.states import Outcome, State
from producers.client.http_backend import HttpBackend
from producers.client.http_patience import Limits
from producers.client.http_record import record_of
from producers.client.http_server import Server
from tests.unit.producers.client.scripted_server import CUT, Asked, Scripted, answer, problem, scripted

__all__: list[str] = []

ACCEPTED = answer(202, {"id": "n_1", "state": "queued", "duplicate": False})
ANNOUNCED = answer(202, {"id": "a_1", "total": 2, "duplicate": False})
PEOPLE = [{"receiver_id": "ou_ada", "name": "Ada"}, {"receiver_id": "ou_bob", "name": "Bob"}]


def notifier_of(server: Scripted) -> Notifier:
    return Notifier(HttpBackend(server.url, server=Server(server.url, None, sleep=lambda _: None)))


def sent(**arguments: Any) -> dict[str, Any]:
    """What the server is told of one notification, but for its key."""
    with scripted(ACCEPTED) as server, notifier_of(server) as notifier:
        notifier.send(receiver_id="ou_ada", **arguments)
    told: dict[str, Any] = orjson.loads(server.asked[0].body)
    del told["key"]
    return told


def parts_of(asked: Asked) -> dict[str, tuple[str | None, bytes]]:
    """By their names: the name of the file, if it is one, and the content."""
    found: dict[str, tuple[str | None, bytes]] = {}

    def on_field(field: Any) -> None:
        found[field.field_name.decode()] = (None, field.value)

    def on_file(file: Any) -> None:
        file.file_object.seek(0)
        found[file.field_name.decode()] = (file.file_name.decode(), file.file_object.read())
        file.close()

    headers = {"Content-Type": asked.headers["content-type"].encode()}
    parse_form(headers, BytesIO(asked.body), on_field, on_file)
    return found


def announced(rows: Any = PEOPLE, *answers: bytes, **arguments: Any) -> list[Asked]:
    with scripted(*(answers or [ANNOUNCED])) as server, notifier_of(server) as notifier:
        assert notifier.announce(rows, **{"name": "Move", **arguments}) == Announced("a_1", 2, duplicate=False)
    return server.asked


def test_a_notification_is_told_by_the_names_of_its_arguments() -> None:
    assert sent(text="hi", receive_type=ReceiveType.USER, desk=None, expires="1h") == {
        "receiver_id": "ou_ada",
        "text": "hi",
        "receive_type": "user",
        "expires": "1h",
    }


@pytest.mark.parametrize(
    "message",
    [
        Message.text("hi"),
        MappingProxyType({"msg_type": "text", "content": '{"text": "hi"}'}),
        {"msg_type": "text", "content": {"text": "hi"}},
    ],
)
def test_a_message_is_told_as_an_object(message: Any) -> None:
    assert sent(message=message)["message"] == {"msg_type": "text", "content": {"text": "hi"}}


def test_a_time_is_told_with_its_offset_or_its_zone() -> None:
    tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    for at in (tomorrow, tomorrow.isoformat()):
        assert datetime.fromisoformat(sent(text="hi", at=at)["at"]) == tomorrow
    shown = tomorrow.replace(tzinfo=None)
    for local in (shown, shown.isoformat()):
        told = sent(text="hi", at=local, timezone="Asia/Shanghai")
        assert (told["at"], told["timezone"]) == (shown.isoformat(), "Asia/Shanghai")
        with pytest.raises(BadInput, match="has no offset"):
            sent(text="hi", at=local)


def test_what_can_be_told_to_be_wrong_is_not_asked_for(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "poster.png")
    with scripted() as server, notifier_of(server) as notifier:
        with pytest.raises(BadInput, match="must not be blank"):
            notifier.send(receiver_id="ou_ada", text=" ")
        with pytest.raises(BadInput, match=r"\(notification 2 of 2\)"):
            notifier.send_many([{"receiver_id": "ou_ada", "text": "hi"}, {"receiver_id": "ou_bob"}])
        with pytest.raises(BadInput, match="image: cannot be sent over HTTP"):
            notifier.send(receiver_id="ou_ada", image=tmp_path / "poster.png")
        with pytest.raises(BadInput, match="timezone: goes with between"):
            notifier.announce(PEOPLE, text="hi", name="Move", between="09:00-18:00")
        assert notifier.send_many([]) == []
    assert server.asked == []


@pytest.mark.parametrize(("key", "is_duplicate"), [("k", True), (None, False)])
def test_an_own_earlier_try_makes_no_duplicate(key: str | None, is_duplicate: bool) -> None:
    told = answer(202, {"id": "n_1", "state": "queued", "duplicate": True})
    with scripted(CUT, told) as server, notifier_of(server) as notifier:
        assert notifier.send(receiver_id="ou_ada", text="hi", key=key).duplicate is is_duplicate


def test_several_go_in_one_call_and_come_back_in_their_order() -> None:
    results = [{"id": f"n_{n}", "state": "scheduled", "duplicate": n == 1} for n in range(2)]
    told = answer(202, {"accepted": 2, "refused": 0, "results": results})
    with scripted(CUT, told) as server, notifier_of(server) as notifier:
        accepted = notifier.send_many([{"receiver_id": f"ou_{n}", "text": "hi", "at": "1h"} for n in range(2)])
    assert [(one.id, one.duplicate, one.state) for one in accepted] == [
        ("n_0", False, State.SCHEDULED),
        ("n_1", False, State.SCHEDULED),
    ]
    first, again = (orjson.loads(asked.body)["notifications"] for asked in server.asked)
    assert first == again
    assert len({event["key"] for event in first}) == 2


REFUSED = {"type": "urn:deskbell:problem:bad-input", "title": "T", "status": 422, "detail": "no such", "field": "desk"}
REUSED = {**REFUSED, "type": "urn:deskbell:problem:key-reused", "first_id": "n_0", "field": "key"}
FINE = {"id": "n_1", "state": "queued", "duplicate": False}


@pytest.mark.parametrize(
    ("said", "kind", "text"),
    [
        (answer(202, {"results": [FINE, {"problem": REFUSED}]}), BadInput, r"desk: no such \(notification 2 of 2\)"),
        (answer(202, {"results": [FINE, {"problem": REUSED}]}), KeyReused, "'k1' was already used for n_0"),
        (problem(422, "nothing-accepted", results=[{"problem": REUSED}] * 2), KeyReused, "'k0' was already used"),
        (problem(422, "nothing-accepted", results=[{"problem": REFUSED}] * 2), BadInput, "desk: no such"),
    ],
)
def test_of_several_the_first_that_is_refused_is_raised(said: bytes, kind: type[Exception], text: str) -> None:
    several = [{"receiver_id": "ou_ada", "text": "hi", "key": f"k{n}"} for n in range(2)]
    with scripted(said) as server, notifier_of(server) as notifier, pytest.raises(BadInput, match=text) as caught:
        notifier.send_many(several)
    assert type(caught.value) is kind


def test_an_announcement_is_a_form_with_the_file_and_its_options(tmp_path: Path) -> None:
    (tmp_path / '人 "x".csv').write_text("receiver_id,name\nou_ada,Ada\nou_bob,Bob\n")
    [asked] = announced(
        tmp_path / '人 "x".csv', text="Dear {{ name }}", weight=3, skip_invalid=True, key="k", at="1h", desk=None
    )
    parts = parts_of(asked)
    assert parts.pop("recipients") == ("人 %22x%22.csv", b"receiver_id,name\nou_ada,Ada\nou_bob,Bob\n")
    file_name, message = parts.pop("message")
    assert (file_name, orjson.loads(message)) == (
        "message.json",
        {"msg_type": "text", "content": {"text": "Dear {{ name }}"}},
    )
    assert parts == {
        "name": (None, b"Move"),
        "key": (None, b"k"),
        "weight": (None, b"3"),
        "skip_invalid": (None, b"true"),
        "at": (None, b"1h"),
    }


def test_rows_are_told_again_from_the_first_when_the_connection_is_cut() -> None:
    asked = announced(iter(PEOPLE), CUT, ANNOUNCED, text="Dear {{ name }}")
    contents = [parts_of(each)["recipients"] for each in asked]
    assert contents == [("rows", b"".join(orjson.dumps(row) + b"\n" for row in PEOPLE))] * 2


def test_a_server_that_reads_late_gets_a_large_file_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("receiver_id\n" + "ou_ada\n" * 2_000_000)  # more than the sockets hold by themselves
    with scripted(ANNOUNCED, reads_after_seconds=0.5) as server:
        call = Server(server.url, None, connect_seconds=0.1, limits=Limits(patience=0.0))
        with Notifier(HttpBackend(server.url, server=call)) as notifier:
            notifier.announce(path, text="hi", name="Move")
    assert parts_of(server.asked[0])["recipients"][1] == path.read_bytes()


def test_a_local_image_is_uploaded(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "poster.png")
    (tmp_path / "m.yaml").write_text("msg_type: image\ncontent: {file: poster.png}\n")
    [asked] = announced(message=read_message_template(tmp_path / "m.yaml"))
    parts = parts_of(asked)
    assert parts["image"] == ("image", (tmp_path / "poster.png").read_bytes())
    assert "message" not in parts


def test_a_file_that_is_not_there_is_said_to_be_so() -> None:
    with (
        scripted() as server,
        notifier_of(server) as notifier,
        pytest.raises(BadInput, match=r"nowhere\.csv: cannot be"),
    ):
        notifier.announce(Path("nowhere.csv"), text="hi", name="Move")


def test_a_file_that_changes_while_it_is_sent_is_not_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("receiver_id\nou_ada\n")

    def change(_: float) -> None:
        path.write_text("receiver_id\nou_eve\n")

    with scripted(CUT, ANNOUNCED) as server:
        notifier = Notifier(HttpBackend(server.url, server=Server(server.url, None, sleep=change)))
        with notifier, pytest.raises(BadInput, match="changed while it was read"):
            notifier.announce(path, text="hi", name="Move")


NOW_MS = 1_795_351_195_179
NOTIFICATION = Notification.build({"receiver_id": "ou_ada", "text": "hi", "key": "k", "receive_type": "user"})
ATTEMPTS = (
    Attempt(NOW_MS, ReceiveType.CHAT, Outcome.TICKET_OPEN, 154405, 200, "log-1", 12, None, "no"),
    Attempt(NOW_MS + 5, ReceiveType.USER, Outcome.DELIVERED, 0, 200, "log-2", 15, "om_1"),
)


@pytest.mark.parametrize(
    "record",
    [
        Record("n_1", NOTIFICATION, Progress(State.QUEUED, NOW_MS), NOW_MS),
        Record("n_1", NOTIFICATION, Progress(State.DELIVERED, NOW_MS + 5, ATTEMPTS), NOW_MS),
        Record("n_1", NOTIFICATION, Progress(State.FAILED, NOW_MS, ATTEMPTS[:1], ((NOW_MS, "ada", "retry"),)), NOW_MS),
        Record("n_1-0", NOTIFICATION, Progress(State.DEFERRED, NOW_MS, due_ms=NOW_MS + 9), NOW_MS, "a_1"),
        Record("n_1", NOTIFICATION, Progress(State.QUEUED, NOW_MS, via=ReceiveType.USER), NOW_MS),
        Record(
            "n_1",
            NOTIFICATION.model_copy(update={"expires_at": datetime(2030, 1, 1, tzinfo=UTC)}),
            Progress(State.SCHEDULED, NOW_MS),
            NOW_MS,
        ),
    ],
)
def test_a_record_says_the_same_after_its_way_over_http(record: Record) -> None:
    told = orjson.loads(orjson.dumps(record.as_json()))
    again = record_of({**told, "a_member": "of a newer server"})
    assert again.as_json() == record.as_json()
    assert again.notification.message == Message.model_construct(msg_type=MsgType.TEXT, content={})


@pytest.mark.parametrize("told", [None, [], {}, {"id": "n_1"}, "n_1"])
def test_what_is_no_record_is_said_to_be_none(told: Any) -> None:
    with pytest.raises(DeskbellError, match="record cannot be read"):
        record_of(told)
