"""The embedded server's directory, files and socket are private to their owner.

The files contain all messages and Feishu's tokens. And a process that listens on the socket's path in the server's
place would receive the producers' messages.
"""

import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import redis

from ledger.errors import LedgerUnreachable
from ledger.phrases import Phrase, system_problem

__all__ = ["OTHERS", "OwnSocketConnection", "check_socket", "make_private", "make_socket_directory", "private_file"]

log = logging.getLogger(__name__)

#: What the group and others may do; and of it, what changes things.
OTHERS, _WRITE = 0o077, 0o022
#: What the server and its keeper make in the data directory.
OURS = frozenset({"lock", "valkey.log", "valkey.sock", "appendonlydir", "practice", "practice.json", "walks"})


def make_private(directory: Path) -> None:
    """Creates it, or revokes others' access to it and to the server's files in it.

    A directory that holds other things too keeps its mode. Raises LedgerUnreachable if it cannot be created,
    or others could still get in.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise LedgerUnreachable(
            Phrase(
                "{directory} cannot be created ({problem}): set DESKBELL_DATA_DIR to another",
                directory=str(directory),
                problem=system_problem(error),
            )
        ) from None
    kept = [path for path in directory.iterdir() if path.name in OURS]
    kept += [path for folder in kept if folder.is_dir() for path in folder.rglob("*")]
    alone = all(path.name in OURS for path in directory.iterdir())
    try:
        opened = [path for path in (*([directory] if alone else []), *kept) if _take_from_others(path)]
    except PermissionError:
        raise LedgerUnreachable(_another_directory(directory, Phrase("belongs to another user"))) from None
    if directory.stat().st_mode & _WRITE:
        raise LedgerUnreachable(_another_directory(directory, Phrase("can be written to by others")))
    if opened:
        log.warning("other users could read what is in %s: its files have mode 600 now", directory)


def _another_directory(directory: Path, why: Phrase) -> Phrase:
    return Phrase(
        "{directory} {why}, and would hold messages and tokens: set DESKBELL_DATA_DIR to a directory of its own",
        directory=str(directory),
        why=why,
    )


def private_file(path: Path) -> IO[bytes]:
    """Opens it for appending, and creates it private to its owner."""
    return os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab")


def _take_from_others(path: Path) -> bool:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) or not found.st_mode & OTHERS:
        return False
    path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
    return True


def make_socket_directory(data_dir: Path, socket: Path) -> None:
    """For a socket outside the data directory. Raises LedgerUnreachable for another owner's directory."""
    if socket.parent != data_dir:
        socket.parent.mkdir(exist_ok=True, mode=0o700)
    check_socket(data_dir, socket)


def check_socket(data_dir: Path, socket: Path) -> None:
    """Raises LedgerUnreachable if anyone but the data directory's owner may be listening on the socket."""
    owner = data_dir.stat().st_uid if data_dir.exists() else os.geteuid()
    if socket.parent != data_dir:
        _check(socket.parent, owner, _is_private_directory)
    _check(socket, owner, lambda _: True)


def _check(path: Path, owner: int, is_right: Callable[[int], bool]) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:  # nobody listens: connecting says so
        return
    if found.st_uid != owner:
        raise LedgerUnreachable(
            Phrase(
                "{path} belongs to user {user}, the data directory to user {owner}: remove it",
                path=str(path),
                user=found.st_uid,
                owner=owner,
            )
        )
    if not is_right(found.st_mode):
        raise LedgerUnreachable(Phrase("{path} must be a directory with mode 700: remove it", path=str(path)))


def _is_private_directory(mode: int) -> bool:
    return stat.S_ISDIR(mode) and not mode & OTHERS


class OwnSocketConnection(redis.UnixDomainSocketConnection):
    """Connects only to a server of the data directory's owner."""

    def __init__(self, *, data_dir: Path, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._data_dir = data_dir

    def _connect(self) -> Any:
        try:
            check_socket(self._data_dir, Path(self.path))
        except LedgerUnreachable as error:
            raise redis.ConnectionError(str(error)) from error
        return super()._connect()  # type: ignore[no-untyped-call]
