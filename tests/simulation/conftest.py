"""Processes that play schedules: each lives in simulated time, and none knows of the others."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import CompletedProcess
from typing import IO, cast

import pytest

__all__ = ["Forks", "environment"]

ROOT = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": "0"}


class Forks:
    """Forks each off one process, which saves the time in which libraries are imported."""

    def __init__(self, folder: Path) -> None:
        self._out, self._err = folder / "out", folder / "err"
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.simulation.forks"],
            cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def play(self, *arguments: object) -> CompletedProcess[str]:
        for file in (self._out, self._err):
            file.write_bytes(b"")
        request = {"arguments": [*map(str, arguments)], "out": str(self._out), "err": str(self._err)}
        questions, answers = cast(IO[bytes], self._server.stdin), cast(IO[bytes], self._server.stdout)
        questions.write(json.dumps(request).encode() + b"\n")
        questions.flush()
        code = int(answers.readline())
        return CompletedProcess([], code, self._out.read_text("utf-8"), self._err.read_text("utf-8"))

    def end(self) -> None:
        """With what it still plays, if a test ended before."""
        cast(IO[bytes], self._server.stdin).close()
        try:
            self._server.wait(5)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._server.pid, 9)
            self._server.wait()
        cast(IO[bytes], self._server.stdout).close()


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    running = Forks(tmp_path_factory.mktemp("simulation"))
    yield running
    running.end()
