"""SIGTERM: workers that are told to stop while Valkey answers nobody for a while."""

import subprocess
import time
from dataclasses import dataclass, field

from tests.acceptance.installation import WorkerProcess
from tests.chaos.finding import Finding
from tests.chaos.scene import VALKEY_BACK_SECONDS, Scene
from tests.chaos.stage import LONGEST_CALL_SECONDS

__all__ = ["STOPPED_TOO_LATE", "STOP_SECONDS", "Stops"]

#: A worker ends within the longest call and this, seconds.
STOP_SECONDS = LONGEST_CALL_SECONDS + 5.0
#: A worker that goes on is waited for so long, to tell one that is late from one that never ends, seconds.
_PATIENCE_SECONDS = 60.0
#: For how long Valkey answers nobody, seconds.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.3, 4.0
STOPPED_TOO_LATE = "a worker obeyed SIGTERM too late"


@dataclass
class Stops:
    """Does them, and counts how long each took after Valkey answered again."""

    scene: Scene
    took: list[float] = field(default_factory=list)  #: seconds

    def worker(self) -> None:
        """Before, in, or just after a pause of Valkey: claims and results are held up, and come all at once."""
        stage, rng = self.scene.stage, self.scene.rng
        stage.to_valkey.make_whole()
        self.scene.wait(max(0.0, self.scene.half_open_until - time.monotonic()))
        worker = rng.choice(stage.wait_until_ready(2))
        pause_seconds = rng.uniform(_SHORTEST_PAUSE, _LONGEST_PAUSE)
        self.scene.watch.disturb(pause_seconds + VALKEY_BACK_SECONDS)
        stage.installation.ledger.redis.client_pause(round(pause_seconds * 1000))
        ends_at = time.monotonic() + pause_seconds
        time.sleep(rng.uniform(0, 1.2 * pause_seconds))
        worker.terminate()
        self._see_it_end(worker, max(ends_at, time.monotonic()))

    def _see_it_end(self, worker: WorkerProcess, from_then: float) -> None:
        try:
            exit_code = worker.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            exit_code = 0
        self.took.append(max(0.0, time.monotonic() - from_then))
        if self.took[-1] > STOP_SECONDS:
            self.scene.problems.append(Finding(STOPPED_TOO_LATE, worker.name, f"  {self.took[-1]:.1f} s"))
        if exit_code != 0:
            self.scene.problems.append(Finding("a worker stopped with an error", worker.name, f"  exit {exit_code}"))
        self.scene.stage.replace_worker(worker)
