"""What all acts share: the stage, the watch, the dice, and what is to end later."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.stage import Stage
from tests.chaos.watch import Watch

__all__ = ["DEAD_CONNECTION_SECONDS", "VALKEY_BACK_SECONDS", "Scene"]

#: How long effects last after an act is over, seconds: until dead connections are found out (`ledger.connection` waits
#: 8 s for an answer), and until workers have found Valkey again (5 s, of which the watch allows two itself).
DEAD_CONNECTION_SECONDS, VALKEY_BACK_SECONDS = 12.0, 3.0
_LOOK_AGAIN_SECONDS = 0.02


@dataclass
class Scene:
    """`problems` are promises that were seen broken while the run went on."""

    stage: Stage
    watch: Watch
    rng: random.Random
    problems: list[str] = field(default_factory=list)
    _undo: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def later(self, seconds: float, undo: Callable[[], None]) -> None:
        """Ends something by itself, when `wait` passes that moment."""
        self._undo.append((time.monotonic() + seconds, undo))

    def wait(self, seconds: float = 0.0) -> None:
        """Passes time: what was to end ends, and who ended by itself is noticed and started again."""
        until = time.monotonic() + seconds
        while True:
            for item in [item for item in self._undo if item[0] <= time.monotonic()]:
                self._undo.remove(item)
                item[1]()
            self._look_after_processes()
            if time.monotonic() >= until:
                return
            time.sleep(_LOOK_AGAIN_SECONDS)

    def end_all(self) -> None:
        """Ends everything that was to end later."""
        for _, undo in self._undo:
            undo()
        self._undo.clear()
        self.stage.to_valkey.make_whole()
        self.stage.to_sandbox.make_whole()
        self.stage.thaw_all()

    def _look_after_processes(self) -> None:
        for producer in self.stage.producers:
            if producer.exit_code not in (None, 0):
                self.problems.append(f"{producer.name} ended by itself with {producer.exit_code}")
                producer.start()
        for worker in self.stage.workers:
            if not worker.runs:
                self.problems.append(f"worker {worker.name} ended by itself")
                self.stage.kill_worker(worker)
