"""The log of received calls, bounded in number, and counts from it."""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson

from sandbox.answers import Refusal

__all__ = ["Call", "CallLog"]

#: What is told of a delivered message, and of any call, as it stands.
_OF_A_MESSAGE = ("seq", "at", "message_id", "receiver_id", "receive_type", "app_id")
_RECORDED = (*_OF_A_MESSAGE, *("method", "path", "raw_bytes", "http_status", "code", "delivered", "fault", "answered"))


@dataclass(slots=True, eq=False)
class Call:
    """One call. Times are unix seconds; `body` is kept only if it may be JSON.

    `delivered` turns true when the message is sent, even if the caller never learns it. A call ends when its answer was
    written, its connection was cut, or the caller left; it may be delivered after that.
    """

    seq: int
    at: float
    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    kind: str
    app_id: str | None = None
    refusal: Refusal | None = None
    body: bytes = b""
    raw_bytes: int = 0
    receiver_id: str | None = None
    receive_type: str | None = None
    fault: str | None = None
    http_status: int | None = None
    code: int | None = None
    delivered: bool = False
    message_id: str | None = None
    answered: bool = False
    started_at: float | None = None
    ended_at: float | None = None
    #: The parsed body, while the call is being worked on.
    document: Any = None

    def header(self, name: str) -> str:
        """The value of the first header with this lower-case name, or empty."""
        for known, value in self.headers:
            if known == name:
                return value
        return ""

    def as_record(self) -> dict[str, Any]:
        """For `GET /sandbox/calls`. `query` maps names to lists; `raw_bytes` is the size of the body."""
        return {
            **{name: getattr(self, name) for name in _RECORDED},
            "query": parse_qs(self.query, keep_blank_values=True),
            "headers": dict(self.headers),
            "body": self.parsed_body(),
            "started_ms": _ms(self.started_at),
            "ended_ms": _ms(self.ended_at),
        }

    def as_message(self) -> dict[str, Any]:
        """A delivered call, for `GET /sandbox/messages`."""
        body = self.parsed_body()
        fields = {name: getattr(self, name) for name in _OF_A_MESSAGE}
        return {**fields, "msg_type": body["msg_type"], "content": body["content"]}

    def parsed_body(self) -> Any:
        """The body as JSON, or None."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


class CallLog:
    """The latest `keep` calls, and counts over all since the last `clear`."""

    def __init__(self, keep: int, clock: Callable[[], float]) -> None:
        self._keep = keep
        self._clock = clock
        self._calls: deque[Call] = deque()
        self._last_seq = 0
        self._in_flight: Counter[str] = Counter()
        self._in_flight_now = 0
        self._most_in_flight = 0
        self._reset_counts()

    def add(self, call: Call) -> None:
        """Logs and numbers the call, and drops the oldest when there are too many."""
        self._last_seq += 1
        call.seq = self._last_seq
        self._calls.append(call)
        if len(self._calls) > self._keep:
            self._calls.popleft()
            self.dropped += 1

    def start(self, call: Call) -> None:
        """The call is complete: it is in flight from now on."""
        call.started_at = self._clock()
        self._in_flight_now += 1
        self._most_in_flight = max(self._most_in_flight, self._in_flight_now)
        if call.receiver_id is not None:
            self._take_off(call.receiver_id)

    def end(self, call: Call, *, answered: bool) -> None:
        """The caller has its answer, or never will. A second end of the same call changes nothing."""
        if call.ended_at is not None:
            return
        call.ended_at, call.answered = self._clock(), answered
        self.counts[call.kind, call.code] += 1
        if call.started_at is not None:
            self._in_flight_now -= 1
            if call.receiver_id is not None:
                self._land(call.receiver_id)

    def since(self, seq: int, limit: int | None) -> list[Call]:
        """The kept calls above `seq`, at most the first `limit` of them."""
        skip = max(0, seq - (self._last_seq - len(self._calls)))
        later = list(self._calls)[skip:]
        return later if limit is None else later[:limit]

    def delivered(self) -> Iterator[Call]:
        return (call for call in self._calls if call.delivered)

    def clear(self) -> None:
        """Forgets calls and counts; numbering continues, and calls in flight stay in flight."""
        self._calls.clear()
        self._reset_counts()

    def stats(self) -> dict[str, Any]:
        by_path: dict[str, dict[str, int]] = {}
        for (kind, code), count in self.counts.items():
            by_path.setdefault(kind, {})["none" if code is None else str(code)] = count
        return {
            "calls": by_path,
            "delivered": self.delivered_count,
            "kept": len(self._calls),
            "dropped": self.dropped,
            "in_flight": self._in_flight_now,
            "max_in_flight": self._most_in_flight,
            "max_in_flight_per_receiver": self._most_of_one,
            "several_in_flight": dict(self._several),
            "malformed": self.malformed,
        }

    def _reset_counts(self) -> None:
        self.dropped = 0
        self.counts: Counter[tuple[str, int | None]] = Counter()
        self.delivered_count = 0
        self.malformed = 0
        self._most_in_flight = self._in_flight_now
        self._most_of_one = max(self._in_flight.values(), default=0)
        #: Only receivers that had several calls in flight: where that is forbidden they are few, so memory is safe.
        self._several = {receiver_id: count for receiver_id, count in self._in_flight.items() if count > 1}

    def _take_off(self, receiver_id: str) -> None:
        self._in_flight[receiver_id] += 1
        count = self._in_flight[receiver_id]
        self._most_of_one = max(self._most_of_one, count)
        if count > max(1, self._several.get(receiver_id, 0)):
            self._several[receiver_id] = count

    def _land(self, receiver_id: str) -> None:
        self._in_flight[receiver_id] -= 1
        if not self._in_flight[receiver_id]:
            del self._in_flight[receiver_id]


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
