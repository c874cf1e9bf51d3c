"""Which alert a message of a hook tells of, since when it fires, and that it has ended."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.alert import Alert
from ledger.errors import BadInput
from producers.hooks.hook import Rendered
from tests.unit.producers.hooks.hook_cases import a_hook, hooks_of, incoming, payload, with_headers

SENTRY = {"sentry-hook-resource": "metric_alert"}
BEGAN, ENDED = (datetime(2024, 11, 22, 6, minute, tzinfo=UTC) for minute in (5, 25))
KUMA = {"heartbeat": {"status": 0}, "monitor": {"id": 3, "name": "shop"}, "msg": "[shop] [🔴 Down] timeout"}
OPSGENIE = {"action": "Close", "alert": {"alertId": "b8", "message": "Disk is full", "createdAt": 1732255500000}}


def alert_of(folder: Path, use: str, posted: dict[str, Any], *lines: str) -> Alert | None:
    made = a_hook(folder, f'use = "{use}"', *lines).render(with_headers(posted, SENTRY))
    [notification] = made.notifications
    assert made.reason is None
    return notification.alert


def pagerduty(event_type: str) -> dict[str, Any]:
    event = payload("pagerduty_triggered")["event"]
    data = event["data"] | {"created_at": "2024-11-22T06:05:00Z"}
    return {"event": event | {"event_type": event_type, "occurred_at": "2024-11-22T06:25:00Z"} | {"data": data}}


def metric(action: str) -> dict[str, Any]:
    times = {"date_started": "2024-11-22T06:05:00Z", "date_closed": None}
    if action == "resolved":
        times["date_closed"] = "2024-11-22T06:25:00Z"
    return {"action": action, "data": {"metric_alert": {"id": "7", "title": "Slow", **times}}}


def alerts(status: str, **other: Any) -> dict[str, Any]:
    times = [("2024-11-22T06:05:00Z", "2024-11-22T06:20:00Z"), ("2024-11-22T06:10:00Z", "2024-11-22T06:25:00Z")]
    each = [{"status": status, "startsAt": began, "endsAt": ended, "labels": {"n": began}} for began, ended in times]
    return {"status": status, "groupKey": "{}:{a=1}", "alerts": each, **other}


@pytest.mark.parametrize(
    ("use", "posted", "name", "is_resolved", "fired_at", "resolved_at"),
    [
        ("alertmanager", alerts("firing"), "{}:{a=1}", False, None, None),
        ("alertmanager", alerts("resolved"), "{}:{a=1}", True, BEGAN, ENDED),
        ("grafana", alerts("firing", orgId=2), "2 {}:{a=1}", False, None, None),
        ("grafana", alerts("resolved", orgId=2), "2 {}:{a=1}", True, BEGAN, ENDED),
        ("grafana", {"ruleName": "cpu", "ruleId": 9, "state": "alerting"}, "0 9", False, None, None),
        ("grafana", {"ruleName": "cpu", "ruleId": 9, "state": "ok"}, "0 9", True, None, None),
        (
            "pagerduty",
            pagerduty("incident.triggered"),
            "Q1",
            False,
            BEGAN,
            None,
        ),
        (
            *("pagerduty", pagerduty("incident.resolved"), "Q1", True),
            *(BEGAN, ENDED),
        ),
        ("sentry", metric("critical"), "7", False, BEGAN, None),
        ("sentry", metric("resolved"), "7", True, BEGAN, ENDED),
        ("generic", {"text": "x", "alert": "disk", "state": "firing"}, "disk", False, None, None),
        ("generic", {"text": "x", "alert": "disk", "status": "Resolved"}, "disk", True, None, None),
        (
            *("generic", {"text": "x", "alert": "d", "state": "ok", "fired_at": 1732255500}, "d", True),
            *(datetime.fromtimestamp(1732255500, UTC), None),
        ),
        ("generic", KUMA, "3", False, None, None),
        ("generic", KUMA | {"heartbeat": {"status": 1}}, "3", True, None, None),
        ("generic", OPSGENIE, "b8", True, datetime.fromtimestamp(1732255500, UTC), None),
    ],
)
def test_ready_made_hooks_know_their_alerts(
    tmp_path: Path,
    use: str,
    posted: dict[str, Any],
    name: str,
    is_resolved: bool,
    fired_at: datetime | None,
    resolved_at: datetime | None,
) -> None:
    found = alert_of(tmp_path, use, posted)
    assert found is not None
    assert (found.name, found.is_resolved) == (f"hook/it/{name}", is_resolved)
    assert (found.fired_at, found.resolved_at) == (fired_at, resolved_at)


@pytest.mark.parametrize(
    ("use", "posted"),
    [
        ("generic", {"text": "x", "state": "resolved"}),
        ("pagerduty", payload("pagerduty_annotated")),
        ("sentry", {"action": "created", "data": {"issue": {"id": 1, "title": "x"}}, "alert": "x", "message": "m"}),
    ],
)
def test_what_names_no_alert_tells_of_none(tmp_path: Path, use: str, posted: dict[str, Any]) -> None:
    made = a_hook(tmp_path, f'use = "{use}"').render(incoming(posted))
    assert [each.alert for each in made.notifications] == [None] * len(made.notifications)


def test_each_item_of_a_group_is_an_alert_of_its_own(tmp_path: Path) -> None:
    lines = ('use = "alertmanager"', 'for_each = "payload.alerts"', 'timezone = "Asia/Shanghai"')
    posted = alerts("resolved")
    posted["alerts"][0] |= {"status": "firing", "fingerprint": "f1"}
    posted["alerts"][1] |= {"fingerprint": "f2"}
    made = [each.alert for each in a_hook(tmp_path, *lines).render(incoming(posted)).notifications if each.alert]
    assert [each.name.split()[0] for each in made] == ["hook/it/f1", "hook/it/f2"]
    assert [each.is_resolved for each in made] == [False, True]
    assert [each.resolved_at for each in made] == [datetime(2024, 11, 22, 6, 20, tzinfo=UTC), ENDED]
    assert {each.zone for each in made} == {"Asia/Shanghai"}


def test_a_hook_of_ones_own_says_what_its_alert_is(tmp_path: Path) -> None:
    lines = (
        'text = "x"',
        'alert = "{{ payload.door }}"',
        'resolved = "{{ payload.open == false }}"',
        'fired_at = "{{ payload.since }}"',
    )

    def rendered(**posted: Any) -> Rendered:
        return a_hook(tmp_path, *lines).render(incoming(posted))

    found = rendered(door=" gate  7 ", open=False, since="2024-11-22T14:05:00+08:00").notifications[0].alert
    assert found == Alert(name="hook/it/gate 7", is_resolved=True, fired_at=BEGAN)
    made = rendered(open=False)
    assert made.notifications[0].alert is None
    assert "'door'" in str(made.reason)


@pytest.mark.parametrize(
    ("since", "is_told"),
    [
        ("2024-11-22T06:05:00Z", True),
        (1732255500.25, True),
        (1732255500250, True),
        ("0001-01-01T00:00:00Z", False),
        ("2024-11-22 06:05", False),
        ("yesterday", False),
        ("²", False),
        ("9" * 39, False),
        (-5, False),
        (True, False),
    ],
)
def test_what_is_no_time_is_left_out(tmp_path: Path, since: Any, is_told: bool) -> None:
    assert (told_since(tmp_path, since) is not None) == is_told


def told_since(folder: Path, since: Any) -> datetime | None:
    lines = ('text = "x"', 'alert = "a"', 'fired_at = "{{ payload.since }}"')
    [made] = a_hook(folder, *lines).render(incoming({"since": since})).notifications
    assert made.alert is not None
    return made.alert.fired_at


def test_a_time_that_is_a_little_ahead_of_our_clock_is_now(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    told = told_since(tmp_path, (before + timedelta(minutes=2)).isoformat())
    assert told is not None
    assert before <= told <= datetime.now(UTC)
    assert told_since(tmp_path, (before + timedelta(minutes=20)).isoformat()) is None


@pytest.mark.parametrize("name", ["resolved", "fired_at", "resolved_at"])
def test_a_field_of_an_alert_needs_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="goes with alert alone") as caught:
        hooks_of(tmp_path, f'[hook.it]\nto = "ou_ada"\ntext = "x"\n{name} = "1"')
    assert caught.value.field == f"hook.it.{name}"


def test_a_large_body_keeps_its_alert(tmp_path: Path) -> None:
    made = a_hook(tmp_path, 'use = "alertmanager"').render(incoming(alerts("resolved")))
    [again] = Rendered.of_json(
        made.as_json() | {"notifications": [made.notifications[0].model_dump(mode="json")]}
    ).notifications
    assert again.alert == made.notifications[0].alert
