"""Practice: the ledger of `deskbell up --sandbox`, and the settings that commands need to use it while it lives.

It is a ledger of its own, so that nothing real is ever sent to the sandbox, nor a trial to Feishu.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.errors import BadInput
from ledger.phrases import Phrase
from ledger.settings import Settings

__all__ = ["command_settings", "is_practice", "left_for_commands", "practice_directory"]

#: Under the data directory.
_FOLDER = "practice"
#: Beside the socket. Whoever runs the practice holds a lock on it, which ends with the process however it ends.
_FILE = "practice.json"


def practice_directory(data_dir: Path) -> Path:
    return data_dir / _FOLDER


@contextmanager
def left_for_commands(data_dir: Path, settings: Mapping[str, str | None]) -> Iterator[None]:
    """Leaves these settings for the commands in the practice's directory, private to their owner, during the body."""
    path = data_dir / _FILE
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(file, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        os.ftruncate(file, 0)
        os.write(file, json.dumps(settings).encode())
        yield
        path.unlink(missing_ok=True)
    finally:
        os.close(file)


def command_settings() -> Settings:
    """The environment's settings; or those of the practice under its data directory, while that lives.

    Raises BadInput naming the variable that is wrong.
    """
    settings = Settings.from_env()
    kept = _living(practice_directory(settings.data_dir) / _FILE)
    return Settings.from_env(**kept) if kept else settings


def is_practice(settings: Settings) -> bool:
    """Whether these settings are those of a practice."""
    return settings.embedded and (settings.data_dir / _FILE).is_file()


def _living(path: Path) -> dict[str, Any] | None:
    """What was left there, if its writer lives."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        raise BadInput(
            "DESKBELL_DATA_DIR", Phrase("{path} belongs to another user: set a directory of your own", path=str(path))
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with open(file, "rb", closefd=False) as kept:
            found: dict[str, Any] = json.load(kept)
        return found
    else:
        return None
    finally:
        os.close(file)
