"""The filter between the queues and Celery: only valid messages for our two tasks pass.

Other applications may write to the queues. Without the filter, a foreign message ends every worker that reads it (kombu
and Celery raise out of their event loop), and the messages that Celery does survive it logs with their bodies.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import redis
from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.transport import redis as kombu_redis

from ledger.connection import naming
from ledger.phrases import Phrase
from ledger.queues import list_of
from ledger.redis_when_full import RedisWhenFull
from worker.celery.foreign_message import ForeignMessage, told_headers
from worker.celery.message_body import decoded_body
from worker.celery.queues import DELIVER, Queues, drop
from worker.celery.task_message import TaskMessage
from worker.runtime import runtime

__all__ = ["FilteringSentinelTransport", "FilteringTransport", "filtered", "install_filter"]

#: All that is passed on of a wake-up call.
_HEADERS = ("lang", "task", "id", "root_id", "parent_id", "origin")
#: Tasks that a reason names.
_TOLD = 5
_PROPERTIES = ("delivery_tag", "delivery_info", "body_encoding", "correlation_id")


def filtered(message: Any, queue: str) -> dict[str, Any]:
    """The message as Celery may see it: in Celery's protocol 2, for one of our tasks, with valid arguments.

    Raises ForeignMessage.
    """
    if not isinstance(message, dict):
        raise ForeignMessage(Phrase("not a Celery message: its headers or properties are missing"))
    if _is_for(DELIVER, message.get("headers")):
        return _wake_up(message)
    task = TaskMessage.read(message)
    if task.follow_ups:
        names = ", ".join(task.follow_ups[:_TOLD])
        drop(
            Phrase(
                "the notification was accepted, but what should run after it does not run here: {names}."
                " Let the chain end with deskbell.send, and ask for a callback_url",
                names=names,
            ),
            queue,
            told_headers(message),
        )
    return task.as_celery_reads_it(queue)


def _is_for(task: str, headers: Any) -> bool:
    return isinstance(headers, dict) and headers.get("task") == task


def _wake_up(message: Mapping[str, Any]) -> dict[str, Any]:
    headers, properties = message["headers"], message.get("properties")
    if not isinstance(headers.get("id"), str) or not headers["id"] or not isinstance(properties, dict):
        raise ForeignMessage(Phrase("not a Celery message: its headers or properties are missing"))
    _check_delivery(properties)
    _check_times(headers)
    _check_arguments(decoded_body(message, headers, properties))
    return {
        "body": message["body"],
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {name: headers[name] for name in _HEADERS if name in headers},
        "properties": {name: properties[name] for name in _PROPERTIES if name in properties},
    }


def install_filter() -> None:
    """Makes kombu filter for every Redis URL. Must come before the first connection: kombu remembers its classes."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{FilteringTransport.__name__}"
    TRANSPORT_ALIASES["sentinel"] = f"{__name__}:{FilteringSentinelTransport.__name__}"


class _Unacknowledged(kombu_redis.QoS):
    """The messages that a worker has not acknowledged. Wake-ups are only counted, in memory, and never restored."""

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


class _FilteringChannel(kombu_redis.Channel):
    QoS = _Unacknowledged
    #: kombu would put unacknowledged messages back when the connection closes, which ends the worker if Redis is gone.
    #: Wake-ups do not need it, and the intake's messages come back by the visibility timeout.
    do_restore = False

    def __init__(self, *args: Any, **options: Any) -> None:
        # All our keys begin with the prefix, and kombu has no options for the names of these.
        own = f"{runtime().settings.prefix}:celery"
        self.keyprefix_queue = f"{own}:binding.%s"
        self.keyprefix_binding_permanent = f"{own}:binding_permanent.%s"
        self.keyprefix_binding_deadlines = f"{own}:binding_deadlines"
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]

    def _q_for_pri(self, queue: str, step: int) -> str:
        """The list of a queue for one step of priority; by kombu's own names a sender has one separator alone."""
        return list_of(queue, step)

    def _get_pool(self, asynchronous: bool = False) -> redis.ConnectionPool:
        """kombu's also formats the prefix of channels, and would take a hash tag in it for a field."""
        return redis.ConnectionPool(**self._connparams(asynchronous))

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """kombu's, with the ledger's parts of the URL instead of those that kombu reads from its own."""
        own: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[no-untyped-call]
        settings = runtime().settings
        return own | {"redis_connect_func": naming(settings.prefix)} | settings.redis.arguments

    def _deliver_fanout_message(self, message: Any, exchange: str) -> Any:
        # kombu removes the prefix of channels only if it begins with a slash, which ours never does.
        exchange = exchange.removeprefix(self.keyprefix_fanout)
        return super()._deliver_fanout_message(message, exchange)  # type: ignore[no-untyped-call]

    def _get_client(self) -> type[RedisWhenFull]:
        return RedisWhenFull

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        # A task may be acknowledged after the connection was lost, and kombu would end the worker. What is not
        # acknowledged comes again, and a second wake-up does no harm.
        if self.connection is not None:
            super().basic_ack(delivery_tag, multiple)  # type: ignore[no-untyped-call]

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, RecursionError) as error:  # raised by kombu's parsing: the message is off the queue already
            drop(Phrase("not JSON ({error})", error=type(error).__name__), "")
            return True


class _FilteringSentinelChannel(_FilteringChannel, kombu_redis.SentinelChannel):
    def _get_pool(self, asynchronous: bool = False) -> redis.ConnectionPool:
        """kombu's has a Sentinel for each of its pools, and they do not share which sentinels are silent."""
        arguments = self._connparams(asynchronous)
        client: redis.Redis = runtime().sentinels.master_for(  # type: ignore[no-untyped-call]
            runtime().settings.redis.service,
            redis.Redis,
            **{name: value for name, value in arguments.items() if name not in ("host", "port")},
        )
        return client.connection_pool


class FilteringTransport(kombu_redis.Transport):
    """kombu's transport for Redis, with the filter in it."""

    Channel = _FilteringChannel

    def _deliver(self, message: Any, queue: str) -> None:
        queues = Queues(runtime().settings.prefix)
        if queue != queues.deliver:
            queue = queues.of_list(queue)
        if queue in (queues.deliver, queues.intake):  # else it is remote control, on its own queue
            try:
                message = filtered(message, queue)
            except ForeignMessage as error:
                # Nothing to reject: the message is added to the unacknowledged ones only later.
                drop(error.reason, queue, told_headers(message))
                return
        super()._deliver(message, queue)  # type: ignore[no-untyped-call]


class FilteringSentinelTransport(FilteringTransport, kombu_redis.SentinelTransport):
    """The same, through sentinels."""

    Channel = _FilteringSentinelChannel


def _check_delivery(properties: Mapping[str, Any]) -> None:
    info = properties.get("delivery_info")
    where = [info.get(name) for name in ("exchange", "routing_key")] if isinstance(info, dict) else [None]
    if not all(isinstance(value, str) for value in (properties.get("delivery_tag"), *where)):
        raise ForeignMessage(Phrase("its properties lack the delivery tag or delivery info"))


def _check_times(headers: Mapping[str, Any]) -> None:
    for name in ("eta", "expires"):
        try:
            if headers.get(name) is not None:
                datetime.fromisoformat(headers[name])
        except (TypeError, ValueError):
            raise ForeignMessage(Phrase("its {name} is not a valid time", name=name)) from None


def _check_arguments(body: Any) -> None:
    match body:
        # Other fields come from a newer version, whose pacer leads during a rolling restart: they are ignored.
        case [[str(), [*ids]], dict(fields), *_] if not fields.keys() & {"desk", "ids"}:
            if all(isinstance(id, str) for id in ids):
                return
    raise ForeignMessage(Phrase("{task} takes other arguments", task=DELIVER))
