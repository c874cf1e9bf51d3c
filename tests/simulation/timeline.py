"""One thread in which several processes seem to run: what happens next is always what is due first.

Each thread of a simulated process is a greenlet, which runs until it waits. So a run is deterministic, and a process
can be frozen or killed between any two of its steps.
"""

import heapq
from collections.abc import Callable
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

__all__ = ["Process", "SimulatedEvent", "Timeline", "Waiter"]


class Timeline:
    """`now` is in seconds since the beginning. Things due at the same moment happen in the order of their planning."""

    def __init__(self) -> None:
        self.now = 0.0
        self.hub = getcurrent()
        self._due: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._planned = 0

    def after(self, seconds: float, do: Callable[..., None], *arguments: Any) -> None:
        self._planned += 1
        heapq.heappush(self._due, (self.now + max(0.0, seconds), self._planned, do, arguments))

    def step(self) -> bool:
        """Does what is due next. False when nothing is planned."""
        if not self._due:
            return False
        self.now, _, do, arguments = heapq.heappop(self._due)
        do(*arguments)
        return True

    def skip(self, seconds: float) -> None:
        """So much time passes at once, in which nothing happens: whatever is planned comes later by as much."""
        self.now += seconds
        self._due = [(at + seconds, *planned) for at, *planned in self._due]  # type: ignore[misc]

    def wall_offset(self) -> float:
        process = getattr(getcurrent(), "process", None)
        return process.wall_offset if process else 0.0

    def sleep(self, seconds: float) -> None:
        waiter = Waiter()
        self.after(seconds, waiter.wake)
        waiter.wait()


class _Thread(greenlet):
    """Of a process."""

    process: "Process"


class Process:
    """A process that lives, is frozen, or is dead."""

    def __init__(self, timeline: Timeline, name: str) -> None:
        self.timeline, self.name = timeline, name
        self.is_alive, self.is_frozen = True, False
        self.wall_offset = self.thawed_at = 0.0
        self._threads: list[_Thread] = []
        self._held_back: list[tuple[_Thread, Any]] = []

    def spawn(self, run: Callable[..., None], *arguments: Any) -> None:
        thread = _Thread(run, self.timeline.hub)
        thread.process = self
        self._threads.append(thread)
        self.timeline.after(0, self._start, thread, arguments)

    def _start(self, thread: _Thread, arguments: tuple[Any, ...]) -> None:
        if self.is_alive:
            thread.switch(*arguments)

    @property
    def is_running(self) -> bool:
        """Whether one of its threads can still do something."""
        return self.is_alive and not self.is_frozen and not all(thread.dead for thread in self._threads)

    def resume(self, thread: _Thread, value: Any) -> None:
        if not self.is_alive:
            return
        if self.is_frozen:
            self._held_back.append((thread, value))
        else:
            thread.switch(value)

    def freeze(self) -> None:
        self.is_frozen = True

    def thaw(self) -> None:
        self.is_frozen, self.thawed_at = False, self.timeline.now
        held_back, self._held_back = self._held_back, []
        for thread, value in held_back:
            self.timeline.after(0, self.resume, thread, value)

    def kill(self) -> None:
        """Nothing of it runs any more. Python still unwinds its stacks; see `Waiter`."""
        self.is_alive = False
        for thread in self._threads:
            if thread is not getcurrent():
                thread.throw(GreenletExit)


class Waiter:
    """One wait of the current thread, for whatever comes first. A dead process waits for nothing, and asks nobody."""

    def __init__(self) -> None:
        self._thread: _Thread = getcurrent()  # type: ignore[assignment]
        self.is_over = False
        if not self._thread.process.is_alive:
            raise GreenletExit

    def wake(self, value: Any = None) -> None:
        """From the timeline. Only the first counts."""
        if not self.is_over:
            self.is_over = True
            self._thread.process.resume(self._thread, value)

    def wait(self) -> Any:
        """Returns what it was woken with; raises it if that is an error."""
        value = self._thread.process.timeline.hub.switch()
        if isinstance(value, Exception):
            raise value
        return value


class SimulatedEvent:
    """As `threading.Event`."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._is_set = False
        self._waiters: list[Waiter] = []

    def is_set(self) -> bool:
        return self._is_set

    def clear(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            self._timeline.after(0, waiter.wake)

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_set and (timeout is None or timeout > 0):
            waiter = Waiter()
            self._waiters.append(waiter)
            if timeout is not None:
                self._timeline.after(timeout, waiter.wake)
            waiter.wait()
        return self._is_set
