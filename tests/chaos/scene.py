"""What all acts share: the stage, the watch, the dice, and what is to end later."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.finding import Finding
from tests.chaos.stage import Stage
from tests.chaos.watch import Watch

__all__ = ["DEAD_CONNECTION_SECONDS", "VALKEY_BACK_SECONDS", "Scene"]

#: How long effects last after an act is over, seconds: until half-open connections are found out (a pacer waits 3 s for
#: an answer and 3 s more when it publishes, a consumer up to 8 s), and until workers have found Valkey again (5 s, of
#: which the watch allows two itself).
DEAD_CONNECTION_SECONDS, VALKEY_BACK_SECONDS = 8.0, 3.0
_LOOK_AGAIN_SECONDS = 0.02


@dataclass
class Scene:
    """`problems` are promises that were seen broken while the run went on."""

    stage: Stage
    watch: Watch
    rng: random.Random
    problems: list[Finding] = field(default_factory=list)
    half_open_until: float = 0.0  #: connections that lead nowhere may be in use until then, monotonic seconds
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

    def wait_for_calls(self, number: int, seconds: float) -> None:
        """Until so many are in flight, but no longer than this."""
        until = time.monotonic() + seconds
        while self.stage.installation.sandbox.stats()["in_flight"] < number and time.monotonic() < until:
            self.wait(_LOOK_AGAIN_SECONDS)

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
                self._note_end(f"{producer.name}, with {producer.exit_code}")
                producer.start()
        if not self.stage.web.runs:
            self._note_end("the web process")
            self.stage.web.start()
        for worker in self.stage.workers:
            if not worker.runs:
                self._note_end(f"worker {worker.name}")
                self.stage.kill_worker(worker)

    def _note_end(self, who: str) -> None:
        self.problems.append(Finding("a process ended by itself", who))
