"""The deadline of one exchange, and which exchange a thread is in."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Connection", "Deadline", "current", "under"]


class Deadline:
    """Until when one exchange may take, and how far it has come. Times are those of `clock`, in seconds."""

    def __init__(
        self, connect_seconds: float, answer_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._answer_seconds = answer_seconds
        self._until = clock() + connect_seconds
        self.whole_request_left = False

    def start_request(self) -> None:
        """From here on the time to answer runs. Raises TimeoutError if connecting took too long: DNS knows no limit."""
        self.seconds_left()
        self._until = self._clock() + self._answer_seconds

    def seconds_left(self) -> float:
        """More than 0. Raises TimeoutError when nothing is left."""
        left = self._until - self._clock()
        if left <= 0:
            raise TimeoutError("the deadline of the exchange has passed")
        return left


class Connection(Protocol):
    """What carries an exchange."""

    def close(self) -> None: ...

    def end_request(self) -> None: ...


class _Current(threading.local):
    """The exchange that this thread is in. urllib3's pools leave no other way to hand a connection its deadline."""

    deadline: Deadline
    connection: Connection | None = None  #: the last one that a request was written to


current = _Current()


@contextmanager
def under(deadline: Deadline) -> Iterator[None]:
    """This thread's exchange has that deadline."""
    current.deadline, current.connection = deadline, None
    try:
        yield
    finally:
        del current.deadline
        current.connection = None
