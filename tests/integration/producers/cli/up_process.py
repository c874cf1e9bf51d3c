"""A real `deskbell up` in a directory of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import forking
from tests.ports import free_port

__all__ = ["Up", "deskbell", "until", "up"]

DESKBELL = Path(sys.executable).with_name("deskbell")
#: For anything that must happen: longer than it takes where all processors are busy.
PATIENCE_SECONDS = 90.0


class Up:
    """A `deskbell up` in its own directory; its stderr goes to a file, so that no pipe can fill."""

    def __init__(self, folder: Path, *arguments: str, started_by: Sequence[str] = (), **variables: str) -> None:
        self.folder = folder
        self.log = folder / "up.log"
        environment = {
            **os.environ,
            "DESKBELL_WORKERS": "1",
            "DESKBELL_CONCURRENCY": "2",
            "DESKBELL_PORT": str(free_port()),
        } | variables
        with self.log.open("wb") as log:
            self.process = forking.Popen(
                [*started_by, DESKBELL, "up", "--json", *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
                env=environment,
                text=True,
            )

    def announced(self) -> dict[str, Any]:
        """Waits until it is up. What it prints then."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.said()
        found: dict[str, Any] = json.loads(line)
        return found

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def descendants(self) -> set[int]:
        """Of this `up`: whoever has its directory as its own, or as its data directory's parent."""
        return {pid for pid in _pids() if pid != os.getpid() and _works_in(pid, self.folder)}

    def valkey(self) -> int:
        """Its pid."""
        [pid] = [pid for pid in self.descendants() if b"valkey-server" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return pid

    def ends(self, timeout_seconds: float = PATIENCE_SECONDS) -> int:
        return self.process.wait(timeout_seconds)


def _pids() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True).is_relative_to(folder)
    except OSError:  # it has ended meanwhile
        return False


@contextmanager
def up(folder: Path, *arguments: str, started_by: Sequence[str] = (), **variables: str) -> Iterator[Up]:
    running = Up(folder, *arguments, started_by=started_by, **variables)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGTERM)
            running.process.send_signal(signal.SIGINT)
            running.ends()
        if running.process.stdout:
            running.process.stdout.close()


def until(holds: Callable[[], bool], up: Up, timeout_seconds: float = PATIENCE_SECONDS) -> None:
    ends_at = time.monotonic() + timeout_seconds
    while not holds():
        assert time.monotonic() < ends_at, up.said()
        time.sleep(0.05)


def deskbell(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [DESKBELL, *arguments]
    return forking.run(command, cwd=folder, text=True, timeout=PATIENCE_SECONDS)
