"""Celery messages that the worker cannot handle: logged, counted, dropped."""

import logging

import redis

from worker.runtime import runtime

__all__ = ["count_dropped"]

log = logging.getLogger(__name__)


def count_dropped(message: str, *arguments: object) -> None:
    """Logs why a message is dropped, and counts it where `doctor` and the metrics find it."""
    log.error("dropped: " + message, *arguments)
    try:
        runtime().redis.incr(runtime().keys.dropped)
    except redis.RedisError as error:
        log.warning("a dropped message could not be counted: %s", error)
