"""The processes of `deskbell up`: started, listened to, restarted when they die, and stopped so that none is left.

Each leads a process group of its own: ctrl-C in a terminal then reaches `up` alone, which stops them in order.
"""

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from ledger.errors import DeskbellError
from ledger.phrases import Phrase
from ledger.private import OTHERS

__all__ = ["Deaths", "DiesTooOften", "Program", "StopSignals", "Supervisor"]

#: Between two looks at the processes.
LOOK_SECONDS = 0.1
#: A program that died is started again after this: at once would be a busy loop if it dies at once.
RESTART_SECONDS = 1.0
#: This many deaths within this many seconds mean a fault that a restart does not fix.
MOST_DEATHS = 5
DEATHS_WITHIN_SECONDS = 60.0
#: What a killed process may still have in its pipe is read within this.
_LAST_LINES_SECONDS = 1.0

Say = Callable[[str], None]


class DiesTooOften(DeskbellError):
    """Restarting does not help."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run under which name. Those with the lower `stop_turn` are stopped first, and waited for."""

    name: str
    arguments: Sequence[str]
    stop_turn: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)  #: beside that of all


class Deaths:
    """Counts unexpected deaths of everything that belongs together."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[float] = deque(maxlen=MOST_DEATHS)

    def note(self, name: str) -> None:
        """Raises DiesTooOften at the last of MOST_DEATHS within DEATHS_WITHIN_SECONDS."""
        now = self._clock()
        self._times.append(now)
        if len(self._times) == MOST_DEATHS and now - self._times[0] < DEATHS_WITHIN_SECONDS:
            raise DiesTooOften(
                Phrase(
                    "{name} has died, the {most}th death within a minute: see its last lines above",
                    name=name,
                    most=MOST_DEATHS,
                )
            )


class StopSignals:
    """Counts SIGINT, SIGTERM and SIGHUP instead of dying of them: the first says stop, the second hurry.

    They count also where the parent ignored or blocked them, as a shell ignores SIGINT for a job in the background.
    Only an ignored SIGHUP stays ignored: `nohup` asks for that.

    Only a number changes in the handler. An Event could deadlock there: the signal may come while it is waited for.
    """

    NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.asked = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in self.NUMBERS:
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._count)
        # What is started inherits the mask, and could not be stopped either.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.NUMBERS)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _count(self, *_: object) -> None:
        self.asked += 1


class Supervisor:
    """Keeps programs running while it is entered. Call `look` every LOOK_SECONDS or so; leaving stops them all."""

    def __init__(
        self,
        programs: Sequence[Program],
        environment: Mapping[str, str],
        say: Say,
        *,
        grace_seconds: float,
        hurry: Callable[[], bool] = lambda: False,
    ) -> None:
        """`say` gets a line of output, from several threads. A program that has not stopped `grace_seconds` after its
        SIGTERM, or once `hurry` says so, is killed."""
        self._children = [_Child(program, environment, say) for program in programs]
        self._say, self._hurry = say, hurry
        self._grace_seconds = grace_seconds
        self._deaths = Deaths()

    @property
    def pids(self) -> dict[str, int]:
        """Of the programs that run, by name."""
        return {child.program.name: child.pid for child in self._children if child.pid is not None}

    def __enter__(self) -> Self:
        try:
            for child in self._children:
                child.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def look(self) -> None:
        """Starts again what has died. Raises DiesTooOften."""
        for child in self._children:
            died = child.death()
            if died:
                name = child.program.name
                self._say(Phrase("{name} {died}; restarting it in {n:g} s", name=name, died=died, n=RESTART_SECONDS))
                self._deaths.note(child.program.name)
            child.start_again_when_due()

    def stop(self) -> None:
        """Stops them turn by turn; afterwards none is left."""
        for turn in sorted({child.program.stop_turn for child in self._children}):
            self._stop([child for child in self._children if child.program.stop_turn == turn])

    def _stop(self, children: Sequence["_Child"]) -> None:
        for child in children:
            child.terminate()
        ends_at = time.monotonic() + self._grace_seconds
        while any(child.runs for child in children) and time.monotonic() < ends_at and not self._hurry():
            time.sleep(LOOK_SECONDS / 2)
        for child in children:
            if child.runs:
                self._say(Phrase("{name} did not stop in time and was killed", name=child.program.name))
            child.kill()


class _Child:
    """One program, and the process that runs it now, if one does."""

    def __init__(self, program: Program, environment: Mapping[str, str], say: Say) -> None:
        self.program = program
        self._environment = environment
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._start_at: float | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        self._start_at = None
        self._process = subprocess.Popen(  # noqa: S603
            self.program.arguments,
            env={**self._environment, **self.program.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
            umask=OTHERS,
        )
        self._reader = threading.Thread(target=self._pass_on, args=(self._process,), daemon=True)
        self._reader.start()

    def death(self) -> Phrase | None:
        """How it died, once for each death; None while it runs."""
        if self._process is None or self._process.poll() is None:
            return None
        ended = _how_it_ended(self._process.returncode)
        self._forget()
        self._start_at = time.monotonic() + RESTART_SECONDS
        return ended

    def start_again_when_due(self) -> None:
        if self._start_at is not None and time.monotonic() >= self._start_at:
            self.start()

    def terminate(self) -> None:
        """Asks it to stop, and it will not be started again."""
        self._start_at = None
        if self._process and self.runs:
            self._process.terminate()

    def kill(self) -> None:
        """Kills what still runs of its process group."""
        if self._process and self.runs:
            # Not reaped yet, so the number cannot belong to another group by now.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._forget()

    def _forget(self) -> None:
        if self._reader:
            # A grandchild that outlives its parent could hold the pipe open for ever.
            self._reader.join(_LAST_LINES_SECONDS)
        self._process = self._reader = None

    def _pass_on(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            return
        with process.stdout as lines:
            for line in lines:
                self._say(f"{self.program.name} | {line.decode('utf-8', 'replace').rstrip()}")


def _how_it_ended(returncode: int) -> Phrase:
    if returncode >= 0:
        return Phrase("ended by itself with exit code {code}", code=returncode)
    try:
        return Phrase("was killed by {signal}", signal=signal.Signals(-returncode).name)
    except ValueError:
        return Phrase("was killed by signal {number}", number=-returncode)
