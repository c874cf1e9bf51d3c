"""Ends this process when it is stuck: whoever started it starts it again, and nobody does that for one that only hangs.

What is watched gives a sign of life at each of its turns (`beat`). Silence is counted in ticks of a thread of this
process and not by a clock, so that neither a stopped process nor a suspended machine has been silent when it goes on.

That thread needs Python's lock, and so cannot see one that never gives it back, such as a regular expression
that never ends. The kernel sees it: a timer of the CPU time that the process has used, set anew at each tick, ends it.
"""

import faulthandler
import os
import signal
import threading
from collections.abc import Callable, Iterable

__all__ = ["CONSUMER", "PACER", "Watchdog"]

#: Who is watched: the thread of the pacer, and the event loop of Celery's consumer.
PACER, CONSUMER = "pacer", "consumer"

#: Between two ticks, seconds.
TICK_SECONDS = 1.0
#: Ticks of silence that end the process. A turn of the pacer takes 0.4 s at most and, when Redis goes away, all tries
#: of a question: some 15 s, and a minute and a half where the name servers are away as well. Twice that is taken.
FROZEN_TICKS = 180
#: CPU time that the process uses between two ticks of the thread, at most, seconds. On a machine that is busy with
#: other things it uses less, not more.
HOG_CPU_SECONDS = 60.0
#: As sysexits.h has it for an error in the software.
EXIT_CODE = 70
_STDERR = 2


class Watchdog:
    """Watches the turns of some threads by their names. `end` is told who was silent, and does not come back."""

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
        """What ends in its own time is not stuck."""
        self._stopping.set()
        signal.setitimer(signal.ITIMER_PROF, 0)

    def tick(self) -> None:
        """Counts who was silent."""
        for name, beats in list(self._beats.items()):
            # Not before its first sign of life: a migration of the ledger, which comes before it, takes what it takes.
            is_silent = 0 < beats == self._seen[name]
            self._silent_ticks[name] = self._silent_ticks[name] + 1 if is_silent else 0
            self._seen[name] = beats
            if self._silent_ticks[name] >= FROZEN_TICKS:
                self._end(name)

    def _run(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            signal.setitimer(signal.ITIMER_PROF, HOG_CPU_SECONDS)
            self.tick()
        signal.setitimer(signal.ITIMER_PROF, 0)  # it may have been set while `stop` was called


def _end(name: str) -> None:
    """Says where all threads are, and ends the process. Not through `logging`: its lock may be what is waited for."""
    text = f"this worker ends itself: its {name} has hung for {FROZEN_TICKS * TICK_SECONDS:.0f} s. All threads:\n"
    os.write(_STDERR, text.encode())
    faulthandler.dump_traceback(_STDERR, all_threads=True)
    os._exit(EXIT_CODE)
