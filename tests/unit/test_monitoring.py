"""The alert rules, the dashboard and the page about metrics, held against the metrics that there are."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ledger.desk_status import DeskStatus, Lane, Window
from ledger.states import Outcome
from ledger.tally import EVERYWHERE, Histogram
from ledger.workers import Worker
from producers.doctor.diagnosis import Check, Status
from producers.doctor.redis_time import RedisTime
from producers.web.counters import tallied
from producers.web.gauges import HOLDS, checked, of_all_desks, of_desks, of_redis
from tests.all_of import all_of

__all__: list[str] = []

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
ALERTS = (DEPLOY / "prometheus/alerts.yml").read_text("utf-8")
RULES: list[dict[str, Any]] = [rule for group in yaml.safe_load(ALERTS)["groups"] for rule in group["rules"]]
TESTS = (DEPLOY / "prometheus/alerts_test.yml").read_text("utf-8")
DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/deskbell.json").read_text("utf-8"))
PAGE = (ROOT / "docs/metrics.md").read_text("utf-8")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))


def metrics() -> dict[str, set[str]]:
    """The names of all samples that can be told, with their labels."""
    desk = DeskStatus(
        name="hr",
        windows=(Window(100, 60, 3),),
        lowered_to=0.9,
        in_flight=1,
        calls=dict.fromkeys(Outcome, 1),
        lanes=(Lane("events", 1, 2.0), Lane("a_1", 1, 2.0)),
        eta_seconds=None,
        tickets_open=1,
        tickets_age_seconds=3.0,
        hold=None,
        unknown=1,
    )
    counted = {
        "attempts chat delivered 0": 1,
        "calls send delivered": 1,
        "swept unknown": 1,
        f"{Histogram.CALL} send 1": 1,
        f"{Histogram.DELIVERY} event delivered 1": 1,
    }
    site_wide = {"requests POST /v1/notifications 202": 1, f"{Histogram.ACCEPT} /v1/notifications 1": 1}
    families = [
        *of_desks([desk]),
        *of_all_desks([Worker("host", 1, 16, 0)], 1, 1, 1),
        *of_redis(RedisTime(0.3, 0, None), 1.0, 2),
        *checked([Check("durability", Status.OK, "")], reached=True),
        *tallied({"hr": counted, EVERYWHERE: site_wide}),
    ]
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


METRICS = metrics()


def named_in(text: str) -> set[str]:
    return set(re.findall(r"\bdeskbell_\w+", text))


def queries() -> list[str]:
    """Of the dashboard, as Prometheus gets them."""
    return [
        target["expr"].replace("$__rate_interval", "5m").replace("$desk", ".*")
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", ())
    ]


def promtool(*arguments: str) -> None:
    """Fails with what promtool says."""
    program = shutil.which("promtool")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("promtool, of Debian's package prometheus, is not there: see .ci/run")
        pytest.skip("needs promtool, of Debian's package prometheus")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# --- with promtool


def test_the_alert_rules_are_rules() -> None:
    promtool("check", "rules", str(DEPLOY / "prometheus/alerts.yml"))


def test_the_alerts_are_raised_by_what_they_are_for_and_by_nothing_else() -> None:
    promtool("test", "rules", str(DEPLOY / "prometheus/alerts_test.yml"))


def test_the_configuration_is_one() -> None:
    # Only its syntax: the key that it names is where the container has it.
    promtool("check", "config", "--syntax-only", str(DEPLOY / "prometheus/prometheus.yml"))


def test_every_query_of_the_dashboard_is_one(tmp_path: Path) -> None:
    rules = [{"record": f"panel_{number}", "expr": query} for number, query in enumerate(queries())]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(path))


# --- without


def test_what_the_rules_their_tests_and_the_dashboard_name_is_told() -> None:
    assert named_in(ALERTS) | named_in(TESTS) | named_in(json.dumps(DASHBOARD)) <= METRICS.keys()


@all_of("query", [*(rule["expr"] for rule in RULES), *queries()])
def test_labels_that_a_query_asks_for_are_those_of_its_metric(query: str) -> None:
    for name, selector in re.findall(r"(deskbell_\w+)\{([^}]*)\}", query):
        assert set(re.findall(r"(\w+)\s*[=!]~?", selector)) <= METRICS[name]


def test_every_alert_has_its_part_of_the_runbook() -> None:
    sections = re.findall(r"^## (\w+)$", (ROOT / "docs/runbook.md").read_text("utf-8"), re.MULTILINE)
    assert len(set(sections)) == len(sections)
    for rule in RULES:
        assert rule["alert"] in sections
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket")


def outcomes(rule: dict[str, Any]) -> set[bool]:
    """Whether the tests expect this alert to fire, wherever its metric is among what they are given."""
    name, found = rule["alert"], set[bool]()
    for test in yaml.safe_load(TESTS)["tests"]:
        given = {series["series"].partition("{")[0] for series in test["input_series"]}
        if not given & set(re.findall(r"\w+", rule["expr"])):
            continue
        for expected in test.get("alert_rule_test", ()):
            if expected["alertname"] == name:
                found.add(bool(expected["exp_alerts"]))
        for expected in test.get("promql_expr_test", ()):
            asked = re.search(r'alertname=~?"([^"]+)"', expected["expr"])
            if "desk=" not in expected["expr"] and (asked is None or re.fullmatch(asked[1], name)):
                found.add(any(f'alertname="{name}"' in sample["labels"] for sample in expected["exp_samples"]))
            elif any(f'alertname="{name}"' in sample["labels"] for sample in expected["exp_samples"]):
                found.add(True)
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_is_tested_where_it_fires_and_where_it_does_not(rule: dict[str, Any]) -> None:
    assert outcomes(rule) == {True, False}


def test_alerts_on_holds_know_every_reason_for_one() -> None:
    asked = {word for reasons in re.findall(r'reason=~?"([\w|]+)"', ALERTS) for word in reasons.split("|")}
    assert asked == set(HOLDS) - {"throttled"}, "a throttle is over within a minute"


def test_the_page_lists_every_metric_and_no_other() -> None:
    base = {re.sub(r"_(bucket|sum|count)$", "", name) for name in METRICS}
    listed = set(re.findall(r"^\| `(deskbell_\w+)`", PAGE, re.MULTILINE))
    assert listed == base


def test_the_page_lists_every_alert_and_no_other() -> None:
    listed = set(re.findall(r"^\| `([A-Z]\w+)`", PAGE, re.MULTILINE))
    assert listed == {rule["alert"] for rule in RULES}


def test_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_the_monitoring_services_read_files_that_are_there() -> None:
    mounts = [mount for name in ("prometheus", "grafana") for mount in COMPOSE["services"][name]["volumes"]]
    for source in (mount.split(":")[0] for mount in mounts):
        assert (ROOT / source).is_dir() if source.startswith("./") else source in COMPOSE["volumes"]
    key = COMPOSE["secrets"]["metrics_key"]["file"].removeprefix("./")
    assert key in (ROOT / ".gitignore").read_text("utf-8").splitlines()
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text("utf-8"))
    [job] = config["scrape_configs"]
    assert job["authorization"]["credentials_file"] == "/run/secrets/metrics_key"
    assert job["static_configs"] == [{"targets": ["web:8480"]}]
