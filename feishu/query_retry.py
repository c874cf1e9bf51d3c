"""Asks Feishu again while that may help. A question may be repeated; sends have their own retry (`worker.delivery`)."""

import math
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from feishu.codes import Kind
from feishu.verdict import AskFailed

__all__ = ["QueryRetry"]

#: A person waits for the answer: minutes of retries are for messages.
TRIES = 5
#: The first wait lies between zero and this, the later ones double it, seconds.
WAIT_SECONDS = (0.5, 8.0)
#: Feishu says how long to wait when it throttles, within windows of a minute; longer waits are cut to this, seconds.
THROTTLED_AT_MOST_SECONDS = 60.0

_P = ParamSpec("_P")
_T = TypeVar("_T")


class QueryRetry:
    """Repeats a question that met a transient fault or a throttle."""

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        *,
        within_seconds: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """All its questions together are repeated `within_seconds` from now; beyond that each is asked once."""
        self._clock = clock
        self._ends_at = clock() + within_seconds
        self._retrying = Retrying(
            retry=retry_if_exception(_is_transient_answer),
            stop=self._stops,
            wait=_wait_seconds,
            sleep=sleep,
            reraise=True,
        )

    def __call__(self, question: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Raises AskFailed: the last one, if none brought an answer."""
        return self._retrying(question, *args, **kwargs)

    @property
    def is_over(self) -> bool:
        """Whether its time is up."""
        return self._clock() > self._ends_at

    def _stops(self, state: RetryCallState) -> bool:
        return state.attempt_number >= TRIES or self._clock() + state.upcoming_sleep > self._ends_at


def _is_transient_answer(error: BaseException) -> bool:
    return isinstance(error, AskFailed) and error.verdict.kind in (Kind.TRANSIENT, Kind.THROTTLED)


def _wait_seconds(state: RetryCallState) -> float:
    first, longest = WAIT_SECONDS
    jittered = wait_random_exponential(multiplier=first, max=longest)(state)
    error = state.outcome.exception() if state.outcome else None
    wait_seconds = error.verdict.retry_after_seconds if isinstance(error, AskFailed) else None
    # The jitter comes on top: several who were throttled together must not come back together.
    return min(wait_seconds or 0.0, THROTTLED_AT_MOST_SECONDS) + jittered
