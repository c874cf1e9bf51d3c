"""The embedded Valkey on a disk whose power can be cut."""

import os
import signal
from pathlib import Path

from ledger.embedded import EmbeddedValkey
from ledger.settings import Settings
from tests.power.disk import Disk

__all__ = ["CuttableValkey"]


class CuttableValkey(EmbeddedValkey):
    """`appendfsync`, if given, is another than that of `deskbell up`. Raises NoCompiler."""

    def __init__(self, settings: Settings, appendfsync: str | None = None) -> None:
        super().__init__(settings)
        self.settings, self.appendfsync = settings, appendfsync
        self.disk = Disk(settings.data_dir.absolute().parent / "disk")

    def _command(self) -> list[str]:
        variables = [f"{name}={value}" for name, value in self.disk.environment.items()]
        options = ["--appendfsync", self.appendfsync] if self.appendfsync else []
        return ["env", *variables, *super()._command(), *options]

    @property
    def append_only_files(self) -> Path:
        return self.data_dir / "appendonlydir"

    @property
    def unsynced_bytes(self) -> int:
        """Of what the server has written to its append-only files: what a power cut would take now."""
        files = self.append_only_files.glob("*.aof")
        return sum(file.stat().st_size - self.disk.kept_of(file) for file in files)

    def cut_power(self) -> int:
        """Its own, and that of the children which rewrite its files. Gives how many written bytes were lost. `start()`
        starts it again on what is left."""
        if self.pid is None:
            raise RuntimeError("the Valkey does not run")
        os.killpg(self.pid, signal.SIGKILL)
        self.stop()
        return self.disk.lose_power(self.append_only_files)
