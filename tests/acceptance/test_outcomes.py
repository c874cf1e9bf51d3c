"""Every outcome once, by the command line: what `show --json` says, and what the sandbox saw."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ledger.states import State
from tests.acceptance.installation import MARKER, Installation, eventually

#: The sandbox's answer to `chat` while a ticket is open, where no option says otherwise.
TICKET_CODE = 154405
CARD = {
    "config": {"update_multi": True},
    "elements": [{"tag": "div", "text": {"tag": "plain_text", "content": MARKER}}],
}
POST = {"post": {"zh_cn": {"title": "T", "content": [[{"tag": "text", "text": MARKER}]]}}}
#: A first deferral is 10 s at most.
DEFERRAL_SECONDS = 10


def send(installation: Installation, receiver: str, *options: str) -> dict[str, Any]:
    """`deskbell send`: `{id, state, duplicate}`."""
    sent: dict[str, Any] = installation.deskbell_json("send", "--to", receiver, "--text", MARKER, *options)
    return sent


def show(installation: Installation, id: str) -> dict[str, Any]:
    shown: dict[str, Any] = installation.deskbell_json("show", id)
    return shown


def attempts(record: dict[str, Any]) -> list[tuple[str | None, str]]:
    return [(attempt["via"], attempt["outcome"]) for attempt in record["attempts"]]


def delivered(installation: Installation, receiver: str, *options: str) -> dict[str, Any]:
    """Sends, waits, and shows."""
    sent = send(installation, receiver, "--wait", "90", *options)
    assert sent["state"] == "delivered"
    return show(installation, sent["id"])


def seconds_waiting(record: dict[str, Any]) -> float:
    """From the last attempt to when it is due."""
    times = (record["due_at"], record["attempts"][-1]["at"])
    due, last = (datetime.fromisoformat(time) for time in times)
    return (due - last).total_seconds()


@pytest.fixture(scope="module", autouse=True)
def cut(installation: Installation) -> str:
    """An event whose call is cut after delivery. Sent before all others: its resend may take as long as they do."""
    installation.sandbox.fault({"receiver_id": "ou_cut"}, {"cut": "after"}, times=1)
    id: str = send(installation, "ou_cut")["id"]
    return id


def test_a_message_goes_to_the_group_of_the_receiver(installation: Installation) -> None:
    record = delivered(installation, "ou_chat", "--key", "k-chat")

    assert (record["state"], record["via"], attempts(record)) == ("delivered", "chat", [("chat", "delivered")])
    assert (record["key"], record["error"], record["announcement"]) == ("k-chat", None, None)
    assert (record["desk"], record["receiver_id"], record["receive_type"]) == ("default", "ou_chat", "chat")
    [call] = installation.sandbox.sends("ou_chat")
    assert record["message_id"] == call["message_id"]
    assert record["attempts"][0]["http_status"] == 200
    assert record["attempts"][0]["log_id"]
    assert record["created_at"] <= record["finished_at"]
    assert call["body"]["receive_type"] == "chat"
    assert json.loads(call["body"]["content"]) == {"text": MARKER}


def test_a_message_goes_to_the_chat_with_the_bot_when_asked_to(installation: Installation) -> None:
    record = delivered(installation, "ou_user", "--receive-type", "user")

    assert (record["via"], attempts(record)) == ("user", [("user", "delivered")])
    assert [call["receive_type"] for call in installation.sandbox.sends("ou_user")] == ["user"]


@pytest.mark.parametrize(("id_type", "receiver"), [("union_id", "on_union"), ("user_id", "u_user")])
def test_a_receiver_may_be_named_by_other_ids(installation: Installation, id_type: str, receiver: str) -> None:
    record = delivered(installation, receiver, "--user-id-type", id_type)

    assert record["user_id_type"] == id_type
    assert [call["query"] for call in installation.sandbox.sends(receiver)] == [{"user_id_type": [id_type]}]


def test_an_open_ticket_reroutes_on_the_evidence_of_the_ticket_list(installation: Installation) -> None:
    installation.sandbox.ticket("ou_evidence")

    record = delivered(installation, "ou_evidence")

    assert attempts(record) == [("chat", "ticket_open"), ("user", "delivered")]
    assert record["attempts"][0]["code"] == TICKET_CODE
    assert record["via"] == "user"
    assert installation.sandbox.ticket_questions("ou_evidence") == 1
    assert [call["delivered"] for call in installation.sandbox.sends("ou_evidence")] == [False, True]


def test_a_code_that_is_known_to_mean_a_ticket_reroutes_without_asking(installation: Installation) -> None:
    installation.sandbox.ticket("ou_coded")

    record = delivered(installation, "ou_coded", "--desk", "coded")

    assert attempts(record) == [("chat", "ticket_open"), ("user", "delivered")]
    assert installation.sandbox.ticket_questions("ou_coded") == 0


def test_a_notification_waits_for_the_ticket_to_close_if_told_to(installation: Installation) -> None:
    installation.sandbox.ticket("ou_waits")
    sent = send(installation, "ou_waits", "--on-open-ticket", "wait")
    installation.wait_for_state(sent["id"], State.DEFERRED)

    record = show(installation, sent["id"])

    # It is asked about a minute later. What matters here: no call before that, and nothing charged to it.
    assert attempts(record) == [("chat", "ticket_open")]
    assert seconds_waiting(record) > 30
    assert installation.ledger.get(sent["id"]).progress.failing_ms == 0
    assert len(installation.sandbox.sends("ou_waits")) == 1


def test_a_notification_fails_at_an_open_ticket_if_told_to(installation: Installation) -> None:
    installation.sandbox.ticket("ou_fails")

    sent = _not_delivered(installation, "ou_fails", "--on-open-ticket", "fail")

    record = show(installation, sent["id"])
    assert (record["state"], attempts(record)) == ("failed", [("chat", "ticket_open")])
    assert record["error"]["code"] == TICKET_CODE


def test_a_passing_internal_error_is_retried_within_seconds(installation: Installation) -> None:
    answer = {"status": 500, "code": 155000, "msg": "Internal error"}
    installation.sandbox.fault({"receiver_id": "ou_flaky"}, {"answer": answer}, times=2)

    record = delivered(installation, "ou_flaky")

    assert attempts(record) == [("chat", "transient"), ("chat", "transient"), ("chat", "delivered")]
    assert [attempt["code"] for attempt in record["attempts"]] == [155000, 155000, 0]
    assert installation.sandbox.deliveries()["ou_flaky"] == 1


def test_a_receiver_who_does_not_exist_fails(installation: Installation) -> None:
    sent = _not_delivered(installation, "ou_unknown_1")

    record = show(installation, sent["id"])
    assert (record["state"], attempts(record)) == ("failed", [("chat", "refused")])
    assert record["error"]["code"] == 154004
    assert record["finished_at"]


def test_a_cut_call_rests_as_unknown_when_told_to_hold(installation: Installation) -> None:
    installation.sandbox.fault({"receiver_id": "ou_held"}, {"cut": "after"}, times=1)
    sent = _not_delivered(installation, "ou_held", "--on-unknown", "hold")

    record = show(installation, sent["id"])
    assert (record["state"], attempts(record)) == ("unknown", [("chat", "unknown")])
    assert record["finished_at"] is None
    assert installation.sandbox.deliveries()["ou_held"] == 1

    assert installation.deskbell_json("resolve", sent["id"], "--as", "delivered")["state"] == "delivered"
    record = show(installation, sent["id"])
    assert [act["did"] for act in record["acts"]] == ["resolve as delivered"]
    assert installation.sandbox.deliveries()["ou_held"] == 1


def test_a_refused_connection_is_deferred(installation: Installation) -> None:
    sent = send(installation, "ou_nowhere", "--desk", "dead")
    installation.wait_for_state(sent["id"], State.DEFERRED)

    record = show(installation, sent["id"])

    assert record["attempts"][-1]["outcome"] == "transient"
    assert record["error"]["msg"]
    assert 0 < seconds_waiting(record) <= DEFERRAL_SECONDS
    assert installation.sandbox.sends("ou_nowhere") == []


def test_a_throttle_is_waited_out_without_costing_the_retry_budget(installation: Installation) -> None:
    answer = {"status": 429, "code": 99991400, "msg": "frequency limit", "headers": {"x-ogw-ratelimit-reset": "1"}}
    installation.sandbox.fault({"receiver_id": "ou_throttled"}, {"answer": answer}, times=1)

    record = delivered(installation, "ou_throttled", "--desk", "throttled")

    assert attempts(record) == [("chat", "throttled"), ("chat", "delivered")]
    first, second = (call["started_ms"] for call in installation.sandbox.sends("ou_throttled"))
    assert second - first >= 1000
    progress = installation.ledger.get(record["id"]).progress
    assert (progress.deferrals, progress.failing_ms) == (0, 0)


def test_what_expires_while_it_waits_is_not_sent(installation: Installation) -> None:
    sent = send(installation, "ou_late", "--desk", "dead", "--expires", "1s")
    installation.wait_for_state(sent["id"], State.EXPIRED)

    record = show(installation, sent["id"])

    assert record["state"] == "expired"
    assert record["expires_at"] <= record["finished_at"]
    assert installation.sandbox.sends("ou_late") == []


def test_a_scheduled_notification_can_be_cancelled(installation: Installation) -> None:
    sent = send(installation, "ou_later", "--at", "1h")
    assert sent["state"] == "scheduled"

    assert installation.deskbell_json("cancel", sent["id"])["state"] == "cancelled"

    record = show(installation, sent["id"])
    assert (record["state"], record["attempts"]) == ("cancelled", [])
    assert installation.deskbell("cancel", sent["id"]).returncode == 2
    assert installation.sandbox.sends("ou_later") == []


@pytest.mark.parametrize(("msg_type", "content"), [("post", POST), ("interactive", CARD)])
def test_a_message_file_is_sent_as_it_is_written(
    installation: Installation, tmp_path: Path, msg_type: str, content: dict[str, Any]
) -> None:
    path = tmp_path / "message.json"
    path.write_text(json.dumps({"msg_type": msg_type, "content": content}))

    sent = installation.deskbell_json("send", "--to", f"ou_{msg_type}", "--message", str(path), "--wait")

    assert sent["state"] == "delivered"
    [call] = installation.sandbox.sends(f"ou_{msg_type}")
    assert call["body"]["msg_type"] == msg_type
    assert json.loads(call["body"]["content"]) == content


def test_a_local_image_is_uploaded_once_for_two_notifications(installation: Installation, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "teal").save(tmp_path / "poster.png")
    (tmp_path / "message.yaml").write_text("msg_type: image\ncontent: {file: poster.png}\n")
    command = ("send", "--message", str(tmp_path / "message.yaml"), "--wait")

    first = installation.deskbell_json(*command, "--to", "ou_image1")
    second = installation.deskbell_json(*command, "--to", "ou_image2")

    assert (first["state"], second["state"]) == ("delivered", "delivered")
    [upload] = installation.sandbox.calls("/im/v1/images")
    assert upload["http_status"] == 200
    contents = {
        call["body"]["content"]
        for receiver in ("ou_image1", "ou_image2")
        for call in installation.sandbox.sends(receiver)
    }
    assert len(contents) == 1
    assert json.loads(contents.pop())["image_key"].startswith("img_")


def test_the_same_key_is_one_notification(installation: Installation) -> None:
    first = send(installation, "ou_twice", "--key", "k-twice", "--wait")
    second = send(installation, "ou_twice", "--key", "k-twice")

    assert second == {"id": first["id"], "state": "delivered", "duplicate": True}
    assert not first["duplicate"]
    refused = installation.deskbell("send", "--to", "ou_twice", "--text", "something else", "--key", "k-twice")
    assert refused.returncode == 2
    assert first["id"] in refused.stderr
    assert installation.sandbox.deliveries()["ou_twice"] == 1


def test_several_receivers_are_several_notifications(installation: Installation) -> None:
    sent = installation.deskbell_json(
        "send", "--to", "ou_many1,ou_many2", "--text", MARKER, "--key", "k-many", "--wait"
    )

    assert [one["state"] for one in sent] == ["delivered", "delivered"]
    assert [show(installation, one["id"])["key"] for one in sent] == ["k-many/ou_many1", "k-many/ou_many2"]


def test_wait_tells_by_its_exit_code_whether_all_were_delivered(installation: Installation) -> None:
    wait = ("--text", MARKER, "--wait", "90")

    assert installation.deskbell("send", "--to", "ou_here", *wait).returncode == 0
    assert installation.deskbell("send", "--to", "ou_here2,ou_unknown_2", *wait).returncode == 4
    late = installation.deskbell("send", "--to", "ou_here3", "--at", "1h", "--text", MARKER, "--wait", "0.2")
    assert late.returncode == 4


def test_a_cut_call_is_resent_with_the_maybe_sent_one_on_record(installation: Installation, cut: str) -> None:
    installation.wait_for_state(cut, State.DELIVERED, DEFERRAL_SECONDS + 5)

    record = show(installation, cut)

    assert attempts(record) == [("chat", "unknown"), ("chat", "delivered")]
    assert installation.sandbox.deliveries()["ou_cut"] == 2


def test_one_call_at_a_time_for_each_receiver(installation: Installation) -> None:
    eventually(lambda: not installation.sandbox.stats()["in_flight"], 5, "no call in flight")

    assert installation.sandbox.stats()["several_in_flight"] == {}


def _not_delivered(installation: Installation, receiver: str, *options: str) -> dict[str, Any]:
    """What `send --wait --json` says of something that comes to rest in another state."""
    done = installation.deskbell("send", "--to", receiver, "--text", MARKER, "--wait", "90", "--json", *options)
    assert done.returncode == 4
    sent: dict[str, Any] = json.loads(done.stdout)
    return sent
