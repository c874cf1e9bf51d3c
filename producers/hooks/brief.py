"""What a payload says in short, by the names that monitoring and build tools have for it: for `use = "generic"`.

Looks at a few named members alone, so that its time does not depend on the size of the payload.
"""

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["brief_of"]

#: The best first; `alert.message` is a member of a member. Each is also looked for as `Subject`, and as `URL`.
_TITLES = ("title", "subject", "alert.message", "condition_name", "monitor_name")
#: Of what has no title, if there is more to say of it.
_NAMES = ("display_name", "name", "involvedObject.name", "event", "rule_name")
_TEXTS = ("text", "message", "msg", "body", "description", "details", "alert.description", "alert.note")
_STATES = ("state", "status", "current_state", "build.status", "build.phase", "action", "severity", "priority")
_LINKS = (
    *("url", "link", "issueUrl", "incident_url", "event_url", "alert_url", "html_url", "build.full_url"),
    *("monitor.url", "alert.url", "target_url", "dashboard_url"),
)
_WEB = ("http://", "https://")
#: Where a payload has the id that an alert keeps until it ends, the states (in lower case) that mean it has ended, and
#: where it has the times between which it fired.
_ALERTS = ("alert", "alert_id", "incident_id", "issueId", "alert.alertId", "monitor.id")
_ENDED = frozenset({"resolved", "resolve", "recovered", "recovery", "closed", "close", "ok", "up", "normal"})
_FIRED = ("fired_at", "started_at", "startsAt", "alert.createdAt")
_RESOLVED = ("resolved_at", "ended_at", "endsAt")
#: Uptime Kuma's number for a monitor that is up again.
_UP = "1"


def brief_of(payload: Mapping[str, Any]) -> dict[str, Any]:
    """`title`, `text`, `link`, each perhaps empty, and `lines`: those that are not. Of an alert also `alert`, its id,
    and `is_resolved`, `fired_at` and `resolved_at`."""
    title, text = _first(payload, _TITLES), _first(payload, _TEXTS)
    state = "" if _text(_member(payload, "text")) else _first(payload, _STATES)
    if not title and (state or text):
        title = _name(payload)
    if title and state and state.lower() not in f"{title} {text}".lower():
        title = f"{title} ({state})"
    link = _link(payload)
    lines = list(dict.fromkeys(line for line in (title, text, link) if line)) if title or text else []
    return {"title": title, "text": text, "link": link, "lines": lines, **_alert(payload)}


def _alert(payload: Mapping[str, Any]) -> dict[str, Any]:
    states = {_text(_member(payload, path)).lower() for path in _STATES}
    is_up = _text(_member(payload, "heartbeat.status")) == _UP
    return {
        "alert": _first(payload, _ALERTS),
        "is_resolved": is_up or not states.isdisjoint(_ENDED),
        "fired_at": _first(payload, _FIRED),
        "resolved_at": _first(payload, _RESOLVED),
    }


def _name(payload: Mapping[str, Any]) -> str:
    """With the number of a build, or the kind of an object."""
    name = _first(payload, _NAMES)
    number, kind = _first(payload, ("build.number",)), _first(payload, ("involvedObject.kind",))
    return name and " ".join(filter(None, (kind, name, number and f"#{number}")))


def _link(payload: Mapping[str, Any]) -> str:
    """One that leads somewhere; else the documented member, as it is."""
    found = (_text(_member(payload, path)) for path in _LINKS)
    return next((link for link in found if link.startswith(_WEB)), _text(payload.get("url")))


def _first(payload: Mapping[str, Any], paths: Iterable[str]) -> str:
    return next(filter(None, (_text(_member(payload, path)) for path in paths)), "")


def _member(payload: Any, path: str) -> Any:
    found = payload
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return None
        spellings = (name, name.capitalize(), name.upper())
        found = next((found[each] for each in spellings if found.get(each) is not None), None)
    return found


def _text(value: Any) -> str:
    """Of a text, a number, or a list that begins with one; empty for anything else."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else ""
