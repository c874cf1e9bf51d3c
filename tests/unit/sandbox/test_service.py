"""What the sandbox says to a live test of a tenant: `start_service`, `read_users`, and `chat` beside an open ticket."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

import sandbox


class Caller:
    def __init__(self, base_url: str, session: requests.Session) -> None:
        self.base_url, self.session = base_url, session
        credentials = {"app_id": "cli_sandbox", "app_secret": "sandbox-secret"}
        token = self.post("/open-apis/auth/v3/tenant_access_token/internal", credentials).json()["tenant_access_token"]
        helpdesk = base64.b64encode(b"1000000000000000000:ht-sandbox").decode()
        session.headers.update({"Authorization": f"Bearer {token}", "X-Lark-Helpdesk-Authorization": helpdesk})

    def post(self, path: str, document: Any) -> requests.Response:
        return self.session.post(self.base_url + path, json=document, timeout=120)

    def serve(self, **document: Any) -> requests.Response:
        return self.post("/open-apis/helpdesk/v1/start_service", document)

    def send(self, receiver_id: str, receive_type: str) -> dict[str, Any]:
        text = json.dumps({"text": "hello"})
        document = {"msg_type": "text", "content": text, "receiver_id": receiver_id, "receive_type": receive_type}
        return dict(self.post("/open-apis/helpdesk/v1/message", document).json())

    def readers(self, message_id: str, **query: str) -> requests.Response:
        path = f"/open-apis/im/v1/messages/{message_id}/read_users"
        return self.session.get(self.base_url + path, params=query, timeout=120)

    def tickets(self, guest_id: str) -> list[dict[str, Any]]:
        url = f"{self.base_url}/open-apis/helpdesk/v1/tickets"
        return list(self.session.get(url, params={"guest_id": guest_id}, timeout=120).json()["data"]["tickets"])


@contextmanager
def calling(*arguments: str) -> Iterator[Caller]:
    with sandbox.running("--rate", "unlimited", *arguments) as base_url, requests.Session() as session:
        yield Caller(base_url, session)


@pytest.fixture
def caller() -> Iterator[Caller]:
    with calling() as caller:
        yield caller


def code_of(answer: requests.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


def test_a_service_without_an_agent_names_no_ticket_and_blocks_chat(caller: Caller) -> None:
    data = caller.serve(open_id="ou_ann").json()["data"]
    assert set(data) == {"chat_id"}
    (ticket,) = caller.tickets("ou_ann")
    assert (ticket["status"], ticket["ticket_type"]) == (1, 1)
    assert caller.send("ou_ann", "chat")["code"] == 154405
    assert caller.send("ou_ann", "user")["code"] == 0


def test_a_service_with_an_agent_names_its_ticket_and_is_the_same_one(caller: Caller) -> None:
    first = caller.serve(open_id="ou_ann").json()["data"]
    second = caller.serve(open_id="ou_ann", human_service=True, appointed_agents=["ou_agent"]).json()["data"]
    assert second["chat_id"] == first["chat_id"]
    (ticket,) = caller.tickets("ou_ann")
    assert (ticket["ticket_id"], ticket["ticket_type"]) == (second["ticket_id"], 2)


def test_a_ticket_of_the_bot_may_leave_chat_open() -> None:
    with calling("--bot-stage-passes") as caller:
        caller.serve(open_id="ou_ann")
        assert caller.send("ou_ann", "chat")["code"] == 0
        caller.serve(open_id="ou_ann", human_service=True)
        assert caller.send("ou_ann", "chat")["code"] == 154405


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, (400, 154000)),
        ({"open_id": "ou_ann", "appointed_agents": ["ou_agent"]}, (400, 154000)),
        ({"open_id": "ou_ann", "customized_info": "x" * 1025}, (400, 154000)),
        ({"open_id": "ou_unknown"}, (404, 154004)),
        ({"open_id": "ou_hidden_from"}, (401, 154402)),
    ],
)
def test_a_service_is_refused_by_its_code(caller: Caller, document: dict[str, Any], expected: tuple[int, int]) -> None:
    assert code_of(caller.serve(**document)) == expected


def test_readers_of_a_helpdesk_message_are_told_only_on_request(caller: Caller) -> None:
    message_id = caller.send("ou_ann", "user")["data"]["message_id"]
    assert code_of(caller.readers(message_id, user_id_type="open_id")) == (400, 230012)
    assert code_of(caller.readers(message_id)) == (400, 230001)
    with calling("--read-users") as other:
        message_id = other.send("ou_ann", "user")["data"]["message_id"]
        (reader,) = other.readers(message_id, user_id_type="union_id").json()["data"]["items"]
        assert (reader["user_id_type"], reader["user_id"]) == ("union_id", "on_ann")


@pytest.mark.parametrize(
    ("path", "code"), [("message", 154005), ("message", 230013), ("start_service", 154003), ("read_users", 230026)]
)
def test_every_answer_can_be_ordered(caller: Caller, path: str, code: int) -> None:
    caller.post("/sandbox/faults", {"match": {"path": path}, "do": {"code": code}})
    answers = {
        "message": lambda: caller.send("ou_ann", "chat"),
        "start_service": lambda: caller.serve(open_id="ou_ann").json(),
        "read_users": lambda: caller.readers("om_x", user_id_type="open_id").json(),
    }
    assert answers[path]()["code"] == code


def test_nobody_who_resigned_is_sent_to(caller: Caller) -> None:
    caller.post("/sandbox/people/ou_ann", {"status": "resigned"})
    assert caller.send("ou_ann", "user")["code"] == 230029
