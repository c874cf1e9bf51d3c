"""Retries of calls to the HTTP API, built from tenacity's parts."""

import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from ledger.errors import DeskbellError

__all__ = ["Limits", "TryAgain", "repeated"]

T = TypeVar("T")

#: The patience where nobody takes the connection, so that a wrong address, or a server that is down, is told within a
#: second.
_REFUSED_SECONDS = 0.5
#: Between two tries, unless the server says how long: the longest first wait, and the longest of all, seconds.
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 10.0
#: What is left for a try that begins at the very end, seconds; requests takes no 0.
_LEAST_SECONDS = 0.01


class Limits(NamedTuple):
    """Seconds that a call may take; together no longer than the larger of the two."""

    #: For one answer. Longer than the server waits for Redis, so that it is the server who says what is wrong.
    answer: float = 30.0
    #: In which the call is repeated. A restart of the server or of Redis takes seconds.
    patience: float = 60.0


class TryAgain(Exception):
    """A try failed. `error` is what is raised if it was the last; `after_seconds` is the server's wish."""

    def __init__(self, error: DeskbellError, after_seconds: float = 0.0, *, was_refused: bool = False) -> None:
        super().__init__(str(error))
        self.error, self.after_seconds, self.was_refused = error, after_seconds, was_refused


def repeated(attempt: Callable[[float], T], limits: Limits, sleep: Callable[[float], None]) -> T:
    """Calls `attempt`, with the seconds that it has for its answer, until it raises no TryAgain or the time is over."""
    ends_at = time.monotonic() + max(limits)
    retrying = Retrying(
        retry=retry_if_exception_type(TryAgain),
        wait=_wait_seconds,
        stop=_OutOfPatience(limits.patience),
        sleep=sleep,
        reraise=True,
    )
    try:
        return retrying(lambda: attempt(max(_LEAST_SECONDS, min(limits.answer, ends_at - time.monotonic()))))
    except TryAgain as last:
        error, cause = last.error, last.__cause__
    raise error from cause


class _OutOfPatience:
    """When no try follows. A server that took a connection in this call may be restarting: it gets all the time."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._was_heard = seconds, False

    def __call__(self, state: RetryCallState) -> bool:
        self._was_heard |= not _failure_of(state).was_refused
        seconds = self._seconds if self._was_heard else min(self._seconds, _REFUSED_SECONDS)
        return (state.seconds_since_start or 0.0) + state.upcoming_sleep >= seconds


_jittered = wait_random_exponential(multiplier=_FIRST_WAIT_SECONDS, max=_LONGEST_WAIT_SECONDS)


def _wait_seconds(state: RetryCallState) -> float:
    return max(_failure_of(state).after_seconds, _jittered(state))


def _failure_of(state: RetryCallState) -> TryAgain:
    failure = state.outcome.exception() if state.outcome else None
    if not isinstance(failure, TryAgain):
        raise TypeError("only a TryAgain is repeated")
    return failure
