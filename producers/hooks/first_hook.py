"""A first hook from a sample of what a tool posts: the ready-made one that fits, and comments that show what else is
there."""

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from producers.hooks.brief import brief_of
from producers.hooks.hook_file import ready_made
from producers.hooks.hook_request import HookRequest
from producers.hooks.payload import cut_text

__all__ = ["first_hook", "likely_use"]

#: Members of the payload that are listed, and values that are looked at to find them.
_LISTED, _LOOKED_AT = 30, 500
#: Characters of a value that are shown, and of the column of names.
_VALUE, _COLUMN = 50, 44
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
#: A value by such a name is not shown.
_SECRET = re.compile(r"token|secret|passw|authorization|signature|api_?key", re.IGNORECASE)
#: Members that say what happened; and members by which people choose the posts that matter, the best first.
_SAID = ("title", "subject", "summary", "message", "text", "description", "name", "full_name")
_STATES = ("status", "state", "action", "event_type", "webhookEvent", "object_kind", "type", "severity", "level")
_HEAD = """\
# Each table [hook.NAME] makes messages of what is posted to /v1/hooks/NAME. All fields: docs/integrations.md
"""
_TABLE = """
[hook.{name}]
{how}
# Who gets it: ids, e-mail addresses or mobile numbers; also from the payload: "{{{{ payload.owner }}}}@corp.example"
to = {to}
{admits}
# Not after this long:
# expires = "2h"
# Only some of the posts:
# when = {when}
# A text of your own, instead of the one that it has:
# text = {text}
# What the sample has:
{members}"""


def first_hook(name: str, to: str, request: HookRequest, use: str | None, *, is_first: bool) -> str:
    """TOML, with all that `use` leaves to choose as comments. `is_first`: nothing stands before it in its file.

    Raises BadInput for a body that no hook can read.
    """
    payload = _payload(request)
    members = list(_members(payload))
    table = _TABLE.format(
        name=name,
        how=_how(use),
        to=_quoted(to),
        admits=_admits(name, use),
        when=_quoted(_when(members)),
        text=_quoted(_text(members)),
        members="".join(f"#   {path:<{_COLUMN}} {shown}\n" for path, shown, _ in members),
    )
    return (_HEAD if is_first else "") + table


def likely_use(request: HookRequest) -> str | None:
    """The ready-made hook for such a payload; None if none fits. Raises BadInput as `first_hook`."""
    payload, headers = _payload(request), request.headers
    found = [use for use, fits in _signs(payload, headers) if fits]
    return found[0] if found else None


def _signs(payload: Mapping[str, Any], headers: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    has, event, data = payload.keys() >= {"alerts"}, payload.get("event"), payload.get("data")
    forge = isinstance(payload.get("repository"), dict) and "sender" in payload
    yield "cloudevents", "ce-specversion" in headers or payload.get("specversion") == "1.0"
    yield "grafana", (has and "orgId" in payload) or not payload.keys().isdisjoint({"ruleUrl", "evalMatches"})
    yield "alertmanager", has and not payload.keys().isdisjoint({"groupKey", "groupLabels", "receiver"})
    yield "gitlab", "x-gitlab-event" in headers or "object_kind" in payload
    yield "forgejo", "x-forgejo-event" in headers
    yield "gitea", "x-gitea-event" in headers
    yield "github", "x-github-event" in headers or forge
    yield "sentry", "sentry-hook-resource" in headers or (isinstance(data, dict) and "installation" in payload)
    yield "pagerduty", isinstance(event, dict) and "event_type" in event
    yield "jira", "webhookEvent" in payload
    yield "feishu-bot", "msg_type" in payload
    yield "slack", not payload.keys().isdisjoint({"attachments", "blocks", "icon_emoji"})
    yield "generic", bool(brief_of(payload)["lines"])


def _payload(request: HookRequest) -> Mapping[str, Any]:
    return request.json_or_form("payload")


def _how(use: str | None) -> str:
    if use is None:
        return '# Nothing ready-made fits: this makes a plain text of any payload.\ntext = "{{ plain }}"'
    return f"# {ready_made()[use].summary}\nuse = {_quoted(use)}"


def _admits(name: str, use: str | None) -> str:
    key = f"# A post needs a key with the scope `send`: deskbell key create --name {name} --scope send"
    if use is None or ready_made()[use].signature is None:
        return key
    variable = name.replace("-", "_").upper() + "_SECRET"
    return (
        f"{key}\n# or, if the tool signs what it posts, its secret in a variable:\n# secret_env = {_quoted(variable)}"
    )


def _when(members: list[tuple[str, str, Any]]) -> str:
    for name in _STATES:
        for path, _, value in members:
            if path.endswith(f".{name}") and isinstance(value, str) and len(value) <= _VALUE:
                return f"{path} == {json.dumps(value, ensure_ascii=False)}"
    return "payload.status == 'failed'"


def _text(members: list[tuple[str, str, Any]]) -> str:
    said = [path for path, _, value in members if isinstance(value, str)]
    texts = sorted(said, key=lambda path: path.rpartition(".")[2] not in _SAID)[:2]
    return ": ".join(f"{{{{ {path} }}}}" for path in texts) or "{{ plain }}"


def _members(payload: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """The nearest ones first: as an expression names them, what they are as a comment, and their values."""
    waiting: deque[tuple[str, Any]] = deque([("payload", payload)])
    listed = 0
    for _ in range(_LOOKED_AT):
        if not waiting or listed == _LISTED:
            return
        path, value = waiting.popleft()
        if isinstance(value, dict):
            waiting.extend((_joined(path, name), inner) for name, inner in list(value.items())[:_LOOKED_AT])
            continue
        listed += 1
        yield path, _shown(path, value), value
        if isinstance(value, list) and value:
            waiting.append((f"{path}[0]", value[0]))


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if _IDENTIFIER.fullmatch(name) else f"{path}[{_quoted(cut_text(name, _VALUE))}]"


def _shown(path: str, value: Any) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if _SECRET.search(path.rpartition(".")[2]):
        return "…"
    return _quoted(cut_text(value, _VALUE)) if isinstance(value, str) else json.dumps(value)[:_VALUE]


def _quoted(text: str) -> str:
    """A string of TOML, and of JSON: on one line, with nothing invisible in it."""
    written = json.dumps(text, ensure_ascii=False)
    return written if written.isprintable() else json.dumps(text).replace("\x7f", "\\u007f")
