"""CloudEvents 1.0 over HTTP, in its structured and its binary mode, as one JSON object.

Of the specification's HTTP protocol binding: https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md
"""

import base64
from typing import Any
from urllib.parse import unquote

from ledger.errors import BadInput
from producers.hooks.hook_request import HookRequest, parsed

__all__ = ["cloud_event"]

_STRUCTURED = "application/cloudevents+json"
_BATCHED = "application/cloudevents-batch+json"
_PREFIX = "ce-"
_REQUIRED = ("id", "source", "type")


def cloud_event(request: HookRequest) -> dict[str, Any]:
    """The event's attributes, with its content in `data`, or in `data_base64` when that is neither JSON nor text.

    Raises:
        BadInput: it is no event, one of another version of the specification, or several at once.
    """
    if request.media_type == _BATCHED:
        raise BadInput("body", "contains a batch of events: send them one by one")
    if request.media_type == _STRUCTURED:
        event = request.json()
    elif "ce-specversion" in request.headers:
        event = _binary(request)
    else:
        raise BadInput(
            "body", f"is not a CloudEvent: there is neither a ce-specversion header nor the type {_STRUCTURED}"
        )
    _check(event)
    return event


def _binary(request: HookRequest) -> dict[str, Any]:
    attributes = {
        name.removeprefix(_PREFIX): unquote(value)
        for name, value in request.headers.items()
        if name.startswith(_PREFIX)
    }
    if "content-type" in request.headers:
        attributes["datacontenttype"] = request.headers["content-type"]
    return {**attributes, **_data(request)} if request.body else attributes


def _data(request: HookRequest) -> dict[str, Any]:
    if request.media_type.endswith(("/json", "+json")):
        return {"data": parsed(request.body)}
    try:
        return {"data": request.body.decode()}
    except UnicodeDecodeError:
        return {"data_base64": base64.b64encode(request.body).decode()}


def _check(event: dict[str, Any]) -> None:
    if event.get("specversion") != "1.0":
        raise BadInput("specversion", "must be 1.0")
    for name in _REQUIRED:
        value = event.get(name)
        if not isinstance(value, str) or not value:
            raise BadInput(name, "must be a text that is not empty, as CloudEvents 1.0 has it")
