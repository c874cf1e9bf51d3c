"""A cluster of one node, with a hash tag in the prefix: the main job is done as elsewhere.

The server counts what it refuses because of slots (`INFO errorstats`): after each test that is nothing.
"""

import base64
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import celery
import pytest
import requests
from PIL import Image

from ledger.callbacks import Callbacks
from ledger.states import State
from tests.acceptance.installation import MARKER, Installation, eventually
from tests.acceptance.installation_elsewhere import SiteElsewhere
from tests.acceptance.web_process import WebProcess
from tests.integration.console.console_visitor import Visitor
from tests.receiver import Receiver, receiving
from tests.valkey_process import ValkeyProcess

PREFIX = "{bells}"
FIT = {"appendonly": "yes", "appendfsync": "always", "maxmemory_policy": "noeviction", "cluster_enabled": "yes"}
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
#: What a server answers to keys of several slots, of another node, or of none.
REFUSALS = ("errorstat_CROSSSLOT", "errorstat_MOVED", "errorstat_ASK", "errorstat_CLUSTERDOWN")
HOOK = """
[hook.script]
use = "generic"
to = "ou_hook"
"""


@pytest.fixture(scope="module")
def server(folders: Callable[[], Path]) -> Iterator[ValkeyProcess]:
    with ValkeyProcess(folders() / "server", **FIT) as server:
        server.client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        eventually(lambda: serves(server), 10, "it serves")
        yield server


def serves(server: ValkeyProcess) -> bool:
    return bool(server.client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")


@pytest.fixture(scope="module")
def site(server: ValkeyProcess, folders: Callable[[], Path]) -> Iterator[Installation]:
    hooks = folders() / "hooks.toml"
    hooks.write_text(HOOK)
    url = f"redis://127.0.0.1:{server.port}/0"
    site = SiteElsewhere(
        folders(), url, workers=2, prefix=PREFIX, hooks=hooks, callback_secret=SECRET, callback_allow="127.0.0.1"
    )
    with site:
        site.sandbox.fault({"prefix": "ou_flaky"}, {"answer": {"status": 500, "code": 155000, "msg": "x"}}, times=2)
        yield site


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def _one_slot(server: ValkeyProcess, site: Installation) -> Iterator[None]:
    """Nothing is refused, every key is in the slot of the prefix, and every channel begins with it."""
    server.client.config_resetstat()
    yield
    errors = server.client.info("errorstats")
    assert not {name: errors[name] for name in REFUSALS if name in errors}
    slot = server.client.execute_command("CLUSTER KEYSLOT", PREFIX)
    assert server.client.execute_command("CLUSTER COUNTKEYSINSLOT", slot) == server.client.dbsize()
    assert all(channel.startswith(PREFIX.encode()) for channel in server.client.pubsub_channels())
    assert all("Traceback" not in worker.log.read_text() for worker in site.workers)


def test_events_are_sent_retried_rerouted_and_called_back(site: Installation, receiver: Receiver) -> None:
    site.sandbox.ticket("ou_ticket")
    sent = site.deskbell_json("send", "--to", "ou_ada", "--text", MARKER, "--callback-url", receiver.url, "--wait")
    assert sent["state"] == "delivered"
    receiver.wait(seconds=30)
    eventually(lambda: Callbacks(site.ledger).counts()[0] == 0, 10, "the callback struck off")
    flaky, ticket, wrong, later = site.accept("ou_flaky", "ou_ticket", "ou_unknown", "ou_later")
    [retried, rerouted] = site.wait_until_delivered([flaky, ticket], 30)
    assert [attempt["outcome"] for attempt in retried["attempts"]] == ["transient", "transient", "delivered"]
    assert rerouted["via"] == "user"
    site.wait_for_state(wrong, State.FAILED)
    assert site.deskbell("retry", wrong).returncode == 0
    eventually(lambda: len(site.shown(wrong)["attempts"]) == 2, 30, "the second call")
    site.wait_until_delivered([later], 30)
    dated = site.deskbell_json("send", "--to", "ou_dated", "--text", MARKER, "--at", "2099-01-01T00:00:00Z")
    assert site.deskbell("cancel", dated["id"]).returncode == 0


def test_a_maybe_sent_event_is_resolved(site: Installation) -> None:
    site.sandbox.fault({"receiver_id": "ou_cut"}, {"cut": "after"}, times=1)
    [id] = site.accept("ou_cut", on_unknown="hold")
    site.wait_for_state(id, State.UNKNOWN)
    assert site.deskbell("resolve", id, "--as", "delivered").returncode == 0
    assert site.shown(id)["state"] == "delivered"


def test_a_picture_is_uploaded_and_sent(site: Installation, tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "dot.png")
    message = tmp_path / "message.yaml"
    message.write_text("msg_type: image\ncontent: {file: dot.png}\n")
    sent = site.deskbell_json("send", "--to", "ou_picture", "--message", str(message), "--wait")
    assert sent["state"] == "delivered"


def test_an_announcement_is_sent_steered_and_exported(site: Installation, tmp_path: Path) -> None:
    site.sandbox.fault({"prefix": "ou_row"}, {"delay_ms": 400})
    people = tmp_path / "people.csv"
    people.write_text("receiver_id\n" + "".join(f"ou_row{number}\n" for number in range(300)) + "ou_unknown\n")
    options = ("--text", MARKER, "--yes", "--name", "move")
    announced = site.deskbell_json("announce", str(people), *options, "--between", "00:00-23:59", "--timezone", "UTC")
    assert site.ledger.announcements.pause(announced["id"], "test") == "paused"
    assert site.ledger.announcements.resume(announced["id"], "test") == "running"
    assert site.deskbell("watch", announced["id"]).returncode == 4, "one row fails"
    shown = site.deskbell_json("show", announced["id"])
    assert (shown["total"], shown["counts"]) == (301, {"delivered": 300, "failed": 1})
    assert site.deskbell("retry", announced["id"]).returncode == 0
    exported = site.deskbell("export", announced["id"], "--format", "csv")
    assert exported.stdout.count("\n") == 302
    for command in (("list",), ("list", "--notifications"), ("desks",)):
        assert site.deskbell_json(*command)


def test_the_web_side_accepts_and_shows(site: Installation) -> None:
    scopes = ("--scope", "send", "--scope", "announce", "--scope", "read", "--scope", "operate")
    key = site.deskbell_json("key", "create", "--name", "app", *scopes, "--rate", "100/minute")["secret"]
    with WebProcess(site.folder, site.environment) as web:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k-1"}
        body = {"receiver_id": "ou_http", "text": MARKER}
        answers = [
            requests.post(f"{web.url}/v1/notifications", json=body, headers=headers, timeout=60) for _ in range(2)
        ]
        assert [(answer.status_code, answer.json()["duplicate"]) for answer in answers] == [(202, False), (202, True)]
        called = requests.post(f"{web.url}/v1/hooks/script", json={"text": MARKER}, headers=headers, timeout=60)
        assert called.status_code == 202, called.text
        id = answers[0].json()["id"]
        site.wait_until_delivered([each["id"] for each in (answers[0].json(), *called.json()["accepted"])], 30)
        ready = requests.get(f"{web.url}/readyz", timeout=60)
        assert ready.status_code == 200, ready.text
        scraped = requests.get(f"{web.url}/metrics", headers=headers, timeout=60)
        assert 'deskbell_ledger_check{check="mode"} 0.0' in scraped.text
        visitor = Visitor(web.url).sign_in(key)
        for page in ("/", "/announcements", "/notifications", "/needs", "/hooks", f"/notifications/{id}"):
            visitor.look(page)


def test_the_intake_is_reached_by_any_application(server: ValkeyProcess, site: Installation) -> None:
    application = celery.Celery("somebody", broker=server.url, set_as_current=False)
    fields = {"receiver_id": "ou_celery", "text": MARKER}
    with closing(application):
        application.send_task("deskbell.send", kwargs=fields, queue=f"{PREFIX}.intake", ignore_result=True)
        eventually(lambda: "ou_celery" in site.sandbox.deliveries(), 20, "the message")
    # The queue's bindings, which that application keeps by kombu's names.
    server.client.delete(*server.client.scan_iter("_kombu*"))


def test_doctor_is_content(site: Installation) -> None:
    checks = {check["name"]: check for check in site.deskbell_json("doctor")["checks"]}
    assert checks["mode"]["status"] == "ok"


def test_sending_goes_on_after_a_restart_of_the_server(server: ValkeyProcess, site: Installation) -> None:
    """A node serves its slots only some seconds after its start."""
    server.kill()
    server.start()
    eventually(lambda: serves(server), 20, "it serves again")
    server.client.config_resetstat()  # what was refused meanwhile
    site.wait_until_delivered(site.accept("ou_after"), 30)
    assert all(worker.runs for worker in site.workers)


def test_a_second_database_is_refused_in_one_line(server: ValkeyProcess, site: Installation) -> None:
    environment = {**site.environment, "DESKBELL_REDIS_URL": f"redis://127.0.0.1:{server.port}/2"}
    site.environment, kept = environment, site.environment
    try:
        refused = site.deskbell("list")
    finally:
        site.environment = kept
    assert (refused.returncode, refused.stderr.count("\n")) == (3, 1)
    assert "has no such database: set DESKBELL_REDIS_URL" in refused.stderr
