"""The two tasks. They unpack, call, and hand on."""

import logging
from datetime import UTC, datetime
from typing import Any

import redis
from celery import Task, shared_task
from celery.exceptions import Reject
from tenacity import retry, retry_if_exception, stop_after_delay, wait_exponential

from ledger.connection import is_of_wrong_version, is_refusal, server_of
from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import DeskbellError, NotDurable
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.record import Accepted
from ledger.template_filling import filled_event
from worker.celery.foreign_message import told_headers
from worker.celery.queues import DELIVER, SEND, Queues, drop
from worker.runtime import runtime

__all__ = ["deliver", "send"]

log = logging.getLogger(__name__)

#: While Redis is full, a thread holds one message of the intake for this long, seconds.
REFUSED_SECONDS = 0.5


# Acknowledged late, in memory (worker/celery/message_filter.py), so that a worker takes a message only when it has a
# free thread: otherwise messages of other desks would wait in its memory behind a desk that hangs.
@shared_task(name=DELIVER, ignore_result=True, acks_late=True)
def deliver(desk: str, ids: list[str], **_newer: Any) -> None:
    """Wakes a worker: these may be released. The ledger says whether they are.

    Extra fields of a newer version are ignored: the truth is in the ledger.
    """
    try:
        delivery = runtime().delivery(desk)
    except DeskbellError as error:
        drop(Phrase("for a desk that is not configured here: {problem}", problem=error.args[0]), _queues().deliver)
        return
    delivery.deliver(ids)


@shared_task(name=SEND, ignore_result=True, acks_late=True, bind=True)
def send(self: "Task[..., None]", **fields: Any) -> None:
    """Accepts a notification for another Celery application: the fields of the HTTP API.

    This message is the only trace of the request, so it is acknowledged late, unlike a wake-up call. The id of the task
    replaces a missing key, so that a redelivered message is not a second notification.
    """
    notification: Notification | None = None
    try:
        filled = _filled(fields)
        notification = Notification.build(filled, key_of_ours=f"celery:{self.request.id}")
        accepted = _accept(_not_late(notification))
        runtime().templates.note_accepted([notification])
    except NotDurable:
        raise
    except redis.RedisError as error:
        if not _waits(error):
            raise
        desk = notification.desk if notification else DEFAULT_DESK
        log.warning("Redis takes nothing new, a notification waits: %s", error, extra={"desk": desk})
        # Back to the end of the queue, and not at once: sending goes on meanwhile, and frees memory in the end.
        runtime().stopping.wait(REFUSED_SECONDS)
        raise Reject(str(error), requeue=True) from error
    except DeskbellError as error:
        drop(
            Phrase("a notification that cannot be accepted: {problem}", problem=error.args[0]),
            _queues().intake,
            told_headers(_message_of(self.request)),
        )
        return
    log.info("accepted", extra={"id": accepted.id, "desk": notification.desk})


def _waits(error: redis.RedisError) -> bool:
    """Whether the notification waits in the queue: its server takes nothing new, or is another one that is away."""
    if isinstance(error, redis.ResponseError):
        return is_refusal(error) or is_of_wrong_version(error)
    return _is_elsewhere(error)


def _is_elsewhere(error: BaseException) -> bool:
    """Whether it is about another server than this worker's: its desks wait, and nobody waits for it."""
    server = server_of(error)
    return server is not None and str(server.redis) != str(runtime().settings.redis)


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, (redis.ConnectionError, redis.TimeoutError, NotDurable)) and not _is_elsewhere(error)


def _not_late(notification: Notification) -> Notification:
    """A time of sending that is past is now, however long ago it was: the message may have waited for a worker."""
    is_late = notification.at is not None and notification.at < datetime.now(UTC)
    return notification.model_copy(update={"at": None}) if is_late else notification


_until_redis_answers = retry(
    retry=retry_if_exception(_is_passing),
    stop=stop_after_delay(300),
    wait=wait_exponential(multiplier=0.2, max=5),
    reraise=True,
)


@_until_redis_answers
def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    return filled_event(fields, runtime().templates.find) if fields.keys() & {"template", "variables"} else fields


@_until_redis_answers
def _accept(notification: Notification) -> Accepted:
    return runtime().installation.accept([notification])[0]


def _queues() -> Queues:
    return Queues(runtime().settings.prefix)


def _message_of(request: Any) -> dict[str, Any]:
    """What is known of where the message came from."""
    return {
        "headers": {name: getattr(request, name, None) for name in ("task", "id", "root_id", "parent_id", "origin")}
    }
