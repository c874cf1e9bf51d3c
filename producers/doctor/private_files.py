"""What `deskbell doctor` says of files with secrets in them that other users of the machine can read."""

from collections.abc import Iterator
from pathlib import Path

from ledger.private import OTHERS
from ledger.settings import Settings
from producers.doctor.doctor_check import Check, Status

__all__ = ["check_files"]


def check_files(settings: Settings) -> Iterator[Check]:
    """`.env`, where it is read, and the data directory of the embedded server."""
    for path in (Path(".env"), *([settings.data_dir] if settings.embedded else [])):
        if path.exists() and (mode := path.stat().st_mode & 0o777) & OTHERS:
            found = f"{path} has mode {mode:o}: other users of this machine can read it"
            yield Check("files", Status.WARN, found, f"chmod {mode & ~OTHERS:o} {path}")
