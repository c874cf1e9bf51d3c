"""The intake for other Celery applications: one that knows nothing of Deskbell but a queue and the fields."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ledger.states import State
from tests.acceptance.installation import MARKER, Installation, eventually

#: All that such an application needs. It reads one JSON object a line: the fields, and the task's id if it matters.
APPLICATION = """
import json, sys
import celery

app = celery.Celery("somebody", broker=sys.argv[1])
app.conf.result_backend = None
for line in sys.stdin:
    message = json.loads(line)
    app.send_task("deskbell.send", kwargs=message["fields"], queue="deskbell.intake", task_id=message.get("id"))
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
