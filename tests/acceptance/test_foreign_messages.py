"""What stands in the Celery queues and is none of ours: logged, dropped, counted; the workers live on."""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

import pytest

from ledger.states import State
from tests.acceptance.installation import MARKER, Installation, eventually

QUEUES = ("deskbell.deliver", "deskbell.intake")


def envelope(
    task: str = "deskbell.deliver",
    arguments: Any = (["default", ["n_0"]], {}, {}),
    *,
    headers: Mapping[str, Any] | None = None,
    properties: Mapping[str, Any] | None = None,
    content_type: str = "application/json",
    character_set: str = "utf-8",
    body: object = None,
) -> bytes:
    """A message as kombu puts it into a Redis list: protocol 2, its body in base64."""
    message: dict[str, Any] = {
        "body": base64.b64encode(json.dumps(arguments).encode()).decode() if body is None else body,
        "content-encoding": character_set,
        "content-type": content_type,
        "headers": {"lang": "py", "task": task, "id": "0-0", "root_id": "0-0", **(headers or {})},
        "properties": {
            "delivery_tag": "tag-0",
            "delivery_info": {"exchange": "", "routing_key": "deskbell.deliver"},
            "body_encoding": "base64",
            **(properties or {}),
        },
    }
    return json.dumps(message).encode()


def without(name: str, *path: str) -> bytes:
    """A good message that lacks a part."""
    message = json.loads(envelope())
    part = message
    for step in path:
        part = part[step]
    del part[name]
    return json.dumps(message).encode()


#: Each is one message that nobody can act on.
FOREIGN = {
    "bytes that are no text": b"\xff\xfe\x00" + MARKER.encode(),
    "text that is no JSON": b"hello, " + MARKER.encode(),
    "nothing": b"",
    "a JSON string": json.dumps(MARKER).encode(),
    "a JSON list": json.dumps([MARKER]).encode(),
    "a JSON number": b"12",
    "null": b"null",
    "an empty object": b"{}",
    "an object of another kind": json.dumps({"text": MARKER}).encode(),
    "deep nesting": b"[" * 100_000,
    "no properties": without("properties"),
    "properties that are no object": envelope().replace(b'"properties": {', b'"properties": 5, "was": {'),
    "no delivery tag": without("delivery_tag", "properties"),
    "a delivery tag that is no string": envelope(properties={"delivery_tag": {"a": 1}}),
    "no delivery info": without("delivery_info", "properties"),
    "no headers": without("headers"),
    "headers that are a list": envelope().replace(b'"headers": {', b'"headers": [], "was": {'),
    "headers that are null": envelope().replace(b'"headers": {', b'"headers": null, "was": {'),
    "no id": without("id", "headers"),
    "no body": without("body"),
    "a body that is no base64": envelope(body="%%%" + MARKER),
    "a body that is a number": envelope(body=5),
    "a body in an unknown encoding": envelope(properties={"body_encoding": "rot13"}),
    "a body that is no JSON": envelope(body=base64.b64encode(MARKER.encode()).decode()),
    "a body of another shape": envelope(arguments={"text": MARKER}),
    "a body of two parts": envelope(arguments=[[], {}]),
    "a pickle": envelope(content_type="application/x-python-serialize"),
    "YAML": envelope(content_type="application/x-yaml"),
    "an unknown content type": envelope(content_type="text/x-nobody-knows"),
    "an unknown character set": envelope(character_set="klingon"),
    "an unknown compression": envelope(headers={"compression": "application/x-nobody-knows"}),
    "an unknown task": envelope("somebody.else", [[MARKER], {}, {}]),
    "a task whose name is no string": envelope(headers={"task": {"a": 1}}),
    "a time to run that is none": envelope(headers={"eta": "yesterday-ish"}),
    "an end that is none": envelope(headers={"expires": {"a": 1}}),
    "too few arguments": envelope(arguments=[[], {}, {}]),
    "unknown arguments": envelope(arguments=[[], {"text": MARKER}, {}]),
    "a desk that is not configured": envelope(arguments=[["nobody", ["n_0"]], {}, {}]),
    "a desk that is no name": envelope(arguments=[[{"a": 1}, ["n_0"]], {}, {}]),
    "ids that are a number": envelope(arguments=[["default", 5], {}, {}]),
    "ids that are objects": envelope(arguments=[["default", [{"text": MARKER}]], {}, {}]),
    "no fields of a notification": envelope("deskbell.send", [[], {}, {}]),
    "too many fields by position": envelope("deskbell.send", [["ou_a", MARKER, "k", 1], {}, {}]),
    "a field by position and by name": envelope("deskbell.send", [["ou_a"], {"receiver_id": "ou_a"}, {}]),
    "a bomb": envelope(
        headers={"compression": "application/x-gzip"}, body=base64.b64encode(zlib.compress(bytes(10**8))).decode()
    ),
    "a task of protocol 1 for nobody": envelope(
        headers={"task": None}, arguments={"task": "somebody.else", "id": "1", "args": [], "kwargs": {}}
    ),
    "a field too many": envelope("deskbell.send", [[], {"receiver_id": "ou_a", "text": MARKER, "colour": 1}, {}]),
    "a message of an unknown type": envelope(
        "deskbell.send", [[], {"receiver_id": "ou_a", "message": {"msg_type": "fax", "content": MARKER}}, {}]
    ),
    "a field named self": envelope("deskbell.send", [[], {"self": 1, "receiver_id": "ou_a", "text": MARKER}, {}]),
    "a time limit that is none": envelope("somebody.else", headers={"timelimit": 5}),
    "a receiver that is a list": envelope("deskbell.send", [[], {"receiver_id": [1], "text": MARKER}, {}]),
    "a desk of nobody": envelope("deskbell.send", [[], {"receiver_id": "ou_a", "text": MARKER, "desk": "nobody"}, {}]),
}


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_message_is_dropped_and_counted(installation: Installation, name: str, queue: str) -> None:
    before = installation.dropped()

    installation.ledger.redis.lpush(queue, FOREIGN[name])

    eventually(lambda: installation.dropped() == before + 1, 5, f"{name} counted as dropped")
    assert all(worker.runs for worker in installation.workers)


def test_wake_up_calls_for_what_does_not_wait_are_harmless(installation: Installation) -> None:
    done = installation.send("ou_done")
    installation.wait_for_state(done.id, State.DELIVERED)
    before = installation.dropped()

    for ids in ([], ["n_0000000000000000"], [done.id, done.id], ["no id at all"]):
        installation.ledger.redis.lpush(QUEUES[0], envelope(arguments=[["default", ids], {}, {}]))
    eventually(lambda: not installation.ledger.redis.llen(QUEUES[0]), 5, "the queue is empty")

    # They are late or doubled, which is nothing to count: the ledger says that there is nothing to do.
    assert installation.dropped() == before
    assert installation.sandbox.deliveries()["ou_done"] == 1


def test_the_workers_deliver_after_all_that(installation: Installation) -> None:
    receivers = [f"ou_after{number}" for number in range(8)]

    ids = installation.accept(*receivers)

    installation.wait_until_delivered(ids, seconds=10)
    assert all(worker.runs for worker in installation.workers)
