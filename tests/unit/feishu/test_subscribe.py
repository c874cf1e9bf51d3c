"""`deskbell feishu subscribe`, the whole way to the sandbox."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

import sandbox
from producers.cli.command_line import run

pytestmark = pytest.mark.slow  # each starts a process

Output = pytest.CaptureFixture[str]
EVENTS = [
    {"type": "helpdesk.ticket", "subtype": "ticket.created_v1"},
    {"type": "helpdesk.ticket", "subtype": "ticket.updated_v1"},
]


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with sandbox.running() as base_url:
        variables = {
            "FEISHU_URL": base_url,
            "APP_ID": "cli_sandbox",
            "APP_SECRET": "sandbox-secret",
            "HELPDESK_ID": "1000000000000000000",
            "HELPDESK_TOKEN": "ht-sandbox",
        }
        for name, value in variables.items():
            monkeypatch.setenv(f"DESKBELL_{name}", value)
        yield base_url


def control(url: str, path: str, document: Any = None) -> Any:
    data = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(f"{url}/sandbox/{path}", data, {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as answer:
        return json.loads(answer.read())


def test_feishu_is_asked_for_both_ticket_events(url: str, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("DESKBELL_VERIFICATION_TOKEN", "t")
    assert run(["feishu", "subscribe", "--json"]) == 0
    assert run(["feishu", "subscribe"]) == 0
    out, err = capsys.readouterr()
    told, *lines = out.splitlines()
    assert json.loads(told) == {"desk": "default", "events": EVENTS}
    assert lines == ["helpdesk.ticket ticket.created_v1", "helpdesk.ticket ticket.updated_v1"]
    assert err == ""
    assert control(url, "subscriptions") == {"subscriptions": EVENTS}


def test_without_key_and_token_it_says_what_is_missing(url: str, capsys: Output) -> None:
    assert run(["feishu", "subscribe"]) == 0
    assert "DESKBELL_ENCRYPT_KEY" in capsys.readouterr().err


def test_a_fault_that_passes_is_not_noticed(url: str, capsys: Output) -> None:
    order = {"match": {"path": "subscribe"}, "times": 1, "do": {"answer": {"status": 500, "code": 155000, "msg": "?"}}}
    control(url, "faults", order)
    assert run(["feishu", "subscribe", "--json"]) == 0


@pytest.mark.parametrize(
    ("variable", "value", "code", "said"),
    [
        ("HELPDESK_TOKEN", "ht-wrong", 1, "code 154001"),
        ("APP_SECRET", "nonsense", 1, "secret"),
        ("HELPDESK_ID", "", 2, "not set: helpdesk_id"),
    ],
)
def test_what_is_wrong_is_told_on_one_line(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: Output, variable: str, value: str, code: int, said: str
) -> None:
    monkeypatch.setenv(f"DESKBELL_{variable}", value)
    assert run(["feishu", "subscribe"]) == code
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not value or value not in err


def test_a_desk_that_is_not_configured_is_bad_input(url: str, capsys: Output) -> None:
    assert run(["feishu", "subscribe", "--desk", "hr"]) == 2
    assert "hr" in capsys.readouterr().err
