"""Workers of two versions side by side, and workers that are older than the ledger."""

from collections.abc import Callable
from pathlib import Path

from ledger.connection import SCHEMA
from ledger.states import State
from tests.acceptance.installation import Installation, eventually

#: Has a worker speak to others as the next version may: its wake-up calls say more than this version knows.
NEXT_VERSION = """
import base64, json
from worker.celery.queues import Queues
this_version = Queues.wake_up
def wake_up(self, desk, ids):
    message = json.loads(this_version(self, desk, ids))
    arguments, named, rest = json.loads(base64.b64decode(message["body"]))
    body = [arguments, {**named, "format": 2, "lanes": {"e_default": len(ids)}}, rest]
    message["body"] = base64.b64encode(json.dumps(body).encode()).decode()
    return json.dumps(message).encode()
Queues.wake_up = wake_up
"""
#: Has a worker note each wake-up call of the next version that it takes.
TAKES_NOTES = """
from celery.signals import task_prerun
def note(task=None, kwargs=None, **_):
    if task.name == "deskbell.deliver" and "format" in (kwargs or {}):
        open("taken", "a").write("x")
task_prerun.connect(note, weak=False)
"""


def test_workers_one_version_apart_understand_each_other(
    new_installation: Callable[..., Installation], tmp_path: Path
) -> None:
    for name, customized in (("newer", NEXT_VERSION), ("older", TAKES_NOTES)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "sitecustomize.py").write_text(customized)
    installation = new_installation(workers=0)
    installation.sandbox.fault({"prefix": "ou_"}, {"delay_ms": 30})
    newer = installation.start_worker(PYTHONPATH=f"{tmp_path / 'newer'}:{Path(__file__).parents[2]}")
    installation.wait_for_workers(1)
    older = installation.start_worker(PYTHONPATH=f"{tmp_path / 'older'}:{Path(__file__).parents[2]}")
    installation.wait_for_workers(2)
    assert installation.leading_worker() is newer

    first = installation.accept(*(f"ou_newer{number}" for number in range(60)))
    installation.wait_until_delivered(first, seconds=20)
    newer.terminate()
    eventually(lambda: installation.leader_pid == older.pid, 5, "the older one leads")
    second = installation.accept(*(f"ou_older{number}" for number in range(60)))
    installation.wait_until_delivered(second, seconds=20)

    assert newer.wait(seconds=10) == 0
    assert installation.dropped() == 0
    assert set(installation.sandbox.deliveries().values()) == {1}
    assert installation.counts() == {State.DELIVERED: 120}
    assert (installation.folder / "taken").exists()  # by the older one, from the newer


def test_a_worker_refuses_a_newer_ledger_and_goes_on_when_it_may(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation(workers=1)
    [worker] = installation.workers
    known = installation.accept("ou_known")
    installation.wait_until_delivered(known, seconds=10)
    waiting = installation.accept("ou_waiting", at="2036-01-01T00:00:00Z")
    installation.ledger.redis.set(installation.ledger.keys.schema, SCHEMA + 1)

    eventually(lambda: "this worker does nothing" in worker.log.read_text("utf-8"), 10, "it says so")
    refused = installation.deskbell("send", "--to", "ou_refused", "--text", "from an older one")
    doctor = installation.deskbell("doctor")
    installation.ledger.redis.set(installation.ledger.keys.schema, SCHEMA)

    assert refused.returncode == 1
    assert f"has version {SCHEMA + 1}, but this Deskbell needs version {SCHEMA}" in refused.stderr
    assert "upgrade this Deskbell" in doctor.stdout
    after = installation.accept("ou_after")
    installation.wait_until_delivered(after, seconds=15)
    assert worker.runs
    assert installation.shown(waiting[0])["state"] == State.SCHEDULED
    assert "ou_refused" not in installation.sandbox.deliveries()
