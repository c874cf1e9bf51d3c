"""Which alerts a text is about, what changed, and what it leaves out; and the key that all alerts of a group make."""

from pathlib import Path
from typing import Any

import pytest

from producers.hooks.alert_group import alert_group
from producers.hooks.readable import number, time
from tests.few import few
from tests.unit.producers.hooks.hook_cases import a_hook, incoming, text_of

__all__: list[str] = []

START, GO_NEVER = "2026-11-22T06:00:00Z", "0001-01-01T00:00:00Z"


def alert(n: int, **more: Any) -> dict[str, Any]:
    labels = {"alertname": "DiskFull", "instance": f"db-{n}:9100"} | more.pop("labels", {})
    known = {"status": "firing", "annotations": {"summary": "Disk is filling"}, "startsAt": START, "endsAt": GO_NEVER}
    return {**known, "labels": labels, "fingerprint": f"{n:016x}", **more}


def group(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"status": "firing", "receiver": "oncall", "groupKey": "{}", "alerts": [*alerts], **more}


def key_of(folder: Path, body: dict[str, Any], use: str = "alertmanager") -> str | None:
    return a_hook(folder, f'use = "{use}"').render(incoming(body)).notifications[0].key


@pytest.mark.parametrize("use", ["alertmanager", "grafana"])
@pytest.mark.parametrize("count", few([201, 3000], one_in=2))
def test_a_large_group_has_a_key_for_each_of_its_states(tmp_path: Path, use: str, count: int) -> None:
    alerts = [alert(n) for n in range(count)]
    firing = group(*alerts)
    resolved = group(*alerts[:-1], {**alerts[-1], "status": "resolved"})
    longer, restarted = group(*alerts, alert(count)), group(*alerts[:-1], {**alerts[-1], "startsAt": "2026-11-23"})
    keys = [
        key_of(tmp_path, body, use) for body in (firing, resolved, longer, restarted, {**firing, "truncatedAlerts": 1})
    ]
    assert len(set(keys)) == 5
    assert key_of(tmp_path, group(*reversed(alerts)), use) == keys[0]


def test_alerts_without_a_fingerprint_are_told_apart_by_their_labels(tmp_path: Path) -> None:
    anonymous = [{**alert(n), "fingerprint": None} for n in range(2)]
    assert key_of(tmp_path, group(anonymous[0])) != key_of(tmp_path, group(anonymous[1]))


def test_a_chinese_summary_is_cut_at_a_character(tmp_path: Path) -> None:
    text = text_of(
        a_hook(tmp_path, 'use = "alertmanager"'),
        incoming(group(alert(1, annotations={"summary": "磁盘 " + "空" * 600}))),
    )
    assert "磁盘 " + "空" * 490 in text
    assert "…" in text


@pytest.mark.parametrize(
    ("body", "title", "line"),
    [
        (group(alert(1)), "🔴 Firing: DiskFull", "Disk is filling (db-1:9100)"),
        (
            group(alert(1, labels={"alertname": "High CPU"}), alert(1, labels={"alertname": "High memory"})),
            "🔴 Firing: High CPU, High memory · db-1:9100 (2 alerts)",
            "🔴 High CPU: Disk is filling",
        ),
        (
            group(*(alert(n, labels={"alertname": f"Rule {n}"}) for n in range(5))),
            "🔴 Firing: Rule 0, Rule 1, Rule 2 and 2 more (5 alerts)",
            "🔴 Rule 0: Disk is filling (db-0:9100)",
        ),
        (group(alert(1, annotations={"message": "Pod restarts"})), "🔴 Firing: DiskFull", "Pod restarts (db-1:9100)"),
        (group(alert(1, annotations={"title": "Titled"})), "🔴 Firing: DiskFull", "Titled (db-1:9100)"),
        (group(alert(1, annotations={"summary": " ", "description": "D"})), "🔴 Firing: DiskFull", "D (db-1:9100)"),
        (group(alert(1, annotations={})), "🔴 Firing: DiskFull", "DiskFull (db-1:9100)"),
        (group(alert(1, labels={"severity": ""})), "🔴 Firing: DiskFull", "Disk is filling (db-1:9100)"),
        (
            group(alert(1, labels={"alertname": "DatasourceNoData", "rulename": "Queue"}, annotations={})),
            "🔴 Firing: DatasourceNoData: Queue",
            "DatasourceNoData: Queue (db-1:9100)",
        ),
        (
            group({"labels": {"alertname": ""}, "status": 5, "annotations": "odd"}, groupLabels={"alertname": ""}),
            "🔴 Firing: oncall",
            "alert",
        ),
        ({"alerts": [], "status": "resolved"}, "🟢 Resolved: alerts", None),
        ({"alerts": [5, None, alert(1, status="resolved")]}, "🟢 Resolved: DiskFull", "Disk is filling (db-1:9100)"),
        (
            group(alert(1, values={"A": 44.23943737541908, "B": 1e-07, "C": 3, "D": None})),
            "🔴 Firing: DiskFull",
            "Disk is filling (db-1:9100; A = 44.24; B = 0.0000001; C = 3)",
        ),
    ],
)
def test_title_and_lines_say_which_alert_it_is(body: dict[str, Any], title: str, line: str | None) -> None:
    told = alert_group(body)
    assert told["title"] == title
    assert [each["line"] for each in told["alerts"]][:1] == [line] * (line is not None)


def test_alerts_without_an_instance_are_told_apart_by_what_differs() -> None:
    pods = [alert(0, labels={"instance": "", "namespace": "shop", "pod": f"web-{n}", "job": f"j{n}"}) for n in range(2)]
    told = alert_group(group(*pods))
    assert told["title"] == "🔴 Firing: DiskFull · namespace=shop (2 alerts)"
    assert [each["line"] for each in told["alerts"]] == [
        f"🔴 Disk is filling (pod=web-{n}; job=j{n})" for n in range(2)
    ]


@pytest.mark.parametrize(("shown", "hidden", "left_out"), [(5, 7, 7), (10, 0, 0), (30, 0, 20), (30, 12, 32)])
def test_what_is_left_out_is_counted(shown: int, hidden: int, left_out: int) -> None:
    told = alert_group(group(*(alert(n) for n in range(shown)), truncatedAlerts=hidden))
    assert (told["left_out"], told["title"]) == (left_out, f"🔴 Firing: DiskFull ({shown + hidden} alerts)")


@pytest.mark.parametrize("ends", [GO_NEVER, "2026-11-22T07:00:00Z", None])
def test_of_many_alerts_the_one_that_changed_stands_first(ends: str | None) -> None:
    alerts = [alert(n) for n in range(30)]
    alerts[26] = {**alerts[26], "status": "resolved", "endsAt": ends}
    told = alert_group(group(*alerts))
    assert told["title"] == "🔴 Firing: DiskFull (29 firing, 1 resolved)"
    assert told["alerts"][0]["line"] == "🟢 Disk is filling (db-26:9100)"
    alerts[28] = {**alerts[28], "startsAt": "2026-11-22T08:00:00+01:00"}
    newest = [each["line"] for each in alert_group(group(*alerts))["alerts"][:2]]
    assert "🔴 Disk is filling (db-28:9100)" in newest


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (44.23943737541908, "44.24"),
        (1e-07, "0.0000001"),
        (0.012345678, "0.01235"),
        (-2.5, "-2.5"),
        (2.0, "2"),
        (123456.789, "123457"),
        (0.0, "0"),
        (1e-12, "1e-12"),
        (1e20, "1e+20"),
        (7, 7),
        ("7.123456", "7.123456"),
    ],
)
def test_a_number_reads_as_people_write_it(value: object, shown: object) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2026-11-22T06:41:12.331Z", "2026-11-22 06:41:12 UTC"),
        ("2026-11-22T06:41:12+08:00", "2026-11-22 06:41:12 +08:00"),
        (1_795_329_672, "2026-11-22 06:41:12 UTC"),
        (1_795_329_672_331, "2026-11-22 06:41:12 UTC"),
        ("2026-11-22T06:41:12", "2026-11-22T06:41:12"),
        ("soon", "soon"),
        (1e300, 1e300),
        (True, True),
    ],
)
def test_a_time_reads_with_its_zone(value: object, shown: object) -> None:
    assert time(value) == shown
