"""The intake for other Celery applications: one that knows nothing of Deskbell but a queue and the fields."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ledger.states import State
from tests.acceptance.installation import MARKER, Installation, eventually

#: All that such an application needs. It reads one JSON object a line: the fields, and the task's id, settings of its
#: own and options of the call if they matter.
APPLICATION = """
import json, sys
import celery

for line in sys.stdin:
    message = json.loads(line)
    app = celery.Celery("somebody", broker=sys.argv[1], set_as_current=False)
    app.conf.result_backend = None
    app.conf.update(message.get("settings", {}))
    options = {"queue": "deskbell.intake", "task_id": message.get("id"), **message.get("options", {})}
    app.send_task("deskbell.send", args=message.get("args"), kwargs=message.get("fields"), **options)
ours = {"ledger", "worker", "feishu", "http_client", "producers", "console", "sandbox", "deskbell"}
assert not {name.partition(".")[0] for name in sys.modules} & ours
"""
SECONDS = 120


def send_task(installation: Installation, tmp_path: Path, *messages: dict[str, Any]) -> None:
    (tmp_path / "somebody.py").write_text(APPLICATION)
    lines = "".join(json.dumps(message) + "\n" for message in messages)
    url = "redis+socket://" + str(installation.valkey.socket_path)
    command = [sys.executable, "somebody.py", url]
    done = subprocess.run(
        command, cwd=tmp_path, input=lines, text=True, capture_output=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_task_sent_by_any_application_is_accepted_and_delivered(installation: Installation, tmp_path: Path) -> None:
    fields = {"receiver_id": "ou_celery", "text": MARKER, "receive_type": "user", "key": "k-celery"}

    send_task(installation, tmp_path, {"fields": fields})

    eventually(lambda: "ou_celery" in installation.sandbox.deliveries(), 10, "the message")
    [call] = installation.sandbox.sends("ou_celery")
    assert call["receive_type"] == "user"
    assert json.loads(call["body"]["content"]) == {"text": MARKER}
    again = installation.send("ou_celery", receive_type="user", key="k-celery")
    assert again.duplicate, "its key is remembered like any other"


def test_a_redelivered_message_is_one_notification(installation: Installation, tmp_path: Path) -> None:
    once = {"fields": {"receiver_id": "ou_redelivered", "text": MARKER}, "id": "8d5b5b1c-0000-4000-8000-000000000001"}
    other = {"fields": {"receiver_id": "ou_other", "text": MARKER}}

    send_task(installation, tmp_path, once, once, other)

    eventually(lambda: {"ou_redelivered", "ou_other"} <= installation.sandbox.deliveries().keys(), 10, "both messages")
    eventually(lambda: not installation.ledger.redis.exists("deskbell:celery:unacked"), 5, "all acknowledged")
    assert sum(record.notification.receiver_id == "ou_redelivered" for record in installation.ledger.events()) == 1
    eventually(lambda: not _moving(installation), 5, "nothing on its way")
    assert installation.sandbox.deliveries()["ou_redelivered"] == 1


def test_fields_that_cannot_be_accepted_are_dropped_and_counted(installation: Installation, tmp_path: Path) -> None:
    good = {"receiver_id": "ou_good", "text": MARKER}
    bad: list[dict[str, Any]] = [
        {"text": MARKER},
        {"receiver_id": "ou_bad"},
        {**good, "receive_type": "carrier pigeon"},
        {**good, "expires": "2020-01-01T00:00+00:00"},
        {**good, "colour": MARKER},
        {"receiver_id": "on_bad", "text": MARKER},
    ]
    before = installation.dropped()

    send_task(installation, tmp_path, *({"fields": fields} for fields in bad), {"fields": good})

    eventually(lambda: installation.sandbox.deliveries().get("ou_good"), 10, "the good one after them")
    eventually(lambda: installation.dropped() == before + len(bad), 5, "the bad ones counted")
    assert installation.sandbox.deliveries()["ou_good"] == 1
    assert not installation.sandbox.sends("ou_bad")


def _moving(installation: Installation) -> bool:
    counts = installation.counts()
    return bool(counts.get(State.QUEUED) or counts.get(State.SENDING))


STEPS = {"default": {}, "ten": {"priority_steps": list(range(10))}, "manual": {"priority_steps": [0, 5], "sep": ":"}}


def test_any_priority_arrives_however_its_sender_divides_them(installation: Installation, tmp_path: Path) -> None:
    messages = [
        {
            "fields": {"receiver_id": f"ou_{name}{priority}", "text": MARKER},
            "options": {"priority": priority},
            "settings": {"broker_transport_options": steps},
        }
        for name, steps in STEPS.items()
        for priority in range(10)
    ]

    send_task(installation, tmp_path, *messages)

    expected = {message["fields"]["receiver_id"] for message in messages}
    eventually(lambda: expected <= installation.sandbox.deliveries().keys(), 20, "one of each priority")


def test_old_compressed_and_positional_forms_are_accepted(installation: Installation, tmp_path: Path) -> None:
    forms: dict[str, dict[str, Any]] = {
        "ou_protocol1": {"settings": {"task_protocol": 1}},
        "ou_zlib": {"settings": {"task_compression": "zlib"}},
        "ou_zstd": {"settings": {"task_compression": "zstd", "task_protocol": 1}},
        "ou_msgpack": {"settings": {"task_serializer": "msgpack", "task_compression": "brotli"}},
        "ou_overdue": {"options": {"eta": "2020-01-01T00:00:00+00:00"}},
        "ou_headers": {"options": {"headers": {"theirs": [1]}, "countdown": 0.1, "expires": 600}},
    }
    messages = [{"fields": {"receiver_id": id, "text": MARKER}, **form} for id, form in forms.items()]

    send_task(installation, tmp_path, *messages, {"args": ["ou_positional", MARKER, "k-positional"]})

    expected = {*forms, "ou_positional"}
    eventually(lambda: expected <= installation.sandbox.deliveries().keys(), 20, "one of each form")


def test_a_time_of_celerys_is_the_notifications(installation: Installation, tmp_path: Path) -> None:
    fields = {"receiver_id": "ou_eta", "text": MARKER}
    send_task(installation, tmp_path, {"fields": fields, "options": {"eta": "2099-01-01T00:00:00+08:00"}})

    def found() -> list[Any]:
        return [each for each in installation.ledger.events() if each.notification.receiver_id == "ou_eta"]

    [record] = eventually(found, 10, "the notification")
    assert record.progress.state is State.SCHEDULED
    assert str(record.notification.at) == "2098-12-31 16:00:00+00:00"
    assert not installation.ledger.redis.exists("deskbell:celery:unacked"), "no worker holds it"
    installation.ledger.cancel([record.id], "test")


def test_what_is_dropped_is_told_with_its_reason_and_headers(installation: Installation, tmp_path: Path) -> None:
    fields = {"receiver_id": "ou_dropped", "text": MARKER}
    bad = {"fields": {**fields, "colour": 1}, "id": "t-colour"}
    pickled = {"fields": fields, "id": "t-pickle", "settings": {"task_serializer": "pickle"}}
    before = installation.dropped()

    send_task(installation, tmp_path, bad, pickled)

    eventually(lambda: installation.dropped() == before + 2, 10, "both counted")
    told = json.loads(installation.deskbell("dropped", "--json").stdout)
    reasons = {each["headers"]["id"]: each["reason"] for each in told["latest"] if "id" in each["headers"]}
    assert reasons["t-colour"] == "a notification that cannot be accepted: colour: is not a known field"
    assert reasons["t-pickle"].startswith("its body is a pickle, which could run code")
    assert MARKER not in json.dumps(told)
    assert installation.deskbell("dropped", "--seen").returncode == 0
    assert json.loads(installation.deskbell("dropped", "--json").stdout) == {**told, "unseen": 0, "latest": []}


def test_a_list_that_nobody_reads_is_told(installation: Installation, tmp_path: Path) -> None:
    fields = {"receiver_id": "ou_unread", "text": MARKER}
    send_task(
        installation,
        tmp_path,
        {"fields": fields, "options": {"queue": "deskbell.intakes"}},
        {"fields": fields, "options": {"queue": "celery"}},
        {"fields": fields, "options": {"priority": 9}, "settings": {"broker_transport_options": {"sep": "~"}}},
    )
    try:
        found = json.loads(installation.deskbell("doctor", "--json").stdout)["checks"]
        [told] = [check["found"] for check in found if check["name"] == "unread lists"]
        assert told == "no worker reads the messages in 'celery' (1), 'deskbell.intakes' (1), 'deskbell.intake~9' (1)"
        eventually(
            lambda: b"intakes" in (installation.ledger.redis.get("deskbell:dropped:unread") or b""), 10, "a look"
        )
    finally:
        installation.ledger.redis.delete("celery", "deskbell.intake~9", "deskbell.intakes")
    eventually(lambda: installation.ledger.redis.get("deskbell:dropped:unread") == b"[]", 10, "another look")
