"""Posting callbacks: each at least once, beside the deliveries, and none at the cost of another host's."""

import logging
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence

import orjson
import redis

from ledger.callbacks import Callbacks, Delay, Owed
from worker.callback_post import post, signed_headers
from worker.feishu.errors import NoAnswer
from worker.outward import NoWay, Outward, Target

__all__ = ["Poster"]

log = logging.getLogger(__name__)

#: How often is looked whether something is owed, seconds: one command to Redis each time.
LOOK_SECONDS = 1.0
#: After an error (Redis is away), and between two remarks that the secret is missing, seconds.
AFTER_ERROR_SECONDS, NO_SECRET_SECONDS = 2.0, 60.0
#: Posts at a time in one process, and of these to one host: a slow one must leave room for the others.
AT_ONCE, AT_ONCE_TO_HOST = 4, 2
#: Callbacks that are taken at a time. When none of the posts under way ends within so many seconds, those of them that
#: there is no room for are put off for so many ms: other hosts' callbacks may stand behind them.
TAKEN, STUCK_SECONDS, STUCK_MS = 50, 0.2, 1_000
#: Longer than a post (`callback_post`): after this somebody else takes a callback whose poster was lost, ms.
LEASE_MS = 30_000
#: A host that did not answer is left alone for this long, seconds.
REST_SECONDS = 10.0
#: The first and the longest interval between two tries, and after which age the last one was made, ms.
FIRST_WAIT_MS, LONGEST_WAIT_MS, OLDEST_MS = 5_000, 3_600_000, 86_400_000
#: The receiver wants nothing of the kind any more.
_GONE = 410

Post = Callable[[Target, dict[str, str], bytes], int]


class Poster:
    """A thread that looks for what is owed, and a thread for each post. Without a `key` nothing is posted."""

    def __init__(self, callbacks: Callbacks, key: bytes | None, outward: Outward, send: Post = post) -> None:
        self._callbacks = callbacks
        self._key = key
        self._outward = outward
        self._send = send
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="callbacks", daemon=True)
        self._room = threading.Condition()
        self._in_flight: Counter[str] = Counter()
        self._ended = 0
        self._rests_until: dict[str, float] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """A post that is under way is not waited for: it is made again after its lease."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        wait_seconds = 0.0
        while not self._stopping.wait(wait_seconds):
            try:
                wait_seconds = self.look()
            except redis.RedisError as error:
                log.warning("callbacks wait: %s", error)
                wait_seconds = AFTER_ERROR_SECONDS
            except Exception:  # a thread that ends would leave everything owed until somebody notices
                log.exception("posting callbacks broke off, and goes on")
                wait_seconds = AFTER_ERROR_SECONDS

    def look(self) -> float:
        """Begins to post what is due. Returns after how many seconds to look again."""
        if self._key is None:
            self._callbacks.forget()
            if count := self._callbacks.count():
                log.error("%s callbacks wait: set DESKBELL_CALLBACK_SECRET to sign them", count)
            return NO_SECRET_SECONDS
        found = self._callbacks.due(TAKEN, LEASE_MS)
        self._callbacks.put_off(self._begin_all(found))
        return 0.0 if found else LOOK_SECONDS

    # -- one after another

    def _begin_all(self, found: Sequence[Owed]) -> list[Delay]:
        """Begins one after the other as there is room. Returns those that have to wait longer."""
        delays: list[Delay] = []
        while found and not self._stopping.is_set():
            ended = self._ended
            found = [owed for owed in found if not self._is_begun(owed, delays)]
            if found and not self._another_ended(ended):
                break
        return [*delays, *(Delay(owed.name, STUCK_MS) for owed in found)]

    def _another_ended(self, before: int) -> bool:
        with self._room:
            return self._room.wait_for(lambda: self._ended != before, STUCK_SECONDS)

    def _is_begun(self, owed: Owed, delays: list[Delay]) -> bool:
        """Whether nothing more is to be done about it now: its thread runs, or its host rests, which is noted."""
        host = _host(owed)
        with self._room:
            rest_seconds = self._rests_until.get(host, 0.0) - time.monotonic()
            if rest_seconds > 0:
                jittered_seconds = rest_seconds + random.random()  # noqa: S311  jitter is no secret
                delays.append(Delay(owed.name, round(jittered_seconds * 1000)))
                return True
            if self._in_flight.total() >= AT_ONCE or self._in_flight[host] >= AT_ONCE_TO_HOST:
                return False
            # Started within the lock, which its end waits for: where no thread can be had, no room is taken.
            threading.Thread(target=self._post, args=(owed, host), name="callback", daemon=True).start()
            self._in_flight[host] += 1
        return True

    def _post(self, owed: Owed, host: str) -> None:
        try:
            self._conclude(owed, self._outcome(owed, host))
        except redis.RedisError as error:
            log.warning("a callback may be posted twice: %s", error, extra={"id": owed.id})
        finally:
            with self._room:
                self._in_flight[host] -= 1
                self._in_flight += Counter()  # drops hosts at zero
                self._ended += 1
                self._room.notify()

    def _outcome(self, owed: Owed, host: str) -> str | None:
        """Why it is to be posted again; None when that is over. Raises RedisError."""
        try:
            document = self._callbacks.document(owed)
            if document is None:
                log.warning("a callback is dropped: what it tells of has left the record", extra={"id": owed.id})
                return None
            # The counts of an announcement are by state, and orjson takes no other key for a string.
            return self._failure(owed, host, orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS))
        except redis.RedisError:
            raise
        except Exception as error:  # the URL was written by others: the next callback must not suffer from it
            # Where it happened, and not the exception's text: that may repeat the URL.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("a callback broke off: %s\n%s", type(error).__name__, where, extra={"id": owed.id})
            return f"an error here ({type(error).__name__})"

    def _conclude(self, owed: Owed, failure: str | None) -> None:
        wait_ms = _wait_ms(owed.age_ms)
        if failure is None:
            self._callbacks.strike_off(owed.name)
        elif owed.age_ms + wait_ms > OLDEST_MS:
            log.error("a callback is given up after a day: %s", failure, extra={"id": owed.id})
            self._callbacks.strike_off(owed.name)
        else:
            log.warning("a callback is posted again in %s s: %s", wait_ms // 1000, failure, extra={"id": owed.id})
            self._callbacks.put_off([Delay(owed.name, wait_ms)])

    def _failure(self, owed: Owed, host: str, body: bytes) -> str | None:
        """Why it was not taken; None when it was, or when nobody wants it. Of the URL it tells the host alone."""
        key = self._key or b""
        try:
            target = self._outward.target(owed.url)
            status = self._send(target, signed_headers(owed.name, body, key, time.time()), body)
        except NoWay as refused:
            return str(refused)
        except NoAnswer as failed:
            self._let_rest(host)
            return f"{host} did not answer ({failed.how})"
        if status == _GONE:
            log.info("a callback is not wanted: %s says 410", host, extra={"id": owed.id})
        return None if 200 <= status < 300 or status == _GONE else f"{host} answered HTTP {status}"

    def _let_rest(self, host: str) -> None:
        """Drops those who have rested, too: anybody can make up new hosts."""
        now = time.monotonic()
        with self._room:
            self._rests_until = {name: until for name, until in self._rests_until.items() if until > now}
            self._rests_until[host] = now + REST_SECONDS


def _wait_ms(age_ms: int) -> int:
    """As long again as it has been owed, with a fifth of it jitter: intervals that double, without a count of tries."""
    wait_ms = min(max(age_ms, FIRST_WAIT_MS), LONGEST_WAIT_MS)
    return round(wait_ms * random.uniform(0.9, 1.1))  # noqa: S311  jitter is no secret


def _host(owed: Owed) -> str:
    """With its port: two services of one machine may fare differently."""
    return owed.url.split("/", 3)[2].partition("?")[0]
