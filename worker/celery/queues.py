"""The names of the Celery queues and tasks: part of the public contract, since other applications send to them.

Also what happens to messages on them that the worker cannot handle.
"""

import base64
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
import redis

from ledger.settings import Desk
from worker.runtime import runtime

__all__ = ["DELIVER", "SEND", "Queues", "count_dropped"]

log = logging.getLogger(__name__)

#: Tasks. Their messages carry ids (deliver) or the fields of the HTTP API (send).
DELIVER = "deskbell.deliver"
SEND = "deskbell.send"


@dataclass(frozen=True, slots=True)
class Queues:
    """Names of the queues, which are Redis lists: they start with the prefix like every key."""

    prefix: str

    @property
    def deliver(self) -> str:
        """From the pacer to the workers; almost empty at all times."""
        return f"{self.prefix}.deliver"

    @property
    def intake(self) -> str:
        """From other Celery applications."""
        return f"{self.prefix}.intake"

    def publish(self, client: redis.Redis, batches: Sequence[tuple[Desk, Sequence[str]]]) -> None:
        """A `deliver` message for each batch, all in one round trip, which Celery's own way does not do."""
        client.lpush(self.deliver, *(self.wake_up(desk.name, ids) for desk, ids in batches))

    def wake_up(self, desk: str, ids: Sequence[str]) -> bytes:
        """A `deliver` message as it stands in the queue: Celery's protocol 2 in kombu's envelope."""
        id = str(uuid.uuid4())
        body = [[desk, ids], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
        return orjson.dumps(
            {
                "body": base64.b64encode(orjson.dumps(body)).decode(),
                "content-encoding": "utf-8",
                "content-type": "application/json",
                "headers": {"lang": "py", "task": DELIVER, "id": id, "root_id": id, "parent_id": None},
                "properties": {
                    "correlation_id": id,
                    "delivery_mode": 2,
                    "delivery_info": {"exchange": self.deliver, "routing_key": self.deliver},
                    "priority": 0,
                    "body_encoding": "base64",
                    "delivery_tag": id,
                },
            }
        )


def count_dropped(message: str, *arguments: object) -> None:
    """Logs why a message is dropped, and counts it where `doctor` and the metrics find it."""
    log.error("dropped: " + message, *arguments)
    try:
        runtime().redis.incr(runtime().keys.dropped)
    except redis.RedisError as error:
        log.warning("a dropped message could not be counted: %s", error)
