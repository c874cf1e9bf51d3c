"""Posts callbacks: each at least once, beside the deliveries, and none at the expense of another key or desk.

The caller that asks for callbacks chooses the URLs, and so decides how long a post takes. So each key has a share at
each desk (`worker.callback_room`), first posts go before repeated ones (`ledger.callbacks`), and the look-up of a name
has its own limit (`http_client.egress`).
"""

import base64
import hashlib
import hmac
import logging
import random
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import closing

import orjson
import redis
from requests import Request

from http_client.connection import Deadline
from http_client.egress import Egress, EgressRefused, Target
from http_client.errors import NoAnswer
from http_client.transport import Transport
from ledger.callbacks import Callbacks, Delay, Owed
from worker.callback_room import Room

__all__ = ["Poster", "post", "signed_headers"]

log = logging.getLogger(__name__)

#: To connect, and to answer, seconds.
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0
#: No more of an answer is read: only its status counts.
_ANSWER_BYTES = 64 * 1024


def post(target: Target, headers: dict[str, str], body: bytes) -> int:
    """Makes one POST to that very address, and returns the HTTP status. A redirect is not followed. Raises NoAnswer."""
    request = Request("POST", target.url, data=body, headers={**headers, "Host": target.host_header})
    with closing(Transport(target.url, server_name=target.host)) as transport:
        deadline = Deadline(CONNECT_SECONDS, ANSWER_SECONDS)
        return transport.send(transport.prepare(request), deadline, max_bytes=_ANSWER_BYTES, truncate=True).http_status


def signed_headers(name: str, body: bytes, key: bytes, now_seconds: float) -> dict[str, str]:
    """The headers of Standard Webhooks: https://www.standardwebhooks.com/ has the scheme."""
    timestamp = str(int(now_seconds))
    digest = hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "webhook-id": name,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


#: How often to look for callbacks that are owed, seconds: one command to Redis each time.
LOOK_SECONDS = 1.0
#: After an error (Redis is away), and between two log lines (the secret is missing, some were dropped), seconds.
AFTER_ERROR_SECONDS, WARNING_SECONDS = 2.0, 60.0
#: When none of the posts under way ends within this, seconds, the callbacks without room are given back; of these, the
#: ones whose host or address is full are put off for this long, ms, since others may wait behind them.
STUCK_SECONDS, STUCK_MS = 0.2, 1_000
#: Longer than a post: after this another worker takes a callback whose poster was lost, ms.
LEASE_MS = 30_000
#: The first and the longest interval between two tries, and the age after which no more are made, ms.
FIRST_WAIT_MS, LONGEST_WAIT_MS, OLDEST_MS = 5_000, 3_600_000, 86_400_000
#: 410 Gone: the receiver wants no more callbacks.
_GONE = 410

Post = Callable[[Target, dict[str, str], bytes], int]


class Poster:
    """A thread that looks for callbacks that are owed, and one for each post. Without a `key` nothing is posted."""

    def __init__(self, callbacks: Callbacks, key: bytes | None, egress: Egress, send: Post = post) -> None:
        self._callbacks = callbacks
        self._key = key
        self._egress = egress
        self._send = send
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="callbacks", daemon=True)
        self._room = Room()
        self._dropped = 0
        self._warn_at = 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Does not wait for posts under way: they are made again after their leases."""
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
                log.exception("posting callbacks failed, and goes on")
                wait_seconds = AFTER_ERROR_SECONDS
            self._room.wait(ended, wait_seconds)

    def look(self) -> float:
        """Starts the posts that are due. Returns after how many seconds to look again, if no post ends before."""
        if self._key is None:
            self._callbacks.forget()
        self._warn()
        if self._key is None:
            return WARNING_SECONDS
        full = self._room.full_owners(self._room.owners())
        due = self._callbacks.due(free, LEASE_MS, full) if (free := self._room.free) else []
        self._callbacks.put_off(self._start_all(due))
        return 0.0 if due else LOOK_SECONDS

    def _warn(self) -> None:
        if time.monotonic() < self._warn_at:
            return
        self._warn_at = time.monotonic() + WARNING_SECONDS
        before = self._dropped
        owed, self._dropped = self._callbacks.counts()
        if self._key is None and owed:
            log.error("%s callbacks wait: set DESKBELL_CALLBACK_SECRET to sign them", owed)
        if self._dropped > before:
            log.error("callbacks were dropped, %s in all: too many were owed to one key at one desk", self._dropped)

    # -- one after another

    def _start_all(self, due: Sequence[Owed]) -> list[Delay]:
        """Starts one after the other as there is room. Returns the ones that have to wait longer."""
        delays: list[Delay] = []
        while due and not self._stopping.is_set():
            ended = self._room.ended
            due = [owed for owed in due if not self._is_started(owed, delays)]
            if due and not self._room.wait(ended, STUCK_SECONDS):
                break
        return [*delays, *(Delay(owed, STUCK_MS if self._room.is_full_at_host(owed) else None) for owed in due)]

    def _is_started(self, owed: Owed, delays: list[Delay]) -> bool:
        """Whether nothing is left to do now: its thread runs, or its host rests, which adds a delay."""
        if rest_seconds := self._room.rest_seconds(owed):
            jittered_seconds = rest_seconds + random.random()  # noqa: S311  jitter is no secret
            delays.append(Delay(owed, round(jittered_seconds * 1000)))
            return True
        if not self._room.enter(owed):
            return False
        try:
            threading.Thread(target=self._post, args=(owed,), name="callback", daemon=True).start()
        except RuntimeError:  # no thread is available: it is taken again after its lease
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
        """Why to post it again; None when it is done. Raises RedisError, _NoRoom."""
        try:
            document = self._callbacks.document(owed)
            if document is None:
                log.warning(
                    "a callback is dropped: its notification or announcement is no longer on record",
                    extra={"id": owed.id},
                )
                return None
            # The counts of an announcement are by state, and orjson takes no other key for a string.
            return self._failure(owed, orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS))
        except (redis.RedisError, _NoRoom):
            raise
        except Exception as error:  # the URL comes from a caller: one callback must not harm the next
            # Where it happened, and not the exception's text: that may repeat the URL.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("a callback failed: %s\n%s", type(error).__name__, where, extra={"id": owed.id})
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
        """Why it was not accepted; None when it was, or when it is not wanted. Names only the host of the URL."""
        key = self._key or b""
        try:
            target = self._egress.target(owed.url)
            with self._room.at(owed, target.address) as has_room:
                if not has_room:
                    raise _NoRoom
                status = self._send(target, signed_headers(owed.name, body, key, time.time()), body)
        except EgressRefused as refused:
            if refused.came_late:
                self._room.rest(owed)
            return str(refused)
        except NoAnswer as failure:
            self._room.rest(owed)
            return f"{owed.host} did not answer ({failure.how})"
        if status == _GONE:
            log.info("a callback is not wanted: %s answered 410", owed.host, extra={"id": owed.id})
        return None if 200 <= status < 300 or status == _GONE else f"{owed.host} answered HTTP {status}"


class _NoRoom(Exception):
    """Its address has as many posts of the same owner as allowed."""


def _wait_ms(age_ms: int) -> int:
    """As long again as it has been owed, give or take a tenth: intervals double without a count of tries."""
    wait_ms = min(max(age_ms, FIRST_WAIT_MS), LONGEST_WAIT_MS)
    return round(wait_ms * random.uniform(0.9, 1.1))  # noqa: S311  jitter is no secret
