"""One log line when Redis goes away and one when it answers again, for everything that a process logs about it.

Each part of a process meets the outage by itself: threads, requests, redis-py, kombu, and Celery, which tries again
every second. What they log about it says the same, and hides what else happens.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

import redis

from ledger.connection import connect, server_of, translated
from ledger.errors import LedgerUnreachable
from ledger.redis_keys import RedisKeys
from ledger.settings import Settings

__all__ = ["OutageLog"]

log = logging.getLogger(__name__)

#: Between two looks whether Redis answers again, and for its answer, seconds.
LOOK_SECONDS, ANSWER_SECONDS = 0.5, 2.0
#: It is over when Redis answers and nobody has failed for this long, seconds: the consumer tries again every second.
CALM_SECONDS = 3.0
#: When Redis has answered for this long, it is over even if somebody still fails, seconds: longer than anybody waits
#: for an answer, so such a failure is another one, and gets a line of its own.
ANSWERS_SECONDS = 10.0
#: The logger of Celery that tells why a worker ends: that must be read, whatever the reason.
_ENDS = "celery.worker.worker"
#: What kombu logs, without an exception, when a connection of its event loop is silent.
_SILENT = "Redis BRPOP got no reply"


class OutageLog(logging.Filter):
    """A filter for the handlers of a process. It lets everything pass but records about an outage of Redis."""

    def __init__(self, settings: Settings, look: Callable[[], object], *, sleep: Callable[[float], None]) -> None:
        """`look` asks Redis something, and raises redis-py's errors."""
        super().__init__()
        self._settings, self._look, self._sleep = settings, look, sleep
        self._turn = threading.Lock()
        self._since: float | None = None  #: by the monotonic clock, while there is an outage
        self._failed_at = 0.0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """With a connection of its own. Sends nothing before Redis is away."""
        client = connect(settings, answer_seconds=ANSWER_SECONDS, repeat_seconds=0)
        key = RedisKeys(settings.prefix).schema  # a node of a cluster may answer PING, but not for our slot
        return cls(settings, lambda: client.exists(key), sleep=time.sleep)

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno <= logging.DEBUG or record.name == _ENDS:
            return True
        error = next(filter(None, map(self._unreachable, _errors(record))), None)
        if error is None:
            return True
        self._note(error)
        return False

    def _unreachable(self, error: BaseException) -> LedgerUnreachable | None:
        """The error as one of the ledger, if it says that Redis is not reached."""
        server = server_of(error)
        if server is not None and str(server.redis) != str(self._settings.redis):
            return None  # of another server, which has a filter of its own
        found = error if isinstance(error, LedgerUnreachable) else translated(error, self._settings)
        return found if isinstance(found, LedgerUnreachable) else None

    def _note(self, error: LedgerUnreachable) -> None:
        with self._turn:
            self._failed_at = time.monotonic()
            if self._since is not None:
                return
            self._since = self._failed_at
        log.error("%s. Until it answers, nothing more is logged about it", str(error))
        threading.Thread(target=self._watch, name="outage", daemon=True).start()

    def _watch(self) -> None:
        """Until it is over."""
        answers_since = None
        while True:
            answers_since = (answers_since or time.monotonic()) if self._answers() else None
            if answers_since is not None and self._ended(answers_since):
                return
            self._sleep(LOOK_SECONDS)

    def _answers(self) -> bool:
        try:
            self._look()
        except Exception as error:  # every other error is an answer
            return self._unreachable(error) is None
        return True

    def _ended(self, answers_since: float) -> bool:
        now = time.monotonic()
        with self._turn:
            is_calm = now - max(self._failed_at, answers_since) >= CALM_SECONDS
            if self._since is None or not (is_calm or now - answers_since >= ANSWERS_SECONDS):
                return False
            lasted, self._since = answers_since - self._since, None
        log.warning("Redis at %s answers again, after %.0f s", self._settings.redis, lasted)
        return True


def _errors(record: logging.LogRecord) -> Iterator[BaseException]:
    """What a record is about: its exception, else those among its arguments."""
    if record.name.startswith("kombu.") and str(record.msg).startswith(_SILENT):
        yield redis.TimeoutError("no answer in time")
        return
    given = (record.exc_info[1],) if record.exc_info else record.args
    for error in given if isinstance(given, tuple) else ():
        if isinstance(error, BaseException):
            is_of_kombu = type(error).__module__.startswith("kombu.")
            yield error.__cause__ if is_of_kombu and error.__cause__ else error
