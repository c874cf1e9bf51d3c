"""A recipients file of somebody else's, read in a process of its own: what it does there to memory and CPU, it does to
that process alone.

Only the reading is there, the rows come back through a pipe. Rendering is bounded by itself, and what a check asks of
Feishu and of Redis needs the secrets that the other process does not have. The command line's own files are read in
place: whoever hands them in owns the machine's time.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any, NoReturn, cast

import orjson

from ledger.errors import BadInput
from ledger.phrases import Phrase, as_phrase, phrase_of
from producers.announcements.recipients.reading_options import ReadingOptions, Sheet
from producers.announcements.recipients.recipients import AS_IT_IS, Recipients
from producers.announcements.recipients.row import Row
from producers.announcements.recipients.source import Source

__all__ = ["ForeignRecipients"]

#: `python -P`: what lies in the current directory must not stand in for a package of ours.
_COMMAND = (sys.executable, "-P", "-m", "producers.announcements.recipients.reading")
#: Of the other process, Python among it: far more than a million rows of different texts take.
_MEMORY_BYTES = 1024 * 1024 * 1024
#: CPU for any file, and more for each MiB of it: ten times what honest ones take.
_CPU_SECONDS, _CPU_SECONDS_PER_MIB, _MOST_CPU_SECONDS = 30, 10, 1800
#: How much longer than its CPU it may take, on a machine that is busy otherwise.
_PATIENCE = 10
#: From the end of its answers to its own.
_END_SECONDS = 5.0
#: A frame is far smaller, whatever the rows hold.
_FRAME_BYTES = 16 * 1024 * 1024
#: What the other process may know of our environment: no secret stands in these.
_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME")


class ForeignRecipients(Recipients):
    """As `Recipients`, for one pass at a time: a pass that is given up ends the process. Close it."""

    def __init__(self, source: Source, options: ReadingOptions = AS_IT_IS) -> None:
        """Raises as `Recipients`; BadInput when reading takes too much memory or time; OSError when none can start."""
        mib = source.size_bytes // 1024**2
        self._cpu_seconds = min(_CPU_SECONDS + mib * _CPU_SECONDS_PER_MIB, _MOST_CPU_SECONDS)
        self._left_seconds = float(_PATIENCE * self._cpu_seconds)
        self._source = source
        self.name, self.is_of_rows = source.name, source.is_of_rows
        self._process = self._started(options)
        try:
            told: dict[str, Any] = self._answer("opened")
        except BaseException:
            self.close()
            raise
        self.columns = tuple(told["columns"])
        self.format, self.encoding, self.delimiter = told["format"], told["encoding"], told["delimiter"]
        self.sheet = _sheet(*told["sheet"]) if told["sheet"] else None
        self.sha256 = told["sha256"]

    def rows(self) -> Iterator[Row]:
        complete = False
        self._ask(b"rows\n")
        try:
            while (portion := self._answer("rows", "end")) is not None:
                for line, values, problem, column, unusable, text in portion:
                    cells = tuple([(at, as_phrase(phrase_of(why))) for at, why in unusable])
                    yield Row(
                        line, tuple(values), as_phrase(phrase_of(problem)) if problem else None, column, cells, text
                    )
            complete = True
        finally:
            if not complete:  # the rest of its rows would be taken for those of the next pass
                self._end()

    def close(self) -> None:
        self._end()
        super().close()

    def _started(self, options: ReadingOptions) -> subprocess.Popen[bytes]:
        file = self._source.fileno()
        process = subprocess.Popen(  # noqa: S603
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a traceback may repeat what stands in the file
            pass_fds=(file,),
            env={name: os.environ[name] for name in _VARIABLES if name in os.environ},
            umask=0o077,
            process_group=0,
            bufsize=0,
        )
        asked = {
            "file": file,
            "name": self.name,
            "memory_bytes": _MEMORY_BYTES,
            "cpu_seconds": self._cpu_seconds,
            "options": options.as_json(),
        }
        cast(IO[bytes], process.stdin).write(json.dumps(asked).encode() + b"\n")
        return process

    def _ask(self, line: bytes) -> None:
        try:
            cast(IO[bytes], self._process.stdin).write(line)
        except BrokenPipeError:
            self._fail()

    def _answer(self, *kinds: str) -> Any:
        length = int.from_bytes(self._read(4))
        if length > _FRAME_BYTES:
            self._fail()
        kind, told = orjson.loads(self._read(length))
        if kind == "refused":
            field, problem = map(phrase_of, told)
            raise BadInput(field, as_phrase(problem))
        if kind == "memory":
            self._refuse_memory()
        if kind not in kinds:
            self._fail()
        return told

    def _read(self, size: int) -> bytes:
        answers = cast(IO[bytes], self._process.stdout).fileno()
        waiting = select.poll()
        waiting.register(answers, select.POLLIN)
        found = bytearray()
        while len(found) < size:
            began = time.monotonic()
            if not waiting.poll(max(0, self._left_seconds) * 1000):
                self._refuse_time()
            piece = os.read(answers, size - len(found))
            self._left_seconds -= time.monotonic() - began
            if not piece:
                self._fail()
            found += piece
        return bytes(found)

    def _fail(self) -> NoReturn:
        """It is gone, or says what it cannot mean. What it died of says why."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        code = self._end()
        if code == -signal.SIGXCPU:
            self._refuse_time()
        if code == -signal.SIGKILL:
            self._refuse_memory()
        problem = Phrase("cannot be read (its reader ended with {code}): save it as CSV UTF-8, or split it", code=code)
        raise BadInput(self.name, problem)

    def _refuse_memory(self) -> NoReturn:
        most = _MEMORY_BYTES // 1024**2
        problem = Phrase("takes more than {most:,} MiB of memory to read: save it as CSV UTF-8, or split it", most=most)
        raise BadInput(self.name, problem)

    def _refuse_time(self) -> NoReturn:
        problem = Phrase("takes more than {most} s to read: save it as CSV UTF-8, or split it", most=self._cpu_seconds)
        raise BadInput(self.name, problem)

    def _end(self) -> int:
        """Its exit code, negative for a signal. It has nothing to lose, so it is killed unless it has ended."""
        for pipe in (self._process.stdin, self._process.stdout):
            cast(IO[bytes], pipe).close()
        if self._process.poll() is None:
            self._process.kill()
        return self._process.wait()


def _sheet(name: str, others: list[str], hidden_rows: int) -> Sheet:
    return Sheet(name, tuple(others), hidden_rows)
