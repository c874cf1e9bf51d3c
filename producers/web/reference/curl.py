"""An example of a request as a command that works when pasted, in a shell with `$DESKBELL` and `$KEY`."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

__all__ = ["curl_of"]

_JSON, _FORM = "application/json", "multipart/form-data"


def curl_of(
    method: str,
    path: str,
    operation: Mapping[str, Any],
    media_type: str | None = None,
    body: Mapping[str, Any] | None = None,
) -> str:
    """`body` is an example of a body of this type."""
    lines = [f"curl -sS $DESKBELL{_filled(path, operation)}"]
    sends_post = media_type is not None
    if method != ("POST" if sends_post else "GET"):
        lines[0] += f" -X {method}"
    if operation.get("security") != []:
        lines.append('-H "Authorization: Bearer $KEY"')
    if media_type == _FORM and body is not None:
        return _file_first(_joined([*lines, *_parts(body)]), body)
    if media_type == _JSON and body is not None:
        lines.append(f"--json {shlex.quote(json.dumps(body, ensure_ascii=False))}")
    return _joined(lines)


def _filled(path: str, operation: Mapping[str, Any]) -> str:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            [example, *_] = parameter["examples"].values()
            path = path.replace(f"{{{parameter['name']}}}", quote(example["value"], safe="@"))
    return path


def _parts(body: Mapping[str, Any]) -> Iterator[str]:
    for name, value in body.items():
        yield f"-F {name}=@people.csv" if name == "recipients" else f"-F {shlex.quote(f'{name}={value}')}"


def _file_first(command: str, body: Mapping[str, Any]) -> str:
    """The file that the form sends."""
    if "recipients" not in body:
        return command
    content = str(body["recipients"]).replace("\n", "\\n")
    return f"printf '{content}' > people.csv\n{command}"


def _joined(lines: list[str]) -> str:
    return " \\\n  ".join(lines)
