"""A plain text for any payload: what it is about, where, and a link. For what a hook's own text does not fit.

Nothing here can fail: tools leave out what their documentation promises, and a message that says little is better than
an alert that nobody gets.
"""

import json
from collections import deque
from collections.abc import Iterator
from typing import Any

from producers.hooks.payload import cut_text

__all__ = ["plain_text"]

#: Values that are looked at, nearest first: what a payload is about does not stand deep in it.
_MOST_VALUES = 2_000
#: Characters of each line, and of the payload itself where nothing in it has a name.
_LINE, _WHOLE = 500, 1_000
#: Members that say what it is about, the best first.
_NAMES = (
    *("title", "rulename", "alertname", "subject", "summary", "name", "display_name", "short_description"),
    *("message", "msg", "text", "description", "triggered_rule", "rule", "reason", "error", "shortid", "key"),
    *("tag_name", "ref", "type", "object_kind", "event"),
)
_DETAILS = ("message", "msg", "text", "description", "summary", "culprit", "reason", "error", "body")
_PLACES = ("full_name", "path_with_namespace", "project_name", "project_slug", "repository", "project", "organization")
#: What somebody did is not about who did it.
_PEOPLE = frozenset(
    {
        *("actor", "author", "assignee", "assignedto", "committer", "creator", "installation", "owner", "pusher"),
        *("requested_reviewer", "sender", "user"),
    }
)
_STATES = ("action", "status", "state", "severity", "level")
_LINKS = ("html_url", "web_url", "ruleurl", "panelurl", "permalink", "url", "link", "externalurl", "generatorurl")


def plain_text(value: Any, source: str) -> str:
    """A few lines about a JSON value. `source` is whose it is, and stands first."""
    texts = list(_texts(value))
    name = _best(texts, _NAMES)
    if name is None:
        return f"{source}: {cut_text(_json(value), _WHOLE)}"
    place, state = _best(texts, _PLACES), _best(texts, _STATES)
    first = ": ".join(dict.fromkeys(filter(None, (source, place, name))))
    lines = [f"{first} ({state})" if state and state != name else first, _best(texts, _DETAILS), _best(texts, _LINKS)]
    return "\n".join(dict.fromkeys(cut_text(line, _LINE) for line in lines if line and line not in (name, place)))


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    """Names of members, in lower case, and their texts, from the outside inwards."""
    waiting = deque([("", value)])
    for _ in range(_MOST_VALUES):
        if not waiting:
            return
        name, found = waiting.popleft()
        match found:
            case dict():
                members = ((str(member).lower(), inner) for member, inner in found.items())
                waiting.extend(member for member in members if member[0] not in _PEOPLE)
            case list():
                waiting.extend((name, inner) for inner in found[:_MOST_VALUES])
            case str() if found.strip():
                yield name, " ".join(found.split())
            case int() | float() if not isinstance(found, bool):
                yield name, str(found)


def _best(texts: list[tuple[str, str]], names: tuple[str, ...]) -> str | None:
    for wanted in names:
        for name, text in texts:
            if name == wanted:
                return text
    return None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
