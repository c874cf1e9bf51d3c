"""Copies of Celery messages, as a broker redelivers them: wake-up calls that come twice, late, or for nothing."""

import base64
import json
import random
import uuid
from collections.abc import Sequence

import redis

__all__ = ["redeliver"]

_QUEUE = "deskbell.deliver"
_MOST_IDS = 16


def redeliver(client: redis.Redis, ids: Sequence[str], rng: random.Random) -> None:
    """Puts messages for all of `ids`, in any order and grouping, into the queue of the workers."""
    shuffled = rng.sample(list(ids), len(ids))
    while shuffled:
        size = rng.randint(1, _MOST_IDS)
        client.lpush(_QUEUE, _message(shuffled[:size]))
        del shuffled[:size]


def _message(ids: Sequence[str]) -> str:
    """Celery's protocol 2, in kombu's wrapping for Redis."""
    task = str(uuid.uuid4())
    body = [["default", list(ids)], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    headers = {"lang": "py", "task": _QUEUE, "id": task, "root_id": task, "parent_id": None, "eta": None, "retries": 0}
    properties = {
        "correlation_id": task,
        "delivery_mode": 2,
        "delivery_info": {"exchange": _QUEUE, "routing_key": _QUEUE},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": str(uuid.uuid4()),
    }
    return json.dumps(
        {
            "body": base64.b64encode(json.dumps(body).encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers,
            "properties": properties,
        }
    )
