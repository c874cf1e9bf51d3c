"""A group of alerts of Alertmanager or Grafana, as people read it: which alerts, what changed, what is left out.

No part of a payload is needed: whatever is missing, or is not what the tools document, is left out of the text.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from producers.hooks.payload import cut_text
from producers.hooks.readable import number

__all__ = ["alert_group"]

#: Alerts that the text has lines for.
_LINES = 10
#: Names in the title, labels of an alert, and values behind it.
_NAMES, _LABELS, _VALUES = 3, 8, 6
#: Characters of a name or a label, and of what an alert says.
_NAME, _SUMMARY = 120, 500
#: Annotations that say what is the matter, the best first. `message` and `title` are those of older sets of rules.
_ANNOTATIONS = ("summary", "description", "message", "title")
#: Told elsewhere in the text, or of no use to people.
_HIDDEN = frozenset({"alertname", "severity", "rulename", "grafana_folder", "datasource_uid", "ref_id"})
#: Of an alert on its own: they do not say where it is.
_NOISE = frozenset({"job", "prometheus", "prometheus_replica", "endpoint", "uid", "monitor", "replica"})
#: Grafana names these alerts itself: which rule they are of stands in `rulename`.
_OF_GRAFANA = frozenset({"DatasourceNoData", "DatasourceError"})
_FIRING, _RESOLVED = "🔴", "🟢"
#: What a time that is not known is taken for: long ago, and just now.
_LONG_AGO, _NOW = float("-inf"), float("inf")


def alert_group(payload: Mapping[str, Any]) -> dict[str, Any]:
    """`title`, `alerts` (each with its `line` and `link`), `left_out`, `link`, `is_resolved`; of a group that is, also
    `fired_at` and `resolved_at`. Empty for any other payload."""
    if not isinstance(payload.get("alerts"), list):
        return _legacy(payload)
    alerts = [alert for alert in payload["alerts"] if isinstance(alert, dict)]
    truncated = payload.get("truncatedAlerts")
    hidden = truncated if isinstance(truncated, int) and truncated > 0 else 0
    return _Group(payload, alerts, hidden).told()


class _Group:
    def __init__(self, payload: Mapping[str, Any], alerts: Sequence[Mapping[str, Any]], hidden: int) -> None:
        self._payload, self._alerts, self._hidden = payload, alerts, hidden
        self._common = _common(alerts) if len(alerts) > 1 else {}
        self._grouped = {
            **_labels(payload, "groupLabels"),
            **{n: v for n, v in self._common.items() if n not in _NOISE},
        }
        self._names = list(dict.fromkeys(filter(None, map(_name, alerts))))
        self._is_alone = len(alerts) + hidden <= 1
        self._resolved = sum(map(_is_resolved, alerts))
        status = _text(payload.get("status")).lower()
        self._ended = status == "resolved" or (status != "firing" and 0 < len(alerts) == self._resolved)

    def told(self) -> dict[str, Any]:
        shown = sorted(self._alerts, key=_changed_at, reverse=True)[:_LINES]
        return {
            "title": self._title(),
            "alerts": [{"line": self._line(alert), "link": _link(alert)} for alert in shown],
            "left_out": len(self._alerts) - len(shown) + self._hidden,
            "link": _text(self._payload.get("externalURL")),
            "is_resolved": self._ended,
            **(self._times() if self._ended else {}),
        }

    def _times(self) -> dict[str, float]:
        """In seconds since 1970. A time that is not known is left out."""
        began = [at for at in (_time(alert, "startsAt") for alert in self._alerts) if at]
        ended = [at for at in (_time(alert, "endsAt") for alert in self._alerts) if at]
        return ({"fired_at": min(began)} if began else {}) | ({"resolved_at": max(ended)} if ended else {})

    def _title(self) -> str:
        title = f"{_RESOLVED} Resolved: " if self._ended else f"{_FIRING} Firing: "
        where = [] if self._is_alone else list(_written(self._grouped, _NAMES))
        title += " · ".join(filter(None, [self._of_what(), ", ".join(where)]))
        return title + ("" if self._is_alone else f" ({self._counts()})")

    def _of_what(self) -> str:
        if self._names:
            more = len(self._names) - _NAMES
            return ", ".join(self._names[:_NAMES]) + (f" and {more} more" if more > 0 else "")
        alike = {**_labels(self._payload, "commonLabels"), **_labels(self._payload, "groupLabels")}
        names = (alike.get("alertname"), _text(self._payload.get("title")), _text(self._payload.get("receiver")))
        return cut_text(next(filter(None, names), "alerts"), _NAME)

    def _counts(self) -> str:
        resolved, firing = self._resolved, len(self._alerts) - self._resolved
        if not (firing and resolved):
            return f"{len(self._alerts) + self._hidden} alerts"
        return f"{firing} firing, {resolved} resolved" + (f", {self._hidden} more" if self._hidden else "")

    def _line(self, alert: Mapping[str, Any]) -> str:
        """Which alert it is: its name where the group has several, and the labels that are not common to all."""
        icon = "" if self._is_alone else (_RESOLVED if _is_resolved(alert) else _FIRING) + " "
        labels = _labels(alert, "labels")
        severity = f"[{cut_text(labels['severity'], _NAME)}] " if "severity" in labels else ""
        name, summary = _name(alert), _summary(alert)
        if not summary or (len(self._names) > 1 and name and name not in summary):
            summary = ": ".join(filter(None, [name or "alert", summary]))
        details = [*_written(self._distinct(labels), _LABELS), *_values(alert.get("values"))]
        return f"{icon}{severity}{summary}" + (f" ({'; '.join(details)})" if details else "")

    def _distinct(self, labels: Mapping[str, str]) -> dict[str, str]:
        if self._is_alone:
            return {n: v for n, v in labels.items() if n not in _NOISE} or dict(labels)
        return {n: v for n, v in labels.items() if self._grouped.get(n) != v and self._common.get(n) != v}


def _legacy(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What Grafana posted before its unified alerting: one rule, its state, and what was measured."""
    name = _text(payload.get("title")) or _text(payload.get("ruleName"))
    if not name or not (payload.keys() & {"ruleName", "ruleUrl", "evalMatches"}):
        return {}
    matches = payload.get("evalMatches")
    measured = [_measured(match) for match in matches if isinstance(match, dict)] if isinstance(matches, list) else []
    lines = [cut_text(_text(payload.get("message")), _SUMMARY), *measured]
    told = [{"line": line} for line in lines if line]
    is_resolved = _text(payload.get("state")).lower() == "ok"
    return {
        "title": f"{_RESOLVED if is_resolved else _FIRING} {cut_text(name, _SUMMARY)}",
        "alerts": told[:_LINES],
        "left_out": max(len(told) - _LINES, 0),
        "link": _text(payload.get("ruleUrl")),
        "is_resolved": is_resolved,
    }


def _measured(match: Mapping[str, Any]) -> str:
    tags = ", ".join(_written(_labels(match, "tags"), _LABELS))
    return f"{cut_text(_text(match.get('metric')), _NAME)} = {_text(match.get('value'))}" + (
        f" ({tags})" if tags else ""
    )


def _common(alerts: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    common = _labels(alerts[0], "labels")
    for alert in alerts[1:]:
        labels = _labels(alert, "labels")
        common = {name: value for name, value in common.items() if labels.get(name) == value}
    return common


def _name(alert: Mapping[str, Any]) -> str:
    labels = _labels(alert, "labels")
    name, rule = labels.get("alertname", ""), labels.get("rulename", "")
    whole = f"{name}: {rule}" if rule and name in _OF_GRAFANA else name or rule
    return cut_text(whole, _NAME)


def _summary(alert: Mapping[str, Any]) -> str:
    annotations = _labels(alert, "annotations")
    texts = [
        next((annotations[name] for name in _ANNOTATIONS if name in annotations), ""),
        annotations.get("Error", ""),
    ]
    return cut_text(" ".join(filter(None, texts)), _SUMMARY)


def _labels(of: Mapping[str, Any], name: str) -> dict[str, str]:
    """Those that are not empty: an empty label is the same as none, to Prometheus as well."""
    found = of.get(name)
    return {str(n): text for n, v in found.items() if (text := _text(v))} if isinstance(found, dict) else {}


def _written(labels: Mapping[str, str], most: int) -> Iterator[str]:
    """`instance` first, and without its name: whatever looks like `db-3:9100` needs none."""
    if "instance" in labels:
        yield cut_text(labels["instance"], _NAME)
    others = [n for n in labels if n not in _HIDDEN and n != "instance" and not n.startswith("__")]
    yield from (f"{cut_text(n, _NAME)}={cut_text(labels[n], _NAME)}" for n in others[:most])
    if len(others) > most:
        yield "…"


def _values(values: Any) -> Iterator[str]:
    """What Grafana has measured, by the letter of its query."""
    if isinstance(values, dict):
        for name, value in list(values.items())[:_VALUES]:
            if text := _text(value):
                yield f"{cut_text(str(name), _NAME)} = {cut_text(text, _NAME)}"


def _link(alert: Mapping[str, Any]) -> str:
    return _text(alert.get("panelURL")) or _text(alert.get("generatorURL"))


def _text(value: Any) -> str:
    """Of a text or a number; blanks alone are as good as nothing."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value.strip()
        case int() | float():
            return str(number(value))
    return ""


def _is_resolved(alert: Mapping[str, Any]) -> bool:
    return _text(alert.get("status")).lower() == "resolved"


def _changed_at(alert: Mapping[str, Any]) -> float:
    """When it began, or ended. One that is resolved, and does not say since when, has just changed."""
    is_resolved = _is_resolved(alert)
    at = _time(alert, "endsAt" if is_resolved else "startsAt")
    return at or (_NOW if is_resolved else _LONG_AGO)


def _time(alert: Mapping[str, Any], name: str) -> float | None:
    """In seconds since 1970."""
    try:
        at = datetime.fromisoformat(_text(alert.get(name)))
        return at.timestamp() if at.year > 1 else None  # year 1 is Go's zero time
    except (ValueError, OverflowError):
        return None
