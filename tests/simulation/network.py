"""The way to Redis: redis-py's client and its retries over connections whose trips take simulated time and get lost."""

import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

import hiredis
import redis
from greenlet import getcurrent
from redis.exceptions import ResponseError

from ledger.connection import ANSWER_SECONDS
from ledger.redis_when_full import RedisWhenFull
from ledger.store import _sha
from tests.simulation.clock import START_SECONDS
from tests.simulation.server import Server
from tests.simulation.story import Story
from tests.simulation.timeline import Process, Timeline, Waiter

__all__ = ["OPERATOR", "Network", "SimulatedConnection", "SimulatedRedis"]

#: Fates of a trip, and where it breaks off: before the server has seen it, or after.
FATES = ("cut before", "cut after", "request lost", "answer lost")
#: The name of the processes of people.
OPERATOR = "operator"
#: Connections that a refused client finds are refused after this, seconds.
_REFUSED_SECONDS = 0.0005
#: A pacer that waits for a wake-up is woken early with this chance: a wake-up is a hint, and may be anybody's.
_EARLY_WAKE = 0.15


class Network:
    """Between all processes and one server. `one_way_seconds` is the distance; trouble is what `chances` says."""

    def __init__(
        self, timeline: Timeline, server: Server, rng: random.Random, story: Story, one_way_seconds: float
    ) -> None:
        self.timeline, self.server, self.rng, self.story = timeline, server, rng, story
        self.one_way_seconds = one_way_seconds
        self.chance_of_fate = self.chance_of_stall = 0.0
        self.longest_stall_seconds = 0.0
        self.is_down = False
        self.idle_pacers = 0  #: those that wait for something to do
        self.cut_off: set[str] = set()  #: names of processes that cannot reach the server
        self.set_by_seconds = 0.0  #: of the server's clock
        self.trips: Counter[str] = Counter()  #: by process
        self.fuses: dict[str, tuple[int, Callable[[], None]]] = {}  #: by process: after so many moments of trips
        self.throttles: list[tuple[float, float]] = []  #: when all were told to hold back, and until when
        self.resolved: list[tuple[float, str]] = []  #: when Redis was told who is behind addresses, and what
        self.on_push: Callable[[], None] = lambda: None
        self._monotonic_offset = server.monotonic - timeline.now

    @property
    def redis_now(self) -> float:
        return START_SECONDS + self.timeline.now + self.set_by_seconds

    def set_clock(self, by_seconds: float) -> None:
        self.set_by_seconds += by_seconds
        self._monotonic_offset += 0.01  # so that the server looks at its clock before the next command
        self.story.note("redis", "clock set by", by_seconds)

    def set_server_clock(self) -> None:
        now = self.timeline.now
        self.server.stand_at(START_SECONDS + now + self.set_by_seconds, now + self._monotonic_offset)

    def ask(self, *words: str | bytes | int) -> Any:
        """As an observer, who takes no time."""
        self.set_server_clock()
        return self.server.ask(*words)

    def ask_all(self, *commands: Sequence[str | bytes | int]) -> list[Any]:
        self.set_server_clock()
        return self.server.execute(b"".join(map(hiredis.pack_command, map(tuple, commands))), len(commands))

    def is_unreachable(self, process: Process) -> bool:
        return self.is_down or process.name in self.cut_off

    def way_seconds(self) -> float:
        """Of one message in one direction."""
        seconds = self.one_way_seconds * self.rng.uniform(1, 1.1) + self.rng.uniform(0.00005, 0.0004)
        if self.chance_of_stall and self.rng.random() < self.chance_of_stall:
            seconds += self.rng.uniform(0.02, self.longest_stall_seconds)
        return seconds

    def fate(self) -> str:
        if self.chance_of_fate and self.rng.random() < self.chance_of_fate:
            return self.rng.choice(FATES)
        return ""

    def burn(self, name: str) -> None:
        """A moment in a trip of this process: it may be its last."""
        if name in self.fuses:
            left, blow = self.fuses[name]
            self.fuses[name] = (left - 1, blow)
            if left <= 0:
                del self.fuses[name]
                self.timeline.after(0, blow)

    def trip(self, packed: bytes, what: Sequence[Sequence[Any]], answer_seconds: float, channel: int) -> list[Any]:
        """There and back. Raises redis-py's ConnectionError and TimeoutError."""
        process: Process = getcurrent().process  # type: ignore[attr-defined]
        self.burn(process.name)
        self.trips[process.name] += 1
        waiter = Waiter()
        trip = _Trip(self, process, waiter, packed, what, self.fate(), channel)
        if trip.fate == "cut before" or self.is_unreachable(process):
            self.timeline.after(_REFUSED_SECONDS, waiter.wake, redis.ConnectionError("cut before"))
        else:
            self.timeline.after(answer_seconds, waiter.wake, redis.TimeoutError("no answer"))
            if trip.fate != "request lost":
                self.timeline.after(self.way_seconds(), trip.arrive)
        try:
            replies: list[Any] = waiter.wait()
        except Exception as error:
            self.story.note(process.name, *_told(what), str(error), trip.fate)
            raise
        self.story.note(process.name, *_told(what), *replies)
        return replies


class _Trip:
    """A request that has left: it is executed also when its sender is dead by then, or has given up."""

    def __init__(
        self, network: Network, process: Process, waiter: Waiter, packed: bytes, what: Sequence[Sequence[Any]],
        fate: str, channel: int,
    ) -> None:  # fmt: skip
        self.fate = fate
        self._network, self._process, self._waiter = network, process, waiter
        self._packed, self._what, self._channel = packed, what, channel

    def arrive(self) -> None:
        network = self._network
        if self._waiter.is_over and self._process.name == OPERATOR:
            return  # a person's pause that comes after their resume would be nobody's fault
        if network.is_unreachable(self._process):
            network.timeline.after(network.way_seconds(), self._waiter.wake, redis.ConnectionError("cut on its way"))
            return
        network.set_server_clock()
        replies = network.server.execute(self._packed, len(self._what), self._channel)
        self._notice()
        network.burn(self._process.name)
        if self.fate == "cut after":
            network.timeline.after(network.way_seconds(), self._waiter.wake, redis.ConnectionError("cut after"))
        elif self.fate != "answer lost":
            network.timeline.after(network.way_seconds(), self._waiter.wake, replies)

    def _notice(self) -> None:
        """What concerns others, too."""
        network, words = self._network, self._what[0]
        if words[0] == "LPUSH":
            network.on_push()
        if words[:2] == ("EVALSHA", _sha("answer")):
            network.resolved.append((network.timeline.now, " ".join(map(str, words))))
        if words[:2] == ("EVALSHA", _sha("hold")) and words[5] == "throttled":
            now = network.timeline.now
            network.throttles.append((now, now + float(words[6]) / 1000))


def _told(what: Sequence[Sequence[Any]]) -> list[Any]:
    """The commands; of a pipeline each one's words, too."""
    return [word for words in what for word in words]


class _Packed(list[bytes]):
    """What redis-py sends, and what it is."""

    what: Sequence[Sequence[Any]]


class SimulatedConnection(redis.UnixDomainSocketConnection):
    """redis-py's connection without a socket."""

    def __init__(self, network: Network, **options: Any) -> None:
        super().__init__(**options)
        self._network = network
        self._replies: deque[Any] = deque()
        self._channel = 0

    @property
    def is_connected(self) -> bool:
        return True

    def connect(self) -> None:
        """Costs nothing: it is refused when it is used."""

    def disconnect(self, *_: object, **__: object) -> None:
        self._replies.clear()
        self._channel = 0

    def can_read(self, timeout: float = 0) -> bool:
        return bool(self._replies)

    def check_health(self) -> None: ...

    def pack_commands(self, commands: Any) -> _Packed:
        what = list(commands)
        packed = _Packed(super().pack_commands(what))
        packed.what = what
        return packed

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        self._send(b"".join(command), command.what)

    def send_command(self, *words: Any, **_: Any) -> None:
        if words[0] == "WATCH" and not self._channel:
            self._channel = self._network.server.new_channel()
        self._send(b"".join(self.pack_command(*words)), [words])

    def _send(self, packed: bytes, what: Sequence[Sequence[Any]]) -> None:
        answer_seconds = float(self.socket_timeout or ANSWER_SECONDS)
        self._replies.extend(self._network.trip(packed, what, answer_seconds, self._channel))

    def read_response(self, *_: object, **__: object) -> Any:
        reply = self._replies.popleft()
        if isinstance(reply, ResponseError):
            raise reply
        return reply


class SimulatedRedis(RedisWhenFull):
    """redis-py's client with its retries and its reading of replies, but without its pool of connections, which costs
    more than the rest of a trip; only transactions use that. Wake-ups come by chance: a pacer must not depend on them.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        options = self.connection_pool.connection_kwargs
        self._retry, self._answer_seconds = options["retry"], float(options["socket_timeout"])

    @property
    def _network(self) -> Network:
        network: Network = self.connection_pool.connection_kwargs["network"]
        return network

    def execute_command(self, *words: Any, **options: Any) -> Any:
        [reply] = self.trip([words])
        if isinstance(reply, ResponseError):
            raise reply
        return self.read(words[0], reply, options)

    def trip(self, what: Sequence[Sequence[Any]]) -> list[Any]:
        packed = b"".join(hiredis.pack_command((*words[0].split(), *words[1:])) for words in what)
        network, seconds = self._network, self._answer_seconds
        replies: list[Any] = self._retry.call_with_retry(
            lambda: network.trip(packed, what, seconds, 0), lambda *_: None, with_failure_count=True
        )
        return replies

    def read(self, command: str, reply: Any, options: dict[str, Any]) -> Any:
        options.pop("keys", None)
        callback = self.response_callbacks.get(command)
        return callback(reply, **options) if callback else reply

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Any:
        return super().pipeline(transaction, shard_hint) if transaction else _Pipeline(self)

    def pubsub(self, **_: Any) -> "_Wakes":  # type: ignore[override]
        return _Wakes(self._network, self)


class _Pipeline(redis.client.Pipeline):
    """Several commands in one trip."""

    def __init__(self, client: SimulatedRedis) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, False, None)
        self._client = client

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        stack, self.command_stack = self.command_stack, []
        if not stack:
            return []
        replies = self._client.trip([words for words, _ in stack])
        for reply in replies:
            if raise_on_error and isinstance(reply, ResponseError):
                raise reply
        return [
            reply if isinstance(reply, ResponseError) else self._client.read(words[0], reply, options)
            for (words, options), reply in zip(stack, replies, strict=True)
        ]


class _Wakes:
    def __init__(self, network: Network, client: redis.Redis) -> None:
        self._network, self._client = network, client
        self._is_pacer = True

    def __enter__(self) -> "_Wakes":
        return self

    def __exit__(self, *_: object) -> None: ...

    def subscribe(self, channel: str) -> None:
        self._is_pacer = not channel.endswith("unresolved")
        self._client.ping()

    def get_message(self, timeout: float) -> None:
        rng = self._network.rng
        early = rng.random() < _EARLY_WAKE
        self._network.idle_pacers += self._is_pacer
        try:
            self._network.timeline.sleep(rng.uniform(0, timeout) if early else timeout)
        finally:
            self._network.idle_pacers -= self._is_pacer
