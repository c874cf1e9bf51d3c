"""The web process of a site, as `deskbell web` runs it."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

import redis

from ledger.settings import Settings
from tests import forking
from tests.ports import free_port

__all__ = ["WebProcess", "web_of_hooks"]

STOP_SECONDS = 90


class WebProcess:
    """Runs while it is entered, on a free port; started again after a kill it listens at the same one."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *arguments: str) -> None:
        self._folder, self._environment, self._arguments = folder, dict(environment), arguments
        self.log = folder / "web.log"
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        port = self.url.rpartition(":")[2] or str(free_port())
        command = [str(Path(sys.executable).with_name("deskbell")), "web", "--port", port, "--json", *self._arguments]
        with self.log.open("ab") as log:
            self._process = forking.Popen(
                command, cwd=self._folder, env=self._environment, stdout=subprocess.PIPE, stderr=log
            )
        line = cast(IO[bytes], self._process.stdout).readline()
        if not line:
            raise RuntimeError(self.log.read_text("utf-8", "replace"))
        self.url = json.loads(line)["url"]

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("it does not run")
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL."""
        self._end(kill=True)

    def stop(self) -> None:
        self._end(kill=False)

    def _end(self, *, kill: bool) -> None:
        if self._process is None:
            return
        (self._process.kill if kill else self._process.terminate)()
        self._process.wait(STOP_SECONDS)
        cast(IO[bytes], self._process.stdout).close()
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextmanager
def web_of_hooks(valkey: Settings, folder: Path, hooks: str) -> Iterator[WebProcess]:
    """With this hook file, and an empty ledger."""
    (folder / "hooks.toml").write_text(hooks)
    with redis.Redis.from_url(str(valkey.redis)) as client:
        client.flushall()
    environment = {"DESKBELL_DATA_DIR": str(valkey.data_dir), "DESKBELL_HOOKS": str(folder / "hooks.toml")}
    with WebProcess(folder, environment) as process:
        yield process
