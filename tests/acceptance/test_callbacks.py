"""Callbacks from real workers: posted after a kill -9, and the way of the command line to them."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from ledger.callbacks import Callbacks
from ledger.states import State
from tests.acceptance.installation import MARKER, Installation, eventually
from tests.receiver import Received, answering, receiving

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OPEN = {"DESKBELL_CALLBACK_SECRET": SECRET, "DESKBELL_CALLBACK_ALLOW": "127.0.0.1"}


@pytest.fixture
def calling_site(new_installation: Callable[..., Installation]) -> Installation:
    return new_installation(workers=1, **OPEN)


def opened(received: Received) -> dict[str, Any]:
    document: dict[str, Any] = standardwebhooks.Webhook(SECRET).verify(received.body, received.headers)
    assert MARKER not in received.body.decode()
    return document


def test_a_worker_that_dies_between_record_and_post_loses_no_callback(
    new_installation: Callable[..., Installation],
) -> None:
    """It has recorded and cannot post, since it has no secret; then it is killed, and another one has."""
    installation = new_installation(workers=1)
    with receiving() as receiver:
        id = installation.send("ou_ada", callback_url=receiver.url).id
        installation.wait_for_state(id, State.DELIVERED)
        installation.workers[0].kill()
        assert receiver.received == []
        installation.start_worker(**OPEN)
        receiver.wait(seconds=30)
        eventually(lambda: Callbacks(installation.ledger).counts()[0] == 0, 10, "the callback struck off")
    [received] = receiver.received
    assert opened(received)["type"] == "notification.delivered"
    assert opened(received)["data"] == installation.shown(id)


def test_the_ends_of_notifications_and_announcements_are_posted(calling_site: Installation, tmp_path: Path) -> None:
    installation = calling_site
    (tmp_path / "people.csv").write_text("receiver_id\nou_a\nou_b\nou_unknown_c\n", "utf-8")
    with receiving(answering(500), answering(204)) as receiver:
        to = ("--callback-url", receiver.url)
        installation.deskbell_json("send", "--to", "ou_ada", "--text", MARKER, *to)
        receiver.wait(2, seconds=30)  # the first one is refused, and comes again
        announced = installation.deskbell_json("announce", str(tmp_path / "people.csv"), "--text", MARKER, "--yes", *to)
        receiver.wait(seconds=30)
        first, again, last = (opened(received) for received in receiver.received)
        assert first == again
        assert first["type"] == "notification.delivered"
        assert last["type"] == "announcement.finished"
        assert last["data"]["id"] == announced["id"]
        assert last["data"]["counts"] == {"delivered": 2, "failed": 1}


def test_a_url_that_is_none_is_bad_input(calling_site: Installation) -> None:
    done = calling_site.deskbell("send", "--to", "ou_ada", "--text", "x", "--callback-url", "https://a:s3cret@b.c/")
    assert done.returncode == 2
    assert "callback_url: must not contain a user or password" in done.stderr
    assert "s3cret" not in done.stderr


def test_a_private_address_is_not_called_unless_allowed(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation(workers=1, DESKBELL_CALLBACK_SECRET=SECRET)
    with receiving() as receiver:
        id = installation.send("ou_ada", callback_url=receiver.url + "?token=s3cret").id
        installation.wait_for_state(id, State.DELIVERED)
        log = installation.workers[0].log
        eventually(lambda: "DESKBELL_CALLBACK_ALLOW" in log.read_text("utf-8"), 10, "the refusal in the log")
    assert receiver.received == []
    assert "s3cret" not in log.read_text("utf-8")
    assert json.dumps(installation.shown(id)).count("s3cret") == 0
