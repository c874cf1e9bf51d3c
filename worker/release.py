"""Releasing notifications: how much of each desk's work goes out at once, by how long its calls take."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import NamedTuple

from ledger.leases import Leases, Share, Swept
from ledger.settings import Desk

__all__ = ["CallDurations", "Release", "ThreadShare", "batch_size"]

log = logging.getLogger(__name__)

#: Notifications of one desk in a Celery message: as many as one thread sends within this, ms, so that a pause holds and
#: no claim grows old; but not more than this.
BATCH_MS, LARGEST_BATCH = 600, 64
#: With limits, when more desks are due than messages may go out: as many as one thread sends within this, ms. Each has
#: a slot of its own, one call later than the one before it. Less than without limits, so that an event waits for less.
SPACED_BATCH_MS = 250
#: The weight of the latest call in the average of their durations.
LATEST_SHARE = 0.2


class CallDurations:
    """How long a desk's recent calls took. Threads share it, and may overwrite each other's notes: only the size of
    batches depends on it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._average_ms: float | None = None
        self._started: dict[int, float] = {}

    @contextmanager
    def call(self) -> Iterator[None]:
        """Around a call."""
        thread = threading.get_ident()
        self._started[thread] = self._clock()
        try:
            yield
        finally:
            self._note((self._clock() - self._started.pop(thread)) * 1000)

    @property
    def recent_ms(self) -> float | None:
        """The average, or the age of a call under way if that is longer: a server that hangs is known before it
        answers."""
        now = self._clock()
        under_way_ms = max(((now - started) * 1000 for started in list(self._started.values())), default=0.0)
        if self._average_ms is None:  # a call that has just started says nothing
            return under_way_ms if under_way_ms > BATCH_MS else None
        return max(self._average_ms, under_way_ms)

    def _note(self, elapsed_ms: float) -> None:
        before = self._average_ms
        self._average_ms = elapsed_ms if before is None else before + LATEST_SHARE * (elapsed_ms - before)


def batch_size(call_ms: float | None, batch_ms: float = BATCH_MS) -> int:
    """How many notifications go into one message of so many ms when a call takes so long.

    One while the duration is unknown: the desk may hang, and each message takes a thread.
    """
    if call_ms is None:
        return 1
    return max(1, min(LARGEST_BATCH, int(batch_ms / max(call_ms, 1))))


class ThreadShare:
    """How many threads each desk holds whose calls take long, maybe because its API hangs: such desks must leave
    threads to the others.

    A desk that has not been looked at for `forget_seconds` holds none. A desk whose calls have not been measured counts
    as slow.
    """

    def __init__(self, forget_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._forget_seconds = forget_seconds
        self._clock = clock
        self._held: dict[str, tuple[int, float]] = {}

    def most(self, desk: str, call_ms: float | None, threads: int) -> int:
        """How many of all threads the desk may hold: three quarters of those that the slow ones leave, so that there
        are some left when the next desk starts to hang."""
        now = self._clock()
        if call_ms is not None and call_ms <= BATCH_MS:
            self._held.pop(desk, None)
            return max(1, threads * 3 // 4)
        self._held = {name: held for name, held in self._held.items() if now - held[1] < self._forget_seconds}
        own, _ = self._held.pop(desk, (0, now))
        by_others = sum(held for held, _ in self._held.values())
        most = max(1, (threads - by_others) * 3 // 4)
        self._held[desk] = max(own, most), now  # until `note` says how many it is
        return most

    def note(self, desk: str, held: int) -> None:
        """What the desk holds now; of no consequence unless it is slow."""
        if desk in self._held:
            self._held[desk] = held, self._clock()


class Portion(NamedTuple):
    """How many notifications of a desk go into a message, how long each of them takes if they have slots one after
    another (else 0), and how many messages of the desk may be under way."""

    desk: Desk
    size: int
    call_ms: int
    messages: int

    def batches(self, ids: Sequence[str], target: int) -> list[Sequence[str]]:
        """The ids in as few messages as possible, since each costs; or in as many as `target` for every thread to
        find one, unless the ids are so few that a quarter of the time of a batch suffices for them."""
        if not ids:
            return []
        target = min(self.messages, target)
        count = max(-(-len(ids) // self.size), min(target, -(-len(ids) // max(1, self.size // 4))))
        size = -(-len(ids) // count)
        return [ids[start : start + size] for start in range(0, len(ids), size)]


class Release:
    """Releases notifications to the workers.

    `publish(batches)` sends ids on, one message for each pair of a desk and some of its ids; `count_swept` gets what
    was taken back from lost workers; `call_ms` returns how long a desk's recent calls took, if that is known.
    """

    def __init__(
        self,
        leases: Leases,
        publish: Callable[[Sequence[tuple[Desk, Sequence[str]]]], None],
        count_swept: Callable[[Desk, Swept], None],
        call_ms: Callable[[Desk], float | None],
        *,
        is_one_desk: bool,
    ) -> None:
        self._leases = leases
        self._publish = publish
        self._count_swept = count_swept
        self._call_ms = call_ms
        self._is_one_desk = is_one_desk
        self._shares = ThreadShare(leases.lease_ms / 1000)

    def __call__(self, due: Sequence[Desk], room: int, threads: int) -> None:
        """The desks that are due share the room, in messages.

        `threads` counts those of lost workers too: their claims are in flight until their leases end, and must not use
        up the others' share.
        """
        share = -(-room // len(due))
        portions = [self._portion(desk, share, threads) for desk in due]
        answers = self._leases.release(
            [Share(each.desk, each.size * share, each.size * each.messages, each.call_ms) for each in portions]
        )
        if overdue := [desk for desk, released in zip(due, answers, strict=True) if released.overdue]:
            self._sweep(overdue)
        target = room // max(1, sum(bool(released.ids) for released in answers))
        by_desk = []
        for portion, released in zip(portions, answers, strict=True):
            self._shares.note(portion.desk.name, released.in_flight)
            by_desk.append([(portion.desk, batch) for batch in portion.batches(released.ids, target)])
        # The first of each desk, then the second of each: none waits for all of another.
        if in_turns := [batch for turn in zip_longest(*by_desk) for batch in turn if batch]:
            self._publish(in_turns)

    def _portion(self, desk: Desk, share: int, threads: int) -> Portion:
        call_ms = self._call_ms(desk)
        messages = threads if self._is_one_desk else self._shares.most(desk.name, call_ms, threads)
        if not desk.rate:
            return Portion(desk, batch_size(call_ms), 0, messages)
        # A slot should not wait for the call of another, unless all threads are busy with other desks anyway.
        size = batch_size(call_ms, SPACED_BATCH_MS) if share == 1 else 1
        return Portion(desk, size, round(call_ms or 0) if size > 1 else 0, messages)

    def _sweep(self, overdue: Sequence[Desk]) -> None:
        for desk, swept in zip(overdue, self._leases.sweep(overdue), strict=True):
            if any(swept):
                self._count_swept(desk, swept)
                log.warning(
                    "taken back from lost workers: %s to the lane, %s to send again, %s unknown",
                    *swept,
                    extra={"desk": desk.name},
                )
