"""The sandbox pushes ticket events as Feishu does: what Deskbell's own side opens, and the SDK's."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import requests

import sandbox
from ledger.settings import Desk
from producers.feishu_events.envelope import Event, Pushed, open_envelope
from sandbox.pushes import Pushes
from tests.envelopes import KEY, TOKEN
from tests.receiver import Receiver, answering, receiving
from tests.unit.feishu.test_subscribe import EVENTS

DESK_FIELDS = {"app_id": "cli_sandbox", "encrypt_key": KEY, "verification_token": TOKEN}
HELPDESK = "MTAwMDAwMDAwMDAwMDAwMDAwMDpodC1zYW5kYm94"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(answering(200)) as made:
        yield made


def opened(receiver: Receiver, number: int) -> Event:
    desk = Desk(name="it", rate="100/minute", feishu_url="http://127.0.0.1:1", **DESK_FIELDS)  # type: ignore[arg-type]
    received = receiver.received[number]
    found = open_envelope(Pushed(received.headers, received.body), [desk], time.time())
    assert isinstance(found, Event)
    return found


def order(url: str, **ticket: Any) -> None:
    requests.post(f"{url}/sandbox/tickets", json=ticket, timeout=120).raise_for_status()


def subscribe(url: str) -> None:
    credentials = {"app_id": "cli_sandbox", "app_secret": "sandbox-secret"}
    token_path = f"{url}/open-apis/auth/v3/tenant_access_token/internal"
    token = requests.post(token_path, json=credentials, timeout=120).json()["tenant_access_token"]
    headers = {"Authorization": f"Bearer {token}", "X-Lark-Helpdesk-Authorization": HELPDESK}
    path = f"{url}/open-apis/helpdesk/v1/events/subscribe"
    requests.post(path, json={"events": EVENTS}, headers=headers, timeout=120).raise_for_status()


def test_what_happens_to_a_ticket_is_pushed_once_it_is_subscribed_to(receiver: Receiver) -> None:
    options = ("--events-url", receiver.url, "--encrypt-key", KEY, "--verification-token", TOKEN)
    with sandbox.running(*options) as url:
        order(url, guest_id="ou_early", status=2)
        subscribe(url)
        order(url, guest_id="ou_ada", status=2)
        receiver.wait()
        order(url, guest_id="ou_ada", status=51)
        receiver.wait()
    created, updated = opened(receiver, 0), opened(receiver, 1)
    assert (created.type, updated.type) == ("helpdesk.ticket.created_v1", "helpdesk.ticket.updated_v1")
    assert created.id != updated.id
    assert created.body["guest"]["id"] == {"open_id": "ou_ada", "union_id": "on_ada", "user_id": "u_ada"}
    assert created.body["ticket_id"] == updated.body["object"]["ticket_id"]
    assert (created.body["status"], updated.body["object"]["status"]) == (2, 51)
    assert updated.body["old_object"]["status"] == 2


def test_a_person_who_changes_is_pushed(receiver: Receiver) -> None:
    options = ("--events-url", receiver.url, "--encrypt-key", KEY, "--verification-token", TOKEN, "--demo")
    with sandbox.running(*options, "--without-scope", "contact:user.phone:readonly") as url:
        for changes in ({"email": "na.li@acme.example"}, {"status": "resigned"}):
            requests.post(f"{url}/sandbox/people/ou_li.na", json=changes, timeout=120).raise_for_status()
            receiver.wait()
    updated, deleted = opened(receiver, 0), opened(receiver, 1)
    assert (updated.type, deleted.type) == ("contact.user.updated_v3", "contact.user.deleted_v3")
    assert updated.body["object"]["open_id"] == deleted.body["object"]["open_id"] == "ou_li.na"
    assert updated.body["old_object"] == {"email": "li.na@acme.example"}
    assert updated.body["object"]["department_ids"] == deleted.body["old_object"]["department_ids"] == ["od-people"]
    assert "department_ids" not in deleted.body["object"]
    assert "mobile" not in updated.body["object"]


def test_what_is_not_answered_with_200_is_pushed_again() -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    with receiving(answering(503), cut, answering(302, Location="/"), answering(200)) as receiver:
        Pushes(receiver.url, KEY, waits_seconds=[0] * 5).push("cli_x", "t", {})
        receiver.wait(4)
        time.sleep(0.05)
    assert len(receiver.received) == 4
    assert len({received.body for received in receiver.received}) == 1


def test_without_a_key_it_is_plain_and_marked(receiver: Receiver) -> None:
    Pushes(receiver.url, "", TOKEN).push("cli_x", "t", {"a": 1})
    receiver.wait()
    [received] = receiver.received
    document = json.loads(received.body)
    assert (document["header"]["token"], document["event"]) == (TOKEN, {"a": 1})
    assert "x-lark-signature" not in received.headers
