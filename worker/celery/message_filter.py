"""The gate between the queues and Celery: only messages for our two tasks come in, whatever else stands in a queue.

Other applications may write to the queues. Without the gate, something else in them ends every worker that reads it
(kombu and Celery raise out of their event loop), and what Celery does survive it logs with the message's body.
"""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import redis
from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.transport import redis as kombu_redis

from ledger.redis_when_full import RedisWhenFull
from worker.celery.dropped_messages import count_dropped
from worker.celery.queues import DELIVER, SEND, Queues
from worker.runtime import runtime

__all__ = ["Foreign", "GatedSentinelTransport", "GatedTransport", "admitted", "stand_guard"]

#: Of what others wrote, characters that a log line may hold.
_SHOWN_CHARS = 80
#: All that is passed on. What is left out (time limits, callbacks, reprs of the arguments) has no meaning here.
_HEADERS = ("lang", "task", "id", "root_id", "parent_id", "origin", "eta", "expires")
_PROPERTIES = ("delivery_tag", "delivery_info", "body_encoding", "correlation_id")


class Foreign(Exception):
    """The message is none of ours. The text says why, and repeats nothing of its body."""


def admitted(message: Any) -> dict[str, Any]:
    """The message as Celery may have it: in Celery's protocol 2, for one of our tasks, with fitting arguments.

    Raises Foreign.
    """
    headers, properties = _object(message, "headers"), _object(message, "properties")
    _check_task(headers)
    _check_delivery(properties)
    _check_times(headers)
    _check_arguments(headers["task"], _body(message, headers, properties))
    return {
        "body": message["body"],
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {name: headers[name] for name in _HEADERS if name in headers},
        "properties": {name: properties[name] for name in _PROPERTIES if name in properties},
    }


def stand_guard() -> None:
    """Has kombu use the gate for every URL of Redis. Before the first connection, since kombu remembers its classes."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{GatedTransport.__name__}"
    TRANSPORT_ALIASES["sentinel"] = f"{__name__}:{GatedSentinelTransport.__name__}"


class _Kept(kombu_redis.QoS):
    """What a worker holds and has not acknowledged. Wake-ups are only counted, in memory: nobody restores them."""

    def append(self, message: Any, delivery_tag: str) -> None:
        if _is_wake_up(message):
            virtual.QoS.append(self, message, delivery_tag)  # type: ignore[no-untyped-call]
        else:
            super().append(message, delivery_tag)  # type: ignore[no-untyped-call]

    def ack(self, delivery_tag: str) -> None:
        message = self._delivered.get(delivery_tag)
        if message is not None and _is_wake_up(message):
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]
        else:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]


def _is_wake_up(message: Any) -> bool:
    return bool(message.headers.get("task") == DELIVER)


class _GatedChannel(kombu_redis.Channel):
    QoS = _Kept
    #: kombu would put unacknowledged messages back when the connection closes, which ends the worker if Redis is gone.
    #: Wake-ups need no such care, and the intake's messages come back by the visibility timeout.
    do_restore = False

    def __init__(self, *args: Any, **options: Any) -> None:
        # Every key of ours begins with the prefix, and kombu has no options for the names of these.
        own = f"{runtime().settings.prefix}:celery"
        self.keyprefix_queue = f"{own}:binding.%s"
        self.keyprefix_binding_permanent = f"{own}:binding_permanent.%s"
        self.keyprefix_binding_deadlines = f"{own}:binding_deadlines"
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """kombu's, with the ledger's parts of the URL in the place of what kombu reads from its own."""
        own: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[no-untyped-call]
        return own | runtime().settings.redis.arguments

    def _deliver_fanout_message(self, message: Any, exchange: str) -> Any:
        # kombu takes the prefix of channels off only where it begins with a slash, which no key of ours does.
        exchange = exchange.removeprefix(self.keyprefix_fanout)
        return super()._deliver_fanout_message(message, exchange)  # type: ignore[no-untyped-call]

    def _get_client(self) -> type[RedisWhenFull]:
        return RedisWhenFull

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        # A task may come to its acknowledgement after the connection was lost, and kombu would end the worker. What is
        # not acknowledged comes again, and a wake-up that comes again does no harm.
        if self.connection is not None:
            super().basic_ack(delivery_tag, multiple)  # type: ignore[no-untyped-call]

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, RecursionError) as error:  # of kombu's own parsing: the message is off the queue already
            count_dropped("a message that is no JSON (%s)", type(error).__name__)
            return True


class _GatedSentinelChannel(_GatedChannel, kombu_redis.SentinelChannel):
    def _sentinel_managed_pool(self, asynchronous: bool = False) -> Any:
        """kombu's has a Sentinel for each of its pools, none of which knows yet whom another found silent."""
        arguments = self._connparams(asynchronous)
        client: redis.Redis = runtime().sentinels.master_for(  # type: ignore[no-untyped-call]
            runtime().settings.redis.service,
            redis.Redis,
            **{name: value for name, value in arguments.items() if name not in ("host", "port")},
        )
        return client.connection_pool


class GatedTransport(kombu_redis.Transport):
    """kombu's transport for Redis, with the gate in it."""

    Channel = _GatedChannel

    def _deliver(self, message: Any, queue: str) -> None:
        queues = Queues(runtime().settings.prefix)
        if queue in (queues.deliver, queues.intake):  # else it is remote control, on a queue of its own
            try:
                message = admitted(message)
            except Foreign as error:
                # Nothing to reject: a message is written among the unacknowledged ones only further on.
                count_dropped("a message on the queue %s: %s", queue, error)
                return
        super()._deliver(message, queue)  # type: ignore[no-untyped-call]


class GatedSentinelTransport(GatedTransport, kombu_redis.SentinelTransport):
    """The same by way of sentinels."""

    Channel = _GatedSentinelChannel


def _object(message: Any, name: str) -> Mapping[str, Any]:
    part = message.get(name) if isinstance(message, dict) else None
    if not isinstance(part, dict):
        raise Foreign(f"no message of Celery: it has no {name}")
    return part


def _check_task(headers: Mapping[str, Any]) -> None:
    task, id = headers.get("task"), headers.get("id")
    if not isinstance(task, str) or not isinstance(id, str) or not id:
        raise Foreign("its headers name no task and id, as those of Celery's protocol 2 do")
    if task not in (DELIVER, SEND):
        raise Foreign(f"no task here is named {task[:_SHOWN_CHARS]!r}")


def _check_delivery(properties: Mapping[str, Any]) -> None:
    info = properties.get("delivery_info")
    where = [info.get(name) for name in ("exchange", "routing_key")] if isinstance(info, dict) else [None]
    if not all(isinstance(value, str) for value in (properties.get("delivery_tag"), *where)):
        raise Foreign("its properties do not tell its delivery")


def _check_times(headers: Mapping[str, Any]) -> None:
    for name in ("eta", "expires"):
        try:
            if headers.get(name) is not None:
                datetime.fromisoformat(headers[name])
        except (TypeError, ValueError):
            raise Foreign(f"its {name} is no time") from None


def _body(message: Mapping[str, Any], headers: Mapping[str, Any], properties: Mapping[str, Any]) -> Any:
    kind = (message.get("content-type"), message.get("content-encoding"), headers.get("compression"))
    if kind != ("application/json", "utf-8", None):
        raise Foreign("its body is not plain JSON in UTF-8")
    body, encoding = message.get("body"), properties.get("body_encoding")
    if not isinstance(body, str) or encoding not in (None, "base64"):
        raise Foreign("its body cannot be read")
    try:
        return json.loads(base64.b64decode(body) if encoding else body)
    except (ValueError, RecursionError):
        raise Foreign("its body is not JSON") from None


def _check_arguments(task: str, body: Any) -> None:
    match task, body:
        case (task, [[], dict(fields), *_]) if task == SEND and "self" not in fields:  # Celery would stumble over it
            return
        # Other fields are those of a newer version, whose pacer leads during a rolling restart: they are left alone.
        case (task, [[str(), [*ids]], dict(fields), *_]) if task == DELIVER and not fields.keys() & {"desk", "ids"}:
            if all(isinstance(id, str) for id in ids):
                return
    raise Foreign(f"{task} takes other arguments")
