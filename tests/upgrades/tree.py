"""The program as a commit had it, out of the repository's history."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

__all__ = ["NoSuchCommit", "committed", "is_known", "short", "tree_of"]

_REPOSITORY = Path(__file__).parents[2]
#: Of one git command, seconds.
_GIT_SECONDS = 60


class NoSuchCommit(Exception):
    """The history is not there: a shallow clone, or a copy without git."""


def tree_of(commit: str, folder: Path) -> Path:
    """Writes the files of a commit to a folder. Its packages come first with `PYTHONPATH`. Raises NoSuchCommit."""
    tree = folder / short(commit)
    with tarfile.open(fileobj=io.BytesIO(_git("archive", "--format", "tar", commit))) as archive:
        archive.extractall(tree, filter="data")
    return tree


def short(commit: str) -> str:
    return _git("rev-parse", "--short=7", commit).decode().strip()


def is_known(commit: str) -> bool:
    try:
        return bool(short(commit))
    except NoSuchCommit:
        return False


def committed(commit: str) -> str:
    """When, in ISO 8601 and UTC."""
    return _git("show", "--no-patch", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", "--format=%cd", commit).decode().strip()


def _git(*arguments: str) -> bytes:
    command = ["git", "-C", str(_REPOSITORY), *arguments]
    try:
        environment = {**os.environ, "TZ": "UTC"}
        return subprocess.run(command, env=environment, capture_output=True, timeout=_GIT_SECONDS, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoSuchCommit(f"git {arguments[0]}: {getattr(error, 'stderr', error)!r}") from error
