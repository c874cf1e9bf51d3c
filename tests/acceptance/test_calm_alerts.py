"""No alert fires in a calm, healthy installation: its own metrics, scraped again and again, go through the rules."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.installation import MARKER, Installation
from tests.acceptance.web_process import WebProcess

RULES = Path(__file__).resolve().parents[2] / "deploy/prometheus/alerts.yml"
SCRAPES = 12
#: Each scrape counts as these minutes, so that every window and every `for` passes, the hour of SlotsWasted too.
MINUTES = 10
#: These judge how long things take, which here depends on what else the machine does.
TIMES = ("RedisFar", "RedisFsyncSlow", "AcceptSlow", "OldestEventWaiting")

Series = dict[str, list[float]]


def scrape(web: WebProcess, series: Series) -> None:
    answer = requests.get(f"{web.url}/metrics", timeout=60)
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = ", ".join(f'{name}="{value}"' for name, value in sample.labels.items())
            series.setdefault(f"{sample.name}{{{labels}}}", []).append(sample.value)


def as_promtool_reads_it(series: Series) -> dict[str, object]:
    """A sample a minute, since older ones than five are gone; what came later begins with a gap."""
    quiet = f'ALERTS{{alertstate="firing", alertname!~"{"|".join(TIMES)}"}}'
    test = {
        "interval": "1m",
        "input_series": [
            {"series": name, "values": " ".join(["_"] * MINUTES * (SCRAPES - len(values)) + stretched(values))}
            for name, values in {**series, 'up{job="deskbell"}': [1.0] * SCRAPES}.items()
        ],
        "promql_expr_test": [
            {"expr": quiet, "eval_time": f"{minute}m", "exp_samples": []} for minute in range(SCRAPES * MINUTES)
        ],
    }
    return {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}


def stretched(values: list[float]) -> list[str]:
    return [f"{value:g}" for value in values for _ in range(MINUTES)]


def test_no_alert_fires_in_a_calm_installation(new_installation: Callable[..., Installation], tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        if os.environ.get("CI"):
            pytest.fail("promtool, of Debian's package prometheus, is not there: see .ci/run")
        pytest.skip("needs promtool, of Debian's package prometheus")
    installation = new_installation()
    series: Series = {}
    with WebProcess(installation.folder, installation.environment) as web:
        for number in range(SCRAPES):
            body = {"receiver_id": f"ou_{number}", "text": MARKER}
            accepted = requests.post(f"{web.url}/v1/notifications", json=body, timeout=60)
            installation.wait_until_delivered([accepted.json()["id"]], 20)
            scrape(web, series)
            time.sleep(1)
    assert len(series) > 50
    assert series['deskbell_notifications_total{desk="default", outcome="delivered"}'][-1] > 0
    rules = tmp_path / "calm.yml"
    rules.write_text(yaml.safe_dump(as_promtool_reads_it(series)))
    done = subprocess.run(
        [promtool, "test", "rules", str(rules)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
