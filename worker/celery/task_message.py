"""A request for `deskbell.send` as any Celery client sends it: by protocol 1 or 2, and in any packing."""

import base64
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from ledger.messages.json_fields import kind_of, shortened
from ledger.phrases import Phrase
from worker.celery.foreign_message import ForeignMessage
from worker.celery.message_body import decoded_body
from worker.celery.queues import SEND

__all__ = ["POSITIONAL", "TaskMessage"]

#: What positional arguments mean, in this order. The second may be a message, an object, too.
POSITIONAL = ("receiver_id", "text", "key")


@dataclass(frozen=True, slots=True)
class TaskMessage:
    """One task, without what only Celery needs to know."""

    id: str
    headers: Mapping[str, Any]  #: root_id and parent_id
    fields: Mapping[str, Any] = field(repr=False)  #: of the notification, by the names of the HTTP API
    follow_ups: tuple[str, ...] = ()  #: the tasks that should run after it, by their names

    @classmethod
    def read(cls, message: Mapping[str, Any]) -> Self:
        """Raises ForeignMessage."""
        headers = message.get("headers") or {}  # protocol 1 needs none
        properties = message.get("properties")
        if not isinstance(headers, dict) or not isinstance(properties, dict):
            raise ForeignMessage(Phrase("not a Celery message: its headers or properties are missing"))
        if "task" in headers:
            _check_name(headers["task"], headers.get("id"))
            return cls._of_protocol_2(headers, decoded_body(message, headers, properties))
        return cls._of_protocol_1(decoded_body(message, headers, properties))

    @classmethod
    def _of_protocol_2(cls, headers: Mapping[str, Any], body: Any) -> Self:
        match body:
            case [[*positional], dict(named), dict(embedded), *_]:
                fields = _fields(positional, named) | _times(headers, named)
                return cls(headers["id"], headers, fields, tuple(_follow_ups(embedded)))
        raise ForeignMessage(Phrase("its body is not that of a task"))

    @classmethod
    def _of_protocol_1(cls, body: Any) -> Self:
        if not isinstance(body, dict) or "task" not in body:
            raise ForeignMessage(Phrase("not a Celery message: neither its headers nor its body name a task"))
        _check_name(body["task"], body.get("id"))
        match body:
            case {"args": [*positional], "kwargs": dict(named)}:
                fields = _fields(positional, named) | _times(body, named)
                return cls(body["id"], {}, fields, tuple(_follow_ups(body)))
        raise ForeignMessage(Phrase("its body is not that of a task"))

    def as_celery_reads_it(self, queue: str) -> dict[str, Any]:
        """As protocol 2, plain: no time that Celery would wait for, and nothing that it would unpack.

        This is also what stays in Redis until the task is acknowledged. With the bindings of its sender's exchange it
        could not come back to the queue, so it gets those of the queue itself.
        """
        body = [[], dict(self.fields), {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
        told = {name: self.headers[name] for name in ("root_id", "parent_id") if self.headers.get(name)}
        return {
            "body": base64.b64encode(json.dumps(body).encode()).decode(),
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": {"lang": "py", "task": SEND, "id": self.id, "root_id": self.id, "parent_id": None, **told},
            "properties": {
                "correlation_id": self.id,
                "delivery_tag": str(uuid.uuid4()),
                "delivery_info": {"exchange": "", "routing_key": queue},
                "body_encoding": "base64",
            },
        }


def _follow_ups(embedded: Mapping[str, Any]) -> Iterator[str]:
    """What would run if it fails (`errbacks`) has nothing to do: it does not fail."""
    for name in ("callbacks", "chain", "chord"):
        given = embedded.get(name) or []
        for signature in given if isinstance(given, list) else [given]:
            task = signature.get("task") if isinstance(signature, dict) else None
            yield shortened(task) if isinstance(task, str) else name


def _check_name(task: Any, id: Any) -> None:
    if task != SEND:
        shown = shortened(task) if isinstance(task, str) else kind_of(task)
        raise ForeignMessage(Phrase("unknown task {name}: this queue takes {task}", name=shown, task=SEND))
    if not isinstance(id, str) or not id:
        raise ForeignMessage(Phrase("the task has no id"))


def _fields(positional: list[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    if len(positional) > len(POSITIONAL):
        names = ", ".join(POSITIONAL)
        raise ForeignMessage(
            Phrase("takes {most} positional arguments at most: {names}", most=len(POSITIONAL), names=names)
        )
    fields = dict(named)
    for name, value in zip(POSITIONAL, positional, strict=False):
        meant = "message" if name == "text" and isinstance(value, dict) else name
        if meant in named:
            problem = Phrase("is given twice, by position and by name: in a chain use si(), which adds no result")
            raise ForeignMessage(Phrase("{field}: {problem}", field=meant, problem=problem))
        fields[meant] = value
    if "self" in fields:  # Celery would stumble over it
        raise ForeignMessage(Phrase("{field}: {problem}", field="self", problem=Phrase("is not a known field")))
    return fields


def _times(told: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, str]:
    """Celery's eta and expires as those of the notification, unless it has its own: a worker would hold a message with
    an eta in its memory, and drop one that expired without a word."""
    times = {"at": told.get("eta"), "expires": told.get("expires")}
    in_utc = told.get("utc", True)
    return {
        name: _time(name, value, in_utc=bool(in_utc))
        for name, value in times.items()
        if value is not None and named.get(name) is None
    }


def _time(name: str, value: Any, *, in_utc: bool) -> str:
    celerys = {"at": "eta", "expires": "expires"}[name]
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ForeignMessage(Phrase("its {name} is not a valid time", name=celerys)) from None
    if time.tzinfo is None and not in_utc:
        raise ForeignMessage(
            Phrase("its {name} has no offset, and its sender does not write times in UTC", name=celerys)
        )
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).isoformat()
