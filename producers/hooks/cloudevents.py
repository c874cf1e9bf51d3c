"""CloudEvents 1.0 over HTTP, in its structured, binary and batched modes, each event as one JSON object.

Of the specification's HTTP protocol binding: https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md
"""

import base64
import binascii
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from ledger.errors import BadInput
from ledger.phrases import Phrase
from producers.hooks.dialect import hashed
from producers.hooks.hook_request import HookRequest, parsed
from producers.hooks.sent_json import charset_of, media_type_of

__all__ = ["Event", "cloud_events"]

_STRUCTURED = "application/cloudevents+json"
_BATCHED = "application/cloudevents-batch+json"
_PREFIX = "ce-"
_REQUIRED = ("id", "source", "type")
#: Of a batch: what the ledger takes at once, for one receiver.
_MOST_EVENTS = 1000


class Event(NamedTuple):
    """One payload, and its digest."""

    payload: dict[str, Any]
    digest: str


def cloud_events(request: HookRequest) -> Iterator[Event | BadInput]:
    """Each event's attributes, with its content in `data`, or in `data_base64` when that is neither JSON nor text.

    In a batch, an event that is none is a problem of its own.

    Raises:
        BadInput: it is no event, or one of another version of the specification.
    """
    if request.media_type == _BATCHED:
        yield from _batch(request)
        return
    if request.media_type == _STRUCTURED:
        event = request.json()
    elif "ce-specversion" in request.headers:
        event = _binary(request)
    else:
        raise BadInput(
            "body",
            Phrase(
                "is not a CloudEvent: there is neither a ce-specversion header nor the type {type}", type=_STRUCTURED
            ),
        )
    _check(event)
    yield Event(_decoded(event), request.digest)


def _batch(request: HookRequest) -> Iterator[Event | BadInput]:
    events = parsed(request.body)
    if not isinstance(events, list) or len(events) > _MOST_EVENTS:
        raise BadInput("body", Phrase("must be a list of at most {most:,} events", most=_MOST_EVENTS))
    for at, event in enumerate(events):
        try:
            if not isinstance(event, dict):
                raise BadInput("event", Phrase("must be an object"))
            _check(event)
        except BadInput as error:
            yield BadInput(f"[{at}].{error.field}", error.problem)
        else:
            yield Event(_decoded(event), hashed(event))


def _binary(request: HookRequest) -> dict[str, Any]:
    attributes = {
        name.removeprefix(_PREFIX): unquote(value)
        for name, value in request.headers.items()
        if name.startswith(_PREFIX)
    }
    if "content-type" in request.headers:
        attributes["datacontenttype"] = request.headers["content-type"]
    return (
        {**attributes, **_data(request.body, request.headers.get("content-type", ""))} if request.body else attributes
    )


def _decoded(event: dict[str, Any]) -> dict[str, Any]:
    """With the text or JSON that stands in `data_base64` as `data`, which the specification has for bytes."""
    given = event.get("data_base64")
    if "data" in event or not isinstance(given, str):
        return event
    try:
        content = base64.b64decode(given, validate=True)
        found = _data(content, str(event.get("datacontenttype") or ""))
    except (binascii.Error, ValueError, BadInput):
        return event  # shown as it came
    return {**{name: value for name, value in event.items() if name != "data_base64"}, **found}


def _data(content: bytes, content_type: str) -> dict[str, Any]:
    if media_type_of(content_type).endswith(("/json", "+json")):
        return {"data": parsed(content)}
    try:
        return {"data": content.decode(charset_of(content_type))}
    except (UnicodeDecodeError, LookupError):
        return {"data_base64": base64.b64encode(content).decode()}


def _check(event: dict[str, Any]) -> None:
    if event.get("specversion") != "1.0":
        raise BadInput("specversion", Phrase("must be 1.0"))
    for name in _REQUIRED:
        value = event.get(name)
        if not isinstance(value, str) or not value:
            raise BadInput(name, Phrase("must be a text that is not empty, as CloudEvents 1.0 has it"))
