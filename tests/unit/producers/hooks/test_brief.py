"""`use = "generic"`: what tools post by themselves, in the shapes that they document, with words of our own."""

from pathlib import Path
from typing import Any

import pytest

from producers.hooks.brief import brief_of
from producers.hooks.hook import Hook
from tests.unit.producers.hooks.hook_cases import a_hook, incoming, text_of

__all__: list[str] = []

LINK = "https://tool.example.net/7"
TOOLS: dict[str, tuple[dict[str, Any], str]] = {
    "the documented names": (
        {"title": "Backup", "text": "3 of 3", "url": LINK, "status": "x"},
        f"Backup\n3 of 3\n{LINK}",
    ),
    "a text alone": ({"text": "3 of 3 done"}, "3 of 3 done"),
    "Uptime Kuma": (
        {
            "heartbeat": {
                "monitorID": 1,
                "status": 0,
                "msg": "timeout",
                "time": "2026-11-22 06:41:12",
                "important": True,
            },
            "monitor": {"id": 1, "name": "Shop", "url": LINK, "type": "http"},
            "msg": "[Shop] [🔴 Down] timeout",
        },
        f"[Shop] [🔴 Down] timeout\n{LINK}",
    ),
    "Uptime Kuma's test": ({"heartbeat": None, "monitor": None, "msg": "Deskbell Testing"}, "Deskbell Testing"),
    "Zabbix": (
        {
            "To": "ops",
            "Subject": "Problem: disk full",
            "Message": "Host: db-3\nSeverity: High",
            "URL": LINK,
            "HTTPProxy": "",
        },
        f"Problem: disk full\nHost: db-3\nSeverity: High\n{LINK}",
    ),
    "Jenkins": (
        {
            "name": "shop",
            "display_name": "Shop build",
            "url": "job/shop/",
            "build": {"full_url": LINK, "number": 87, "phase": "FINALIZED", "status": "FAILURE", "url": "job/shop/87/"},
        },
        f"Shop build #87 (FAILURE)\n{LINK}",
    ),
    "New Relic": (
        {
            "id": "7",
            "issueUrl": LINK,
            "title": "Shop query result is > 2.0",
            "priority": "CRITICAL",
            "impactedEntities": ["shop"],
            "state": "ACTIVATED",
            "workflowName": "ops",
        },
        f"Shop query result is > 2.0 (ACTIVATED)\n{LINK}",
    ),
    "New Relic, with a list of titles": ({"title": ["Shop is slow"], "state": "CLOSED"}, "Shop is slow (CLOSED)"),
    "New Relic's older alerts": (
        {"condition_name": "Apdex", "current_state": "open", "details": "Apdex < 0.8", "incident_url": LINK},
        f"Apdex (open)\nApdex < 0.8\n{LINK}",
    ),
    "Opsgenie": (
        {
            "action": "Close",
            "alert": {
                "alertId": "1",
                "message": "Disk full",
                "tinyId": "7",
                "priority": "P1",
                "description": "on db-3",
            },
            "source": {"name": "web", "type": "web"},
            "integrationName": "Deskbell",
        },
        "Disk full (Close)\non db-3",
    ),
    "Argo CD, as the page has it": (
        {"title": "shop: OutOfSync", "text": "Revision 4be1c2d", "url": LINK},
        f"shop: OutOfSync\nRevision 4be1c2d\n{LINK}",
    ),
    "Datadog": (
        {
            "id": "7",
            "title": "[Triggered] Disk full",
            "body": "db-3 has 4 % left",
            "event_type": "query_alert_monitor",
            "org": {"id": "1"},
            "last_updated": "1763790072000",
        },
        "[Triggered] Disk full\ndb-3 has 4 % left",
    ),
    "Flux": (
        {
            "involvedObject": {"kind": "Kustomization", "name": "shop", "namespace": "prod"},
            "severity": "error",
            "message": "health check failed",
            "reason": "HealthCheckFailed",
        },
        "Kustomization shop (error)\nhealth check failed",
    ),
}


@pytest.fixture
def generic(tmp_path: Path) -> Hook:
    return a_hook(tmp_path, 'use = "generic"')


@pytest.mark.parametrize(("posted", "text"), TOOLS.values(), ids=list(TOOLS))
def test_what_a_tool_posts_reads_well_without_a_line(generic: Hook, posted: dict[str, Any], text: str) -> None:
    assert text_of(generic, incoming(posted)) == text


def test_a_state_that_is_said_is_not_said_twice() -> None:
    assert brief_of({"title": "Disk: PROBLEM", "state": "problem"})["title"] == "Disk: PROBLEM"


@pytest.mark.parametrize(
    "payload", [{}, {"url": LINK}, {"title": {}, "text": [], "alert": "x"}, {"state": "open", "build": 5}]
)
def test_what_has_none_of_the_names_becomes_a_plain_text(generic: Hook, payload: dict[str, Any]) -> None:
    assert brief_of(payload)["lines"] == []
    assert text_of(generic, incoming(payload)).startswith("it")


def test_each_item_has_a_brief_of_its_own(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'use = "generic"', 'for_each = "payload.items"')
    made = hook.render(incoming({"items": [{"text": "one"}, {"text": "two"}, "three"]})).notifications
    assert [each.message.content["text"] for each in made][:2] == ["one", "two"]


def test_a_text_of_ones_own_may_use_it(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'use = "generic"', 'text = "{{ brief.title }}!"')
    assert text_of(hook, incoming({"Subject": "Disk full"})) == "Disk full!"
