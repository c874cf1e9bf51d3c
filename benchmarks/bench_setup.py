"""The system under test, as separate processes: the sandbox, and `deskbell up` using it."""

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import orjson
import requests

from benchmarks.exact import check_messages
from ledger.delivery_options import DEFAULT_DESK
from ledger.ledger import Ledger
from ledger.settings import Settings

__all__ = ["CREDENTIALS", "BenchSetup", "process_of", "running"]

#: Those that the sandbox takes.
CREDENTIALS = {
    "DESKBELL_APP_ID": "cli_sandbox",
    "DESKBELL_APP_SECRET": "sandbox-secret",
    "DESKBELL_HELPDESK_ID": "1000000000000000000",
    "DESKBELL_HELPDESK_TOKEN": "ht-sandbox",
}


@dataclass(frozen=True)
class BenchSetup:
    """A running Deskbell and its sandbox."""

    ledger: Ledger
    sandbox_url: str
    web_url: str

    def calls(self, path: str = "/helpdesk/v1/message") -> list[dict[str, Any]]:
        """The calls at the sandbox to a path that ends so, in order."""
        calls: list[dict[str, Any]] = []
        while page := self._get(f"calls?limit=5000&since={calls[-1]['seq'] if calls else 0}")["calls"]:
            calls += page
        return [call for call in calls if call["path"].endswith(path)]

    def messages(self) -> Counter[str]:
        """How many messages each receiver got."""
        return Counter(call["receiver_id"] for call in self.calls() if call["delivered"])

    def stats(self) -> dict[str, Any]:
        return self._get("stats")

    def _get(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = requests.get(f"{self.sandbox_url}/sandbox/{path}", timeout=60).json()
        return answer


@contextmanager
def running(
    *, rate: str, workers: int = 2, sandbox: tuple[str, ...] = (), desks: str = "", redis_url: str | None = None
) -> Iterator[BenchSetup]:
    """Starts everything in a new data directory; `sandbox` are options of the sandbox, whose quota is `rate` too.

    At the end what the desk `default` still has waiting is cancelled, and everything else must have been delivered
    exactly once (NotExact). `desks`: more desks, as TOML. `redis_url`: in place of the embedded Valkey.
    """
    with tempfile.TemporaryDirectory(prefix="deskbell-bench-") as folder:
        python = [sys.executable, "-m", "sandbox", "--port", "0", "--rate", rate, *sandbox]
        with process_of(python, dict(os.environ), Path(folder) / "sandbox.log") as (line, _):
            url = line.split()[-1].decode()
            (Path(folder) / "desks.toml").write_text(desks, "utf-8")
            environment = {
                **os.environ,
                **CREDENTIALS,
                "DESKBELL_FEISHU_URL": url,
                "DESKBELL_DATA_DIR": folder,
                "DESKBELL_RATE": rate,
                "DESKBELL_DESKS": str(Path(folder) / "desks.toml"),
                "DESKBELL_WORKERS": str(workers),
                "DESKBELL_PORT": "0",
            }
            environment.pop("DESKBELL_REDIS_URL", None)
            if redis_url:
                environment["DESKBELL_REDIS_URL"] = redis_url
            up: list[str | Path] = [Path(sys.executable).with_name("deskbell"), "up", "--json"]
            with process_of(up, environment, Path(folder) / "up.log") as (line, _):
                ready = orjson.loads(line)
                settings = Settings(
                    data_dir=Path(folder),
                    redis_url=redis_url,
                    feishu_url=url,
                    desks=Path(folder) / "desks.toml",
                    _env_file=None,
                )
                setup = BenchSetup(Ledger(settings), url, ready["web"])
                yield setup
                check_messages(setup.messages, setup.ledger, DEFAULT_DESK)


@contextmanager
def process_of(command: list[str | Path], environment: dict[str, str], log: Path) -> Iterator[tuple[bytes, int]]:
    """Runs a program. Yields its first line, which says that it is ready, and its pid."""
    with log.open("wb") as errors:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors)
    try:
        line = cast(IO[bytes], process.stdout).readline()
        if not line:
            raise RuntimeError(log.read_text("utf-8", "replace"))
        yield line, process.pid
    finally:
        process.terminate()
        process.wait(120)
