"""Cuts zeros out of append-only files, and nothing else: all written data is kept.

Zeros have two origins. A power cut can leave a tail of zeros, since ext4 and XFS may have stored the new size of a
file but not its new content. And a write that a full disk cut short leaves a hole of zeros between two commands (see
`ledger/append_only.py`). `valkey-check-aof --fix` cuts off everything after the first zero, acknowledged or not.
"""

import mmap
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from ledger.errors import DeskbellError
from ledger.phrases import Phrase

__all__ = ["Damaged", "Zeros", "cut_tail", "newest_file", "repair"]

#: Bytes per read, from the end of a file.
_PORTION = 64 * 1024
#: A command is `*3` and three times `$length`, then as many bytes; an annotation is a line (aof.c of Valkey and Redis).
_ARRAY, _BULK = re.compile(rb"\*([1-9]\d{0,9})\r\n"), re.compile(rb"\$(\d{1,10})\r\n")
_ANNOTATION = re.compile(rb"#[^\0\r\n]{0,1000}\r\n")
_ZEROS = re.compile(rb"\0+")
#: The beginning of an element, at the end of an incomplete file.
_BEGUN = re.compile(rb"[*$]\d{0,10}\r?|#[^\0\r\n]{0,1000}\r?")


class Damaged(DeskbellError):
    """The file has other damage than zeros between commands, and is left as it is."""

    def __init__(self, file: Path, at: int, found: Phrase) -> None:
        super().__init__(
            Phrase(
                "{name} cannot be repaired without losing what was accepted: at byte {at} {found}. Nothing "
                "was changed: keep a copy of the directory, and restore a backup or use a replica",
                name=file.name,
                at=at,
                found=found,
            )
        )


class Zeros(NamedTuple):
    """The position of a run of zeros."""

    file: Path
    at: int
    size: int


def newest_file(directory: Path) -> Path | None:
    """The file that the server last wrote to, by the manifest; None if there is none yet."""
    files = _files(directory)
    return files[-1] if files else None


def cut_tail(file: Path) -> int:
    """Cuts zeros off the end. Returns their number. No command ends in a zero, so nothing is lost."""
    with file.open("r+b") as opened:
        end = size = opened.seek(0, os.SEEK_END)
        kept = 0
        while end and not kept:
            begin = opened.seek(max(0, end - _PORTION))
            kept = len(opened.read(end - begin).rstrip(b"\0"))
            end = begin + kept
        if end < size:
            opened.truncate(end)
            os.fsync(opened.fileno())
    return size - end


def repair(directory: Path) -> list[Zeros]:
    """Cuts the zeros out of all files of the manifest; each file as it was stays beside it, as `….before-repair`.

    Stop the server first. Raises Damaged before anything is changed, and DeskbellError if the manifest is missing.
    """
    found = [zeros for file in _files(directory) for zeros in _zeros_of(file)]
    for file in dict.fromkeys(zeros.file for zeros in found):
        _cut_out(file, [zeros for zeros in found if zeros.file == file])
    return found


def _files(directory: Path) -> list[Path]:
    """The files with commands, in order. The base is a snapshot, and was written as a whole."""
    manifests = list(directory.glob("*.manifest"))
    if len(manifests) != 1:
        raise DeskbellError(
            Phrase(
                "{directory} has no *.manifest of append-only files: name the directory that has it",
                directory=str(directory),
            )
        )
    files = []
    for line in manifests[0].read_text("utf-8").splitlines():
        words = shlex.split(line)
        entry = dict(zip(words[::2], words[1::2], strict=False))
        if entry.get("type") == "i":
            files.append(directory / entry["file"])
    return [file for file in files if file.exists()]


def _zeros_of(file: Path) -> Iterator[Zeros]:
    with file.open("rb") as opened:
        if not opened.seek(0, os.SEEK_END):
            return
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            at = 0
            while at < len(data):
                if zeros := _ZEROS.match(data, at):
                    yield Zeros(file, at, zeros.end() - at)
                    at = zeros.end()
                else:
                    at = _end_of_command(file, data, at)


def _end_of_command(file: Path, data: mmap.mmap, at: int) -> int:
    """The end of the command or annotation; the file's end for an incomplete one, which the server cuts off itself."""
    if annotation := _ANNOTATION.match(data, at):
        return annotation.end()
    if not (array := _ARRAY.match(data, at)):
        return _broken_off(file, data, at)
    end = array.end()
    for _ in range(int(array[1])):
        if not (bulk := _BULK.match(data, end)):
            return _broken_off(file, data, end)
        end = bulk.end() + int(bulk[1]) + 2
        if end > len(data):
            return len(data)
        if data[end - 2 : end] != b"\r\n":
            raise Damaged(file, end - 2, Phrase("a value does not end where it should"))
    return end


def _broken_off(file: Path, data: mmap.mmap, at: int) -> int:
    if at == len(data) or _BEGUN.fullmatch(data, at):
        return len(data)
    raise Damaged(
        file, at, Phrase("stand zeros inside a command") if data[at] == 0 else Phrase("no command begins, nor a value")
    )


def _cut_out(file: Path, holes: Sequence[Zeros]) -> None:
    before, repaired = file.with_name(f"{file.name}.before-repair"), file.with_name(f"{file.name}.repaired")
    if before.exists():
        raise DeskbellError(Phrase("{before} exists from an earlier repair: move it away first", before=str(before)))
    with file.open("rb") as source, repaired.open("wb") as target:
        for begin, end in _kept(holes, os.fstat(source.fileno()).st_size):
            _copy(source, target, begin, end)
        target.flush()
        os.fsync(target.fileno())
    shutil.copystat(file, repaired)
    owner = file.stat()
    os.chown(repaired, owner.st_uid, owner.st_gid)
    os.link(file, before)
    repaired.replace(file)
    _fsync_directory(file.parent)


def _kept(holes: Sequence[Zeros], size: int) -> Iterator[tuple[int, int]]:
    begin = 0
    for hole in holes:
        yield begin, hole.at
        begin = hole.at + hole.size
    yield begin, size


def _copy(source: IO[bytes], target: IO[bytes], begin: int, end: int) -> None:
    source.seek(begin)
    while begin < end:
        portion = source.read(min(end - begin, _PORTION))
        target.write(portion)
        begin += len(portion)


def _fsync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
