"""Payloads as the tools document them, whole, and with parts missing.

Each follows its tool's documented schema, with words of our own: every part that a tool may leave out can be missing,
null or empty here, in any combination.
"""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

__all__ = ["TOOLS", "Tool", "without"]

Path = tuple[str | int, ...]
_USER = {"login": "ada", "id": 7, "html_url": "https://git.example.net/ada", "type": "User"}
_REPOSITORY = {
    "id": 31,
    "name": "lifts",
    "full_name": "acme/lifts",
    "private": True,
    "html_url": "https://git.example.net/acme/lifts",
}
_GITEA_USER = {"id": 7, "login": "ada", "full_name": "Ada Byron", "email": "ada@example.net", "username": "ada"}
_PROJECT = {
    "id": 5,
    "name": "Lifts",
    "web_url": "https://gitlab.example.net/acme/lifts",
    "path_with_namespace": "acme/lifts",
}
_GITLAB_USER = {"id": 1, "name": "Ada Byron", "username": "ada", "email": "ada@example.net"}


@dataclass(frozen=True)
class Tool:
    """`names`: a text about the payload has at least one of those that are left in it. `kept`: without these parts it
    would be another event, and perhaps none to tell."""

    name: str
    use: str
    payload: dict[str, Any]
    names: tuple[str, ...]
    kept: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def paths(self) -> list[Path]:
        """Of all parts that may be missing."""
        return [path for path in _paths(self.payload) if ".".join(map(str, path)) not in self.kept]

    def spoiled(self) -> st.SearchStrategy[dict[str, Any]]:
        change = st.tuples(st.sampled_from(self.paths()), st.sampled_from([..., None, "", " ", [], {}]))
        return st.lists(change, max_size=8).map(lambda changes: without(self.payload, changes))

    def names_in(self, payload: dict[str, Any]) -> list[str]:
        text = json.dumps(payload, ensure_ascii=False)
        return [name for name in self.names if name in text]


def without(payload: dict[str, Any], changes: list[tuple[Path, Any]]) -> dict[str, Any]:
    """A copy in which these parts are something else, or missing where that is `...`."""
    changed = copy.deepcopy(payload)
    for path, value in changes:
        found: Any = changed
        for step in path[:-1]:
            fits = isinstance(found, dict) if isinstance(step, str) else isinstance(found, list) and step < len(found)
            found = found[step] if fits and (isinstance(found, list) or step in found) else None
        if isinstance(found, dict) and path[-1] in found:
            if value is ...:
                del found[path[-1]]
            else:
                found[path[-1]] = value
    return changed


def _paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Of the members of all objects."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*at, name)
            yield from _paths(inner, (*at, name))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, (*at, index))


def _alert(n: int, **more: Any) -> dict[str, Any]:
    return {
        "status": "resolved" if n else "firing",
        "labels": {"alertname": "DiskFull", "instance": f"db-{n}:9100", "job": "node", "severity": "critical"},
        "annotations": {
            "summary": "Disk is filling",
            "description": "磁盘空间不足",
            "runbook_url": "https://wiki.example.net",
        },
        "startsAt": "2026-11-22T06:41:12.331Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.net:9090/graph",
        "fingerprint": f"{n:016x}",
        **more,
    }


def _group(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="DiskFull"}',
        "truncatedAlerts": 2,
        "status": "firing",
        "receiver": "night-watch",
        "groupLabels": {"alertname": "DiskFull"},
        "commonLabels": {"alertname": "DiskFull", "job": "node", "severity": "critical"},
        "commonAnnotations": {"summary": "Disk is filling"},
        "externalURL": "http://alertmanager.example.net:9093",
        "alerts": [*alerts],
        **more,
    }


_GRAFANA = {
    "silenceURL": "https://grafana.example.net/silence",
    "dashboardURL": "https://grafana.example.net/d/shop",
    "panelURL": "https://grafana.example.net/d/shop?viewPanel=4",
    "values": {"A": 44.23943737541908, "C": 1},
    "valueString": "[ var='A' labels={} value=44.2 ]",
    "imageURL": "https://grafana.example.net/1.png",
}
_NO_DATA = {"alertname": "DatasourceNoData", "rulename": "Queue length", "ref_id": "A", "datasource_uid": "P4169E"}
_UNIFIED = {"orgId": 1, "title": "[FIRING:1] shop", "state": "alerting", "message": "**Firing**", "version": "1"}
_LEGACY = {
    "dashboardId": 1,
    "evalMatches": [{"value": 100.5, "metric": "High value", "tags": {"host": "db-3"}}],
    "imageUrl": "https://grafana.example.net/1.png",
    "message": "The queue does not drain",
    "orgId": 1,
    "panelId": 2,
    "ruleId": 1,
    "ruleName": "Queue length",
    "ruleUrl": "https://grafana.example.net/d/shop",
    "state": "alerting",
    "tags": {"team": "mail"},
    "title": "[Alerting] Queue length",
}
_ISSUE = {
    "id": 9,
    "number": 12,
    "title": "Cabin is stuck",
    "html_url": "https://git.example.net/acme/lifts/issues/12",
    "user": _USER,
    "assignee": _USER,
}
_PULL = {
    "number": 13,
    "title": "Measure the swing",
    "html_url": "https://git.example.net/acme/lifts/pull/13",
    "merged": True,
    "head": {"ref": "swing", "sha": "bffeb742"},
    "base": {"ref": "main", "sha": "28e1879d"},
}
_COMMIT = {
    "id": "bffeb74224043ba2feb48d137756c8a9331c449a",
    "message": "Measure the swing\n\nTwice.",
    "url": "https://git.example.net/c/bffeb742",
    "author": {"name": "Ada Byron", "email": "ada@example.net", "username": "ada"},
    "timestamp": "2026-11-22T08:10:00+08:00",
    "added": [],
    "modified": ["swing.py"],
}
_RUN = {
    "id": 6001,
    "name": "tests",
    "display_title": "Measure the swing",
    "run_number": 87,
    "conclusion": "failure",
    "head_branch": "main",
    "head_sha": "bffeb742",
    "html_url": "https://git.example.net/acme/lifts/runs/6001",
}
_RELEASE = {
    "tag_name": "v2.1",
    "name": "Smooth ride",
    "html_url": "https://git.example.net/acme/lifts/releases/v2.1",
    "body": None,
}
_OF_GIT = ("acme/lifts", "lifts")


def _github(event: str, payload: dict[str, Any], *names: str, kept: tuple[str, ...] = ("action",)) -> Tool:
    whole = {**payload, "repository": _REPOSITORY, "sender": _USER}
    return Tool(f"github {event}", "github", whole, (*names, *_OF_GIT), kept, {"X-GitHub-Event": event})


def _gitea(use: str, event: str, payload: dict[str, Any], *names: str, kept: tuple[str, ...] = ("action",)) -> Tool:
    whole = {**payload, "repository": _REPOSITORY, "sender": _GITEA_USER}
    headers = {"X-GitHub-Event": event, f"X-{use.title()}-Event": event}
    return Tool(f"{use} {event}", use, whole, (*names, *_OF_GIT), kept, headers)


def _gitlab(kind: str, payload: dict[str, Any], *names: str, kept: tuple[str, ...] = ()) -> Tool:
    whole = {"object_kind": kind, "event_type": kind, "project": _PROJECT, **payload}
    return Tool(f"gitlab {kind}", "gitlab", whole, (*names, "acme/lifts", "Lifts"), ("object_kind", *kept))


def _gitlab_object(kind: str, **attributes: Any) -> Tool:
    of_object = {
        "id": 301,
        "iid": 23,
        "title": "Cabin is stuck",
        "state": "opened",
        "action": "open",
        "source_branch": "swing",
        "target_branch": "main",
        "url": "https://gitlab.example.net/o/23",
        **attributes,
    }
    payload = {"user": _GITLAB_USER, "object_attributes": of_object, "labels": [], "changes": {}}
    return _gitlab(kind, payload, "Cabin is stuck")


def _sentry(resource: str, action: str, data: dict[str, Any], *names: str) -> Tool:
    payload = {
        "action": action,
        "installation": {"uuid": "7f1c"},
        "data": data,
        "actor": {"type": "user", "name": "Ada"},
    }
    return Tool(
        f"sentry {resource} {action}", "sentry", payload, names, ("action",), {"Sentry-Hook-Resource": resource}
    )


def _sentry_issue() -> dict[str, Any]:
    return {
        "id": "4401",
        "shortId": "LIFTS-3",
        "title": "ValueError: negative swing",
        "culprit": "brake in swing",
        "level": "error",
        "project": {"id": "1", "name": "lifts", "slug": "lifts"},
        "metadata": {"title": "ValueError: negative swing", "value": "negative swing"},
        "web_url": "https://sentry.example.net/4401",
        "assignedTo": {"type": "user", "name": "ada@example.net"},
    }


_SENTRY_EVENT = {
    "event_id": "6f0f",
    "level": "error",
    "title": "ValueError: negative swing",
    "message": "negative swing",
    "culprit": "brake in swing",
    "web_url": "https://sentry.example.net/4401",
    "metadata": {"value": "negative swing"},
}
_METRIC = {
    "description_title": "Critical: Errors of the brakes",
    "description_text": "112 errors in an hour",
    "web_url": "https://sentry.example.net/a/1",
    "metric_alert": {"id": "1", "title": "Errors of the brakes", "alert_rule": {"name": "Errors of the brakes"}},
}
_SENTRY_LEGACY = {
    "id": "4401",
    "project": "lifts",
    "project_name": "Lifts",
    "project_slug": "lifts",
    "logger": None,
    "level": "error",
    "culprit": "brake in swing",
    "message": "ValueError: negative swing",
    "url": "https://sentry.example.net/4401",
    "triggering_rules": ["Errors of the brakes"],
    "event": {"event_id": "6f0f", "title": "ValueError: negative swing"},
}
_EVENT = {
    "specversion": "1.0",
    "id": "A-2291",
    "source": "/lifts/2",
    "type": "net.example.lift.stuck",
    "subject": "cabin",
    "time": "2026-11-22T04:40:00Z",
    "datacontenttype": "application/json",
    "dataschema": "https://example.net/lift.json",
    "data": {"floor": 3.5, "people": [{"name": "Ada"}], "safe": True},
}
_SENTRY_NAMES = ("ValueError: negative swing", "negative swing", "LIFTS-3", "lifts")
_ALERT_NAMES = ("DiskFull", "Disk is filling", "磁盘空间不足", "db-0:9100", "night-watch")

TOOLS = [
    Tool("alertmanager", "alertmanager", _group(_alert(0), _alert(1)), _ALERT_NAMES),
    Tool("alertmanager alone", "alertmanager", _group(_alert(0), truncatedAlerts=0), _ALERT_NAMES),
    Tool("grafana", "grafana", _group(_alert(0, **_GRAFANA), **_UNIFIED), (*_ALERT_NAMES, "[FIRING:1] shop")),
    Tool(
        "grafana no data",
        "grafana",
        _group(_alert(0, **_GRAFANA, labels=_NO_DATA, annotations={"Error": "no such source"}), **_UNIFIED),
        ("DatasourceNoData: Queue length", "Queue length", "DatasourceNoData", "no such source"),
        kept=("alerts", "alerts.0.labels", "alerts.0.labels.rulename", "alerts.0.labels.alertname"),
    ),
    Tool("grafana legacy", "grafana", _LEGACY, ("Queue length", "The queue does not drain", "High value")),
    _github("issues", {"action": "opened", "issue": _ISSUE}, "Cabin is stuck", "#12"),
    _github("issues", {"action": "assigned", "issue": _ISSUE, "assignee": _USER}, "Cabin is stuck", "#12"),
    _github("pull_request", {"action": "closed", "number": 13, "pull_request": _PULL}, "Measure the swing", "swing"),
    _github(
        "pull_request",
        {"action": "review_requested", "number": 13, "pull_request": _PULL, "requested_reviewer": {"login": "bob"}},
        *("Measure the swing", "swing"),
    ),
    _github(
        "push",
        {
            "ref": "refs/heads/main",
            "compare": "https://git.example.net/compare",
            "forced": False,
            "pusher": {"name": "ada", "email": "ada@example.net"},
            "commits": [_COMMIT] * 12,
        },
        *("Measure the swing", "refs/heads/main"),
        kept=("commits",),
    ),
    _github(
        "workflow_run",
        {"action": "completed", "workflow_run": _RUN},
        "tests",
        "Measure the swing",
        kept=("action", "workflow_run", "workflow_run.conclusion"),
    ),
    _github("release", {"action": "published", "release": _RELEASE}, "Smooth ride", "v2.1"),
    _gitea(
        "gitea",
        "push",
        {
            "ref": "refs/heads/main",
            "compare_url": "https://git.example.net/c",
            "pusher": _GITEA_USER,
            "commits": [_COMMIT],
        },
        *("Measure the swing", "refs/heads/main"),
        kept=("commits",),
    ),
    _gitea("gitea", "issues", {"action": "opened", "number": 12, "issue": _ISSUE}, "Cabin is stuck"),
    _gitea(
        "forgejo",
        "pull_request",
        {"action": "opened", "number": 13, "pull_request": _PULL},
        "Measure the swing",
        "swing",
    ),
    _gitea("forgejo", "release", {"action": "published", "release": _RELEASE}, "Smooth ride", "v2.1"),
    _gitlab(
        "push",
        {
            "ref": "refs/heads/main",
            "user_name": "Ada Byron",
            "user_username": "ada",
            "total_commits_count": 12,
            "commits": [{**_COMMIT, "title": "Measure the swing"}] * 12,
            "repository": {"name": "Lifts"},
        },
        "Measure the swing",
        kept=("commits", "total_commits_count"),
    ),
    _gitlab_object("merge_request"),
    _gitlab_object("issue", type="Issue"),
    _gitlab_object("work_item", type="Incident"),
    _gitlab(
        "pipeline",
        {
            "object_attributes": {
                "id": 5150,
                "ref": "main",
                "status": "failed",
                "url": "https://gitlab.example.net/p/5150",
            },
            "user": _GITLAB_USER,
            "commit": _COMMIT,
            "builds": [{"id": 1, "stage": "test", "name": "swing", "status": "failed", "allow_failure": False}],
        },
        *("5150", "swing"),
        kept=("object_attributes", "object_attributes.status"),
    ),
    _sentry("issue", "created", {"issue": _sentry_issue()}, *_SENTRY_NAMES),
    _sentry(
        "issue", "assigned", {"issue": _sentry_issue(), "assignee": {"type": "user", "name": "bob"}}, *_SENTRY_NAMES
    ),
    _sentry(
        "event_alert",
        "triggered",
        {"event": _SENTRY_EVENT, "triggered_rule": "Errors of the brakes"},
        "Errors of the brakes",
        *_SENTRY_NAMES,
    ),
    _sentry("metric_alert", "critical", _METRIC, "Errors of the brakes", "112 errors in an hour"),
    Tool("sentry legacy", "sentry", _SENTRY_LEGACY, (*_SENTRY_NAMES, "Lifts", "Errors of the brakes")),
    Tool(
        "cloudevents structured",
        "cloudevents",
        _EVENT,
        ("net.example.lift.stuck",),
        ("specversion", "id", "source", "type"),
        {"Content-Type": "application/cloudevents+json"},
    ),
    Tool(
        "generic",
        "generic",
        {"text": "3 of 3 volumes done", "title": "Backup", "url": "https://backup.example.net", "key": "backup-1"},
        ("3 of 3 volumes done", "Backup", "backup-1"),
    ),
]
