"""Waiting for an fsync without waiting for the server's next tick.

Valkey and Redis fsync in a thread of their own, and tell those who wait for it (WAITAOF) when their main thread turns
its loop the next time: when any client says something, or at the next tick of `hz`, which by default is every 100 ms.
So whoever waits keeps the loop turning by a PING on another connection.
"""

from contextlib import suppress
from typing import Any

import redis
from redis.client import Pipeline

__all__ = ["PipelineUntilFsynced"]

#: Between two nudges. An fsync takes from 0.2 ms to some ms, and a PING costs the server about 10 µs.
NUDGE_SECONDS = 0.002
_WAITS = frozenset({"WAITAOF", "WAIT"})


class PipelineUntilFsynced(Pipeline):
    """A pipeline, no transaction, whose WAITAOF and WAIT end when what they wait for has happened."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, False, None)
        self._client = client

    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        if command_name in _WAITS:
            while not connection.can_read(NUDGE_SECONDS):
                self._nudge()
        return super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]

    def _nudge(self) -> None:
        # A server whose disk is full refuses even a PING, and its loop has turned all the same. Raised from here the
        # refusal would count as the answer, and the answer itself would be left for whoever uses the connection next.
        with suppress(redis.ResponseError):
            self._client.ping()
