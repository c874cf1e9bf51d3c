"""The names of the Celery queues and tasks: part of the public contract, since other applications send to them.

Also what happens to messages on them that the worker cannot handle.
"""

import base64
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import orjson
import redis

from ledger.dropped_messages import DroppedMessages
from ledger.phrases import Phrase
from ledger.queues import deliver_queue, intake_queue, lists_of
from ledger.settings import Desk
from worker.runtime import runtime

__all__ = ["DELIVER", "SEND", "Queues", "drop"]

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
        return deliver_queue(self.prefix)

    @property
    def intake(self) -> str:
        return intake_queue(self.prefix)

    def of_list(self, name: str) -> str:
        """The queue that a list belongs to, or the name itself."""
        return next((queue for queue in (self.deliver, self.intake) if name in lists_of(queue)), name)

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


def drop(reason: Phrase, queue: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
    """Logs why a message is dropped, and keeps it where `doctor`, the metrics and the console find it."""
    log.error("dropped: a message%s: %s", f" on the queue {queue}" if queue else "", reason)
    try:
        DroppedMessages(runtime().redis, runtime().keys).note(reason, queue, headers)
    except redis.RedisError as error:
        log.warning("a dropped message could not be noted: %s", error)
