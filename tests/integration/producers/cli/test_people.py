"""`deskbell people`, with the sandbox for Feishu."""

import json
from collections.abc import Iterator

import pytest

import sandbox
from ledger.settings import Settings
from producers.cli.command_line import run

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def desk(monkeypatch: pytest.MonkeyPatch, empty_valkey: Settings) -> Iterator[None]:
    with sandbox.running("--demo") as url:
        values = {"APP_ID": "cli_sandbox", "APP_SECRET": "sandbox-secret", "HELPDESK_ID": "1", "HELPDESK_TOKEN": "ht"}
        for name, value in {**values, "REDIS_URL": str(empty_valkey.redis), "FEISHU_URL": url}.items():
            monkeypatch.setenv(f"DESKBELL_{name}", value)
        yield


def test_it_says_what_feishu_says_of_an_address(capsys: Output) -> None:
    assert run(["people", "li.na@acme.example"]) == 0
    assert capsys.readouterr().out == "li.na@acme.example\tou_li.na\t李娜\tcan be sent to\n"


def test_somebody_who_cannot_be_sent_to_makes_it_fail(capsys: Output) -> None:
    assert run(["people", "li.na@acme.example,deng.chao@acme.example", "nobody@acme.example", "--json"]) == 1
    li_na, deng_chao, nobody = json.loads(capsys.readouterr().out)
    assert (li_na["status"], deng_chao["status"], nobody["status"]) == ("here", "frozen", None)
    assert (deng_chao["open_id"], nobody["open_id"]) == ("ou_deng.chao", None)
    assert nobody["reason"] == "no_such_person"


def test_an_enterprise_mailbox_is_told_from_an_unknown_address(capsys: Output) -> None:
    """It judges by the people that it looks at, and Ma Jun is one of them."""
    asked = ["ma.jun@mail.acme.example", "nobody@mail.acme.example", "nobody@acme.example"]
    assert run(["people", *asked, "--json"]) == 1
    known, domain, unknown = json.loads(capsys.readouterr().out)
    assert (known["reason"], known["do"]) == ("enterprise_mailbox", "use ma.jun@acme.example")
    assert (domain["reason"], domain["said"]) == (
        "no_such_person",
        "mail.acme.example is the domain of enterprise mailboxes, which Feishu does not look up",
    )
    assert unknown["said"] == "nobody has this address, or it is an enterprise mailbox, which Feishu does not look up"


def test_an_unknown_desk_is_bad_input(capsys: Output) -> None:
    assert run(["people", "ou_ada", "--desk", "hr"]) == 2
    assert "hr" in capsys.readouterr().err
