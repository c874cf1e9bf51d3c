"""`deskbell departments` and `groups`, over the sandbox's contacts."""

import json
import re
from typing import Any

import pytest

from ledger.settings import Settings
from producers.cli.command_line import run
from tests.integration.producers.cli.announcing_desk import Output, on_a_terminal
from tests.sandbox_company import company_running


def told(capsys: Output, *arguments: str) -> Any:
    assert run([*arguments, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_departments_are_a_tree(empty_valkey: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    with company_running(empty_valkey, monkeypatch):
        found = told(capsys, "departments")
        assert [(each["id"], each["name"], each["parent"]) for each in found] == [
            ("od-a", "Alpha", "0"),
            ("od-aa", "Alpha two", "od-a"),
            ("od-b", "Beta", "0"),
        ]
        assert all(each["members"] for each in found)
        assert run(["departments"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert re.fullmatch(r"  Alpha two\t\d+\tod-aa", lines[1])
        code, shown = on_a_terminal("departments")
        assert code == 0
        assert "Alpha two" in shown


def test_departments_of_a_smaller_range(
    empty_valkey: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    with company_running(empty_valkey, monkeypatch, "--range", "od-aa,od-b"):
        assert [each["id"] for each in told(capsys, "departments")] == ["od-aa", "od-b"]


def test_departments_too_many_to_list_at_once(
    empty_valkey: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    with company_running(empty_valkey, monkeypatch, "--recursion-limit", "1"):
        assert [each["id"] for each in told(capsys, "departments")] == ["od-a", "od-aa", "od-b"]


def test_groups_of_both_kinds(empty_valkey: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    with company_running(empty_valkey, monkeypatch):
        assert [(each["id"], each["kind"], each["people"], each["departments"]) for each in told(capsys, "groups")] == [
            ("g-wardens", "normal", 2, 1),
            ("g-clever", "dynamic", 1, 0),
        ]


def test_a_missing_scope_is_told(empty_valkey: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    with company_running(empty_valkey, monkeypatch, "--scopes", "contact:contact.base:readonly"):
        assert run(["groups"]) == 1
        assert "scope" in capsys.readouterr().err
