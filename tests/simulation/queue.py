"""The queue of wake-ups between pacers and workers: a list in Redis, which blocking pops empty at once."""

import random
from collections.abc import Sequence

import redis

from ledger.settings import Desk
from tests.simulation.network import Network
from tests.simulation.timeline import Process, Waiter

__all__ = ["Queue"]

#: A message may come twice; the second time so much later at the most, seconds.
_AGAIN_SECONDS = 8.0


class Queue:
    """A lost, doubled or late message must be harmless, so all of that happens to them."""

    def __init__(self, network: Network, key: str, rng: random.Random) -> None:
        self.key = key
        self.chance_of_doubling = self.longest_delay_seconds = 0.0
        self._network, self._rng = network, rng
        self._waiting: list[tuple[Process, Waiter]] = []
        self._left: set[Process] = set()
        network.on_push = self.hand_out

    def publish(self, client: redis.Redis, batches: Sequence[tuple[Desk, Sequence[str]]]) -> None:
        client.lpush(self.key, *(" ".join(ids) for _, ids in batches))

    def take(self, process: Process) -> list[str]:
        """Waits for a message. Empty when the worker stops meanwhile."""
        waiter = Waiter()
        self._network.timeline.after(self._network.way_seconds(), self._ask, process, waiter)
        ids: list[str] = waiter.wait() or []
        return ids

    def _ask(self, process: Process, waiter: Waiter) -> None:
        if process in self._left:
            waiter.wake()
            return
        self._waiting.append((process, waiter))
        self.hand_out()

    def leave(self, process: Process) -> None:
        """Its threads need not wait any longer."""
        self._left.add(process)
        for waiting, waiter in self._waiting:
            if waiting is process:
                self._network.timeline.after(0, waiter.wake)
        self._waiting = [(waiting, waiter) for waiting, waiter in self._waiting if waiting is not process]

    def waiting(self, process: Process) -> int:
        """How many of its threads have nothing to do."""
        return sum(waiting is process for waiting, _ in self._waiting)

    def hand_out(self) -> None:
        """The server gives each message to one that waits, and does not know whether it still lives."""
        while self._waiting and not self._network.is_down:
            message = self._network.ask("RPOP", self.key)
            if message is None:
                return
            self._give(message.decode().split())

    def _give(self, ids: list[str]) -> None:
        process, waiter = self._waiting.pop(self._rng.randrange(len(self._waiting)))
        network = self._network
        if process.is_alive and network.is_unreachable(process):
            network.story.note(process.name, "a message to it is lost", *ids)
            self._waiting.append((process, waiter))
            return
        delay = self._rng.uniform(0, self.longest_delay_seconds) if self.longest_delay_seconds else 0.0
        network.timeline.after(network.way_seconds() + delay, waiter.wake, ids)
        if self._rng.random() < self.chance_of_doubling:
            network.timeline.after(self._rng.uniform(0, _AGAIN_SECONDS), self._again, ids)

    def _again(self, ids: list[str]) -> None:
        if not self._network.is_down:
            self._network.ask("LPUSH", self.key, " ".join(ids))
            self.hand_out()
