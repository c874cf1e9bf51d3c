"""Ends this process when it is stuck: a supervisor restarts a process that ends, not one that hangs.

A watched thread gives a sign of life at each turn (`beat`). Silence is counted in ticks of a thread of this process and
not by a clock, so a stopped process or a suspended machine does not count as silent when it goes on.

That thread needs Python's lock, and so cannot see a thread that never releases it, such as in a regular expression that
never ends. The kernel can: a timer of the CPU time that the process has used, reset at each tick, ends it.
"""

import faulthandler
import os
import signal
import threading
from collections.abc import Callable, Iterable

__all__ = ["CONSUMER", "PACER", "Watchdog"]

#: What is watched: the thread of the pacer, and the event loop of Celery's consumer.
PACER, CONSUMER = "pacer", "consumer"

#: Between two ticks, seconds.
TICK_SECONDS = 1.0
#: Ticks of silence that end the process. A turn of the pacer takes 0.4 s at most and, when Redis goes away, all retries
#: of a command: some 15 s, and a minute and a half if the name servers are away as well. This is twice that.
FROZEN_TICKS = 180
#: CPU time that the process uses between two ticks of the thread, at most, seconds. On a machine that is busy with
#: other work it uses less, not more.
HOG_CPU_SECONDS = 60.0
#: As sysexits.h has it for an error in the software.
EXIT_CODE = 70
_STDERR = 2


class Watchdog:
    """Watches the turns of some threads by their names. `end` is called with the silent one, and does not return."""

    def __init__(self, names: Iterable[str], end: Callable[[str], None] | None = None) -> None:
        self._beats = dict.fromkeys(names, 0)
        self._seen = dict(self._beats)
        self._silent_ticks = dict.fromkeys(self._beats, 0)
        self._end = end or _end
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def beat(self, name: str) -> None:
        """A sign of life, from one thread for each name."""
        self._beats[name] += 1

    def start(self) -> None:
        # Chained to the default, which ends the process.
        faulthandler.register(signal.SIGPROF, file=_STDERR, all_threads=True, chain=True)
        self._thread.start()

    def stop(self) -> None:
        """A process that is stopping is not stuck."""
        self._stopping.set()
        signal.setitimer(signal.ITIMER_PROF, 0)

    def tick(self) -> None:
        """Counts the silent ones."""
        for name, beats in list(self._beats.items()):
            # Not before its first sign of life: a migration of the ledger comes before it, and may take any time.
            is_silent = 0 < beats == self._seen[name]
            self._silent_ticks[name] = self._silent_ticks[name] + 1 if is_silent else 0
            self._seen[name] = beats
            if self._silent_ticks[name] >= FROZEN_TICKS:
                self._end(name)

    def _run(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            signal.setitimer(signal.ITIMER_PROF, HOG_CPU_SECONDS)
            self.tick()
        signal.setitimer(signal.ITIMER_PROF, 0)  # it may have been set again while `stop` was called


def _end(name: str) -> None:
    """Prints the stacks of all threads and ends the process. Not through `logging`: the hang may be on its lock."""
    text = f"this worker ends itself: its {name} has hung for {FROZEN_TICKS * TICK_SECONDS:.0f} s. All threads:\n"
    os.write(_STDERR, text.encode())
    faulthandler.dump_traceback(_STDERR, all_threads=True)
    os._exit(EXIT_CODE)
