"""The pages of two notifications that tell of one alert lead to each other, without a browser."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ledger.api_key import Scope
from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.integration.console.console_visitor import Visitor
from tests.integration.producers.web.web_thread import WebThread, with_files
from tests.unit.producers.hooks.hook_cases import payload

HOOKS = """
[hook.oncall]
use = "alertmanager"
to = "ou_ada"

[hook.calm]
use = "generic"
to = "ou_ada"
digest = "5m"
"""
RESOLVED = {"status": "resolved", "startsAt": "2024-11-22T06:05:00Z", "endsAt": "2024-11-22T06:25:00Z"}


@pytest.fixture
def web(empty_valkey: Settings, tmp_path: Path) -> Iterator[WebThread]:
    with WebThread(with_files(empty_valkey, tmp_path, hooks=HOOKS)) as running:
        yield running


def post(web: WebThread, hook: str, body: object) -> str:
    answer = requests.post(f"{web.url}/v1/hooks/{hook}?key={web.secret(Scope.SEND)}", json=body, timeout=30)
    assert answer.status_code == 202, answer.text
    [accepted] = json.loads(answer.text)["accepted"]
    return str(accepted["id"])


def ended() -> dict[str, object]:
    fired = payload("alertmanager_firing")
    return fired | {"status": "resolved", "alerts": [each | RESOLVED for each in fired["alerts"]]}


@pytest.mark.parametrize(
    ("language", "of", "by", "told"),
    [
        ("en", "Alert fired in", "Resolved in", "Fired for 20 min, since 11-22 06:05 UTC"),
        ("zh-CN", "告警触发于", "告警恢复于", "Fired for 20 min, since 11-22 06:05 UTC"),
    ],
)
def test_the_end_of_an_alert_and_its_firing_lead_to_each_other(
    web: WebThread, language: str, of: str, by: str, told: str
) -> None:
    first, last = post(web, "oncall", payload("alertmanager_firing")), post(web, "oncall", ended())
    visitor = Visitor(web.url, language).sign_in(web.secret(Scope.READ, Scope.OPERATE))
    page = visitor.look(f"/notifications/{last}")
    assert f'<dt>{of}</dt><dd><a class="id" href="/console/notifications/{first}">' in page
    assert told in page, "in the language of the desk, as it is sent"
    assert f'<dt>{by}</dt><dd><a class="id" href="/console/notifications/{last}">' in visitor.look(
        f"/notifications/{first}"
    )


def test_an_alert_that_joined_a_digest_leads_there_and_back(web: WebThread) -> None:
    ledger: Ledger = web.context.ledger
    first = post(web, "calm", {"text": "Disk is full", "alert": "disk"})
    last = post(web, "calm", {"text": "Disk is free", "alert": "disk", "state": "resolved", "fired_at": 1732255500})
    digest = ledger.get(first).progress.into
    visitor = Visitor(web.url).sign_in(web.secret(Scope.READ, Scope.OPERATE))
    assert f'<dt>Alert fired in</dt><dd><a class="id" href="/console/notifications/{digest}">' in visitor.look(
        f"/notifications/{last}"
    )
    page = visitor.look(f"/notifications/{digest}")
    assert f'<dt>Resolved in</dt><dd><a class="id" href="/console/notifications/{last}">' in page
    assert "Disk is free · Fired for " in page


def test_the_record_over_http_has_both(web: WebThread) -> None:
    first, last = post(web, "oncall", payload("alertmanager_firing")), post(web, "oncall", ended())
    headers = {"Authorization": f"Bearer {web.secret(Scope.READ)}"}
    found = {
        id: requests.get(f"{web.url}/v1/notifications/{id}", headers=headers, timeout=30).json() for id in (first, last)
    }
    assert found[last]["resolve_of"] == first
    assert found[first]["resolved_by"] == [last]
