"""A disk that loses its power: of each file it keeps what an fsync has covered, and no byte more."""

import os
import shutil
import subprocess
from pathlib import Path

__all__ = ["Disk", "NoCompiler"]

_SOURCE = Path(__file__).parent / "fsynced.c"


class NoCompiler(Exception):
    """The library that notes each fsync cannot be made here."""


class Disk:
    """Takes notes of the fsyncs of a server that runs with its `environment`.

    `folder`, for the notes, must be on the same file system as the server's files. Raises NoCompiler.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if not compiler:
            raise NoCompiler("there is no C compiler (cc): install gcc")
        self._notes = folder / "fsynced"
        self._notes.mkdir(parents=True)
        library = folder / "fsynced.so"
        flags = ("-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror")
        subprocess.run([compiler, *flags, "-o", library, _SOURCE, "-ldl", "-lpthread"], check=True, timeout=60)
        self.environment = {"LD_PRELOAD": str(library), "POWER_NOTES": str(self._notes)}

    def kept_of(self, file: Path) -> int:
        """How many of its bytes a power cut would leave."""
        return min(self._noted_size(file.stat().st_ino), file.stat().st_size)

    @property
    def fsyncs(self) -> int:
        """How many have returned since the power was last cut."""
        counted = self._notes / "fsyncs"
        return counted.stat().st_size if counted.exists() else 0

    def lose_power(self, directory: Path) -> int:
        """Once the server is dead: leaves of its files what was fsynced, and gives how many bytes were lost.

        Names come back as the last fsync of the directory found them. After it all that is left is on disk.
        """
        self._restore_names(directory)
        lost = 0
        for file in _files(directory):
            size = self.kept_of(file)
            lost += file.stat().st_size - size
            os.truncate(file, size)
        self._note_afresh(directory)
        return lost

    def _noted_size(self, inode: int) -> int:
        note = self._notes / f"size.{inode}"
        return int(note.read_text("ascii")) if note.exists() else 0

    def _restore_names(self, directory: Path) -> None:
        note = self._notes / f"names.{directory.stat().st_ino}"
        if not note.exists():
            return
        listed = (line.split(" ", 1) for line in note.read_text("utf-8").splitlines())
        inodes = {name: int(inode) for inode, name in listed}
        now = {file.name: file.stat().st_ino for file in _files(directory)}
        # Links first: the file of one name may stand under another one, which goes.
        for inode in set(inodes.values()) & set(now.values()):
            self._keep(directory / next(name for name, its in now.items() if its == inode), inode)
        for name, inode in now.items():
            if inodes.get(name) != inode:
                (directory / name).unlink()
        for name, inode in inodes.items():
            if now.get(name) != inode:
                os.link(self._notes / f"kept.{inode}", directory / name)

    def _keep(self, file: Path, inode: int) -> None:
        kept = self._notes / f"kept.{inode}"
        if not kept.exists():
            os.link(file, kept)

    def _note_afresh(self, directory: Path) -> None:
        for note in self._notes.iterdir():
            note.unlink()
        names = ""
        for file in _files(directory):
            inode = file.stat().st_ino
            (self._notes / f"size.{inode}").write_text(f"{file.stat().st_size:020d}", "ascii")
            names += f"{inode} {file.name}\n"
        (self._notes / f"names.{directory.stat().st_ino}").write_text(names, "utf-8")


def _files(directory: Path) -> list[Path]:
    return [path for path in sorted(directory.iterdir()) if path.is_file()]
