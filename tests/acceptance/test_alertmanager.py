"""Prometheus' Alertmanager, as a process, posts its alerts to our hooks: by its webhook, and by its Slack sender."""

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.acceptance.installation import eventually
from tests.acceptance.web_process import WebProcess, web_of_hooks
from tests.ports import free_port

__all__: list[str] = []

COMMAND = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
#: For each step, on an idle machine.
WAIT_SECONDS = 20
SENDERS = ("slack", "webhook")
HOOKS = '[hook.chat]\nuse = "slack"\nto = "ou_ada"\n[hook.oncall]\nuse = "alertmanager"\nto = "ou_bob"\n'
ALERT = {
    "labels": {"alertname": "DiskAlmostFull", "severity": "critical", "instance": "db-3:9100"},
    "annotations": {"summary": "Less than 5 % & shrinking <fast>"},
    "generatorURL": "http://prometheus.example.net/graph?a=1&b=2",
}
CONFIGURATION = """
route: {{receiver: both, group_wait: 100ms, group_interval: 1s, repeat_interval: 1h, group_by: [alertname]}}
receivers:
  - name: both
    slack_configs:
      - api_url: "{url}/v1/hooks/chat"
        channel: "#alerts"
        text: "{{{{ range .Alerts }}}}*{{{{ .Annotations.summary }}}}* <{{{{ .GeneratorURL }}}}|graph>{{{{ end }}}}"
        send_resolved: true
        fields: [{{title: Severity, value: "{{{{ .CommonLabels.severity }}}}", short: true}}]
        actions: [{{type: button, text: Runbook, url: "https://wiki.example.net/disk"}}]
    webhook_configs:
      - url: "{url}/v1/hooks/oncall"
"""

pytestmark = pytest.mark.skipif(
    COMMAND is None and not os.environ.get("CI"),
    reason="no prometheus-alertmanager on this machine: .ci/run fetches it",
)


@pytest.fixture(scope="module")
def web(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    with web_of_hooks(valkey, tmp_path_factory.mktemp("web"), HOOKS) as process:
        yield process


@pytest.fixture(scope="module")
def alertmanager(web: WebProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its URL."""
    assert COMMAND is not None, "CI needs prometheus-alertmanager"
    folder, url = tmp_path_factory.mktemp("alertmanager"), f"http://127.0.0.1:{free_port()}"
    (folder / "alertmanager.yml").write_text(CONFIGURATION.format(url=web.url))
    command = [
        COMMAND,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            eventually(lambda: _answers(url), WAIT_SECONDS, f"Alertmanager is ready: see {folder / 'log'}")
            yield url
        finally:
            process.terminate()


def test_both_of_its_senders_are_content_and_what_they_say_arrives(alertmanager: str, valkey: Settings) -> None:
    posted = requests.post(f"{alertmanager}/api/v2/alerts", json=[ALERT], timeout=60)
    assert posted.status_code == 200, posted.text
    eventually(lambda: len(_messages(valkey)) == 2, WAIT_SECONDS, "both messages are accepted")
    messages = _messages(valkey)
    assert messages["ou_bob"]["text"].splitlines()[:2] == [
        "🔴 Firing: DiskAlmostFull",
        "[critical] Less than 5 % & shrinking <fast> (db-3:9100)",
    ]
    card = messages["ou_ada"]
    assert card["header"]["template"] == "red"
    assert card["header"]["title"]["content"].startswith("[FIRING:1] DiskAlmostFull")
    shown = json.dumps(card["elements"], ensure_ascii=False)
    assert "**Less than 5 % & shrinking &#60;fast&#62;**" in shown
    assert "[graph](http://prometheus.example.net/graph?a=1&b=2)" in shown
    assert "**Severity**" in shown
    assert "https://wiki.example.net/disk" in shown
    eventually(lambda: all(_notified(alertmanager)[each] for each in SENDERS), WAIT_SECONDS, "both are counted")
    failed = _failed(alertmanager)
    assert {each: failed[each] for each in SENDERS} == dict.fromkeys(SENDERS, 0)


def _messages(settings: Settings) -> dict[str, Any]:
    """By receiver."""
    ledger = Ledger(settings)
    try:
        events = [record.notification for record in ledger.events()]
        return {each.receiver_id: each.message.content for each in events}
    finally:
        ledger.redis.close()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def _notified(url: str) -> Counter[str]:
    return _of_senders(url, "alertmanager_notifications")


def _failed(url: str) -> Counter[str]:
    return _of_senders(url, "alertmanager_notifications_failed")


def _of_senders(url: str, name: str) -> Counter[str]:
    """Of each sender, for all reasons together."""
    text = requests.get(f"{url}/metrics", timeout=60).text
    families = [each for each in text_string_to_metric_families(text) if each.name == name]
    assert families, f"Alertmanager does not count {name}"
    found: Counter[str] = Counter()
    for sample in (sample for each in families for sample in each.samples):
        found[sample.labels["integration"]] += sample.value
    return found
