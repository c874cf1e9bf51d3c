"""Posting callbacks: each at least once, beside the deliveries, and none at the cost of another key's or desk's.

Whoever asks for callbacks writes the URLs, and so decides how long a post takes. So posts have a share for each key at
each desk (`worker.callback_room`), what was never posted goes before what is posted again (`ledger.callbacks`), and a
look-up of a name has a limit of its own (`http_client.resolver`).
"""

import logging
import random
import threading
import time
import traceback
from collections.abc import Callable, Sequence

import orjson
import redis

from http_client.egress import Egress, EgressRefused, Target
from http_client.errors import NoAnswer
from ledger.callbacks import Callbacks, Delay, Owed
from worker.callback_post import post, signed_headers
from worker.callback_room import Room

__all__ = ["Poster"]

log = logging.getLogger(__name__)

#: How often is looked whether something is owed, seconds: one command to Redis each time.
LOOK_SECONDS = 1.0
#: After an error (Redis is away), and between two remarks (the secret is missing, some were dropped), seconds.
AFTER_ERROR_SECONDS, REMARK_SECONDS = 2.0, 60.0
#: When none of the posts under way ends within so many seconds, those taken that there is no room for are given back;
#: of them, those whose host or address has its posts already are put off for so many ms: others may stand behind them.
STUCK_SECONDS, STUCK_MS = 0.2, 1_000
#: Longer than a post (`callback_post`): after this somebody else takes a callback whose poster was lost, ms.
LEASE_MS = 30_000
#: The first and the longest interval between two tries, and after which age the last one was made, ms.
FIRST_WAIT_MS, LONGEST_WAIT_MS, OLDEST_MS = 5_000, 3_600_000, 86_400_000
#: The receiver wants nothing of the kind any more.
_GONE = 410

Post = Callable[[Target, dict[str, str], bytes], int]


class Poster:
    """A thread that looks for what is owed, and a thread for each post. Without a `key` nothing is posted."""

    def __init__(self, callbacks: Callbacks, key: bytes | None, outward: Egress, send: Post = post) -> None:
        self._callbacks = callbacks
        self._key = key
        self._outward = outward
        self._send = send
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="callbacks", daemon=True)
        self._room = Room()
        self._dropped = 0
        self._remarks_at = 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """A post that is under way is not waited for: it is made again after its lease."""
        self._stopping.set()
        self._room.wake()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            ended = self._room.ended
            try:
                wait_seconds = self.look()
            except redis.RedisError as error:
                log.warning("callbacks wait: %s", error)
                wait_seconds = AFTER_ERROR_SECONDS
            except Exception:  # a thread that ends would leave everything owed until somebody notices
                log.exception("posting callbacks broke off, and goes on")
                wait_seconds = AFTER_ERROR_SECONDS
            self._room.wait(ended, wait_seconds)

    def look(self) -> float:
        """Begins to post what is due. Returns after how many seconds to look again, if no post ends before."""
        if self._key is None:
            self._callbacks.forget()
        self._remark()
        if self._key is None:
            return REMARK_SECONDS
        full = self._room.full_owners(self._room.owners())
        found = self._callbacks.due(free, LEASE_MS, full) if (free := self._room.free) else []
        self._callbacks.put_off(self._begin_all(found))
        return 0.0 if found else LOOK_SECONDS

    def _remark(self) -> None:
        if time.monotonic() < self._remarks_at:
            return
        self._remarks_at = time.monotonic() + REMARK_SECONDS
        if self._key is None and (count := self._callbacks.count()):
            log.error("%s callbacks wait: set DESKBELL_CALLBACK_SECRET to sign them", count)
        before, self._dropped = self._dropped, self._callbacks.dropped()
        if self._dropped > before:
            log.error("callbacks were dropped, %s in all: too many were owed to one key at one desk", self._dropped)

    # -- one after another

    def _begin_all(self, found: Sequence[Owed]) -> list[Delay]:
        """Begins one after the other as there is room. Returns those that have to wait longer."""
        delays: list[Delay] = []
        while found and not self._stopping.is_set():
            ended = self._room.ended
            found = [owed for owed in found if not self._is_begun(owed, delays)]
            if found and not self._room.wait(ended, STUCK_SECONDS):
                break
        return [*delays, *(Delay(owed, STUCK_MS if self._room.is_full_at_host(owed) else None) for owed in found)]

    def _is_begun(self, owed: Owed, delays: list[Delay]) -> bool:
        """Whether nothing more is to be done about it now: its thread runs, or its host rests, which is noted."""
        if rest_seconds := self._room.rest_seconds(owed):
            jittered_seconds = rest_seconds + random.random()  # noqa: S311  jitter is no secret
            delays.append(Delay(owed, round(jittered_seconds * 1000)))
            return True
        if not self._room.enter(owed):
            return False
        try:
            threading.Thread(target=self._post, args=(owed,), name="callback", daemon=True).start()
        except RuntimeError:  # no thread can be had: it is taken again after its lease
            self._room.leave(owed)
            raise
        return True

    def _post(self, owed: Owed) -> None:
        try:
            self._conclude(owed, self._outcome(owed))
        except _NoRoom:
            self._callbacks.put_off([Delay(owed, STUCK_MS)])
        except redis.RedisError as error:
            log.warning("a callback may be posted twice: %s", error, extra={"id": owed.id})
        finally:
            self._room.leave(owed)

    def _outcome(self, owed: Owed) -> str | None:
        """Why it is to be posted again; None when that is over. Raises RedisError, _NoRoom."""
        try:
            document = self._callbacks.document(owed)
            if document is None:
                log.warning("a callback is dropped: what it tells of has left the record", extra={"id": owed.id})
                return None
            # The counts of an announcement are by state, and orjson takes no other key for a string.
            return self._failure(owed, orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS))
        except (redis.RedisError, _NoRoom):
            raise
        except Exception as error:  # the URL was written by others: the next callback must not suffer from it
            # Where it happened, and not the exception's text: that may repeat the URL.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("a callback broke off: %s\n%s", type(error).__name__, where, extra={"id": owed.id})
            return f"an error here ({type(error).__name__})"

    def _conclude(self, owed: Owed, failure: str | None) -> None:
        wait_ms = _wait_ms(owed.age_ms)
        if failure is None:
            self._callbacks.strike_off(owed)
        elif owed.age_ms + wait_ms > OLDEST_MS:
            log.error("a callback is given up after a day: %s", failure, extra={"id": owed.id})
            self._callbacks.strike_off(owed)
        else:
            log.warning("a callback is posted again in %s s: %s", wait_ms // 1000, failure, extra={"id": owed.id})
            self._callbacks.put_off([Delay(owed, wait_ms)])

    def _failure(self, owed: Owed, body: bytes) -> str | None:
        """Why it was not taken; None when it was, or when nobody wants it. Of the URL it tells the host alone."""
        key = self._key or b""
        try:
            target = self._outward.target(owed.url)
            with self._room.at(owed, target.address) as has_room:
                if not has_room:
                    raise _NoRoom
                status = self._send(target, signed_headers(owed.name, body, key, time.time()), body)
        except EgressRefused as refused:
            if refused.came_late:
                self._room.rest(owed)
            return str(refused)
        except NoAnswer as failed:
            self._room.rest(owed)
            return f"{owed.host} did not answer ({failed.how})"
        if status == _GONE:
            log.info("a callback is not wanted: %s says 410", owed.host, extra={"id": owed.id})
        return None if 200 <= status < 300 or status == _GONE else f"{owed.host} answered HTTP {status}"


class _NoRoom(Exception):
    """Its address has as many posts of the same owner already as it may."""


def _wait_ms(age_ms: int) -> int:
    """As long again as it has been owed, with a fifth of it jitter: intervals that double, without a count of tries."""
    wait_ms = min(max(age_ms, FIRST_WAIT_MS), LONGEST_WAIT_MS)
    return round(wait_ms * random.uniform(0.9, 1.1))  # noqa: S311  jitter is no secret
