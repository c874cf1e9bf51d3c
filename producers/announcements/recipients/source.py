"""The bytes of a recipient file: read several times, in flat memory, and the same each time."""

import codecs
import hashlib
import io
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from ledger.errors import BadInput
from ledger.phrases import Phrase, system_problem
from producers.announcements.recipients.file_kinds import refuse_foreign
from producers.announcements.recipients.row import place

__all__ = ["EndlessRowError", "RowGuard", "Source", "TextGuard"]

#: Read at once, and the longest line: a row of a notification is far shorter, and a file without line ends is no table.
BLOCK_BYTES = 1024 * 1024


#: Of what has NUL bytes by right, or is told by its kind later: zip files, old workbooks, UTF-16.
_BINARY = (b"PK", b"\xd0\xcf\x11\xe0", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class TextGuard:
    """Refuses what is no text file before much of it is read: a NUL byte, or a line without an end."""

    def __init__(self, name: str, encoding: str = "") -> None:
        self._name = name
        self._has_zeros = encoding.startswith(("UTF-16", "UTF-32"))
        self._seen_bytes = 0
        self._since_line_end_bytes = 0
        self._lines = 1

    def see(self, block: bytes) -> None:
        """Takes the next block, at most BLOCK_BYTES long, so that only lines across blocks can be too long."""
        zero = -1 if self._has_zeros else block.find(b"\0")
        if zero >= 0:
            problem = Phrase(
                "contains a NUL byte (byte {at:,}): it must be text (CSV, JSONL) or XLSX", at=self._seen_bytes + zero
            )
            raise BadInput(self._name, problem)
        first, last = _line_ends(block)
        if self._since_line_end_bytes + (len(block) if first < 0 else first) > BLOCK_BYTES:
            raise BadInput(place(self._lines), Phrase("is longer than 1 MiB: this is not a list of receivers"))
        self._since_line_end_bytes = self._since_line_end_bytes + len(block) if last < 0 else len(block) - last - 1
        self._lines += block.count(b"\n") or block.count(b"\r")
        self._seen_bytes += len(block)


class EndlessRowError(Exception):
    """A row takes in more of the file than a row may."""


@dataclass(slots=True)
class RowGuard:
    """Set `blocks_left` at each row: counting every line of it would take a tenth of all reading."""

    blocks_left: int

    def see_block(self) -> None:
        self.blocks_left -= 1
        if self.blocks_left < 0:
            raise EndlessRowError


def _copy(stream: BinaryIO, file: BinaryIO, name: str) -> None:
    """Stops at garbage, so that an endless stream does not fill the disk."""
    block = stream.read(BLOCK_BYTES)
    refuse_foreign(name, block)
    guard = None if block.startswith(_BINARY) else TextGuard(name)
    while block:
        if guard:
            guard.see(block)
        file.write(block)
        block = stream.read(BLOCK_BYTES)
    file.flush()


def _line_ends(block: bytes) -> tuple[int, int]:
    """Where the first and the last line of the block end; -1 when none does. An old Mac ends lines with CR alone."""
    firsts = [at for at in (block.find(b"\n"), block.find(b"\r")) if at >= 0]
    return min(firsts, default=-1), max(block.rfind(b"\n"), block.rfind(b"\r"))


def _identity_of(status: os.stat_result) -> tuple[int, ...]:
    """What differs when a file was written to or replaced."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


class Source:
    """One open file. Reading it neither moves nor shares a position, so two passes may run side by side."""

    def __init__(self, file: BinaryIO, name: str, path: Path | None) -> None:
        """`path` is None for a spooled file, which nobody else can reach."""
        self.name = name
        self.is_of_rows = False  #: of a program, and no file
        self.sha256: str | None = None  #: of the content; None until a pass has come to its end
        self._file = file
        self._path = path
        status = os.fstat(file.fileno())
        self.size_bytes, self._identity = status.st_size, _identity_of(status)

    @classmethod
    def opened(cls, path: Path) -> Self:
        """Opens a file; a pipe is spooled to disk. Raises BadInput when it cannot be read."""
        try:
            file = path.open("rb")
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            problem = Phrase("cannot be read: {problem}", problem=system_problem(error))
            raise BadInput(path.name, problem) from None
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return cls(file, path.name, path)
        with file:
            return cls.spooled(file, path.name)

    @classmethod
    def spooled(cls, stream: BinaryIO | None = None, name: str = "stdin") -> Self:
        """Copies a stream (stdin unless given) into a file without a name: nothing is left of it after a crash."""
        file = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the source
        try:
            _copy(stream or sys.stdin.buffer, file, name)
        except BaseException:
            file.close()
            raise
        return cls(file, name, None)

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, str]]) -> Self:
        """The rows of a program as JSONL, on disk until closed: the line of a row is its number. Raises BadInput."""
        # Imported here: it needs pydantic, and the process that reads an upload starts twice as fast without.
        from producers.announcements.recipients.row_values import row_line

        with tempfile.TemporaryFile() as file:
            for number, row in enumerate(rows):
                file.write(row_line(row, number))
            file.seek(0)
            source = cls.spooled(file, "rows")
        source.is_of_rows = True
        return source

    def fileno(self) -> int:
        """Of the open file, for another process that reads it as this one does: at offsets, moving nothing."""
        return self._file.fileno()

    def head(self, size_bytes: int = BLOCK_BYTES) -> bytes:
        return self.read_at(0, size_bytes)

    def tail(self) -> bytes:
        """The end, without what `head` has."""
        return self.read_at(max(BLOCK_BYTES, self.size_bytes - BLOCK_BYTES), BLOCK_BYTES)

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        return os.pread(self._file.fileno(), size_bytes, offset)

    def blocks(self) -> Iterator[bytes]:
        """The content from its start. Raises BadInput where it differs from what an earlier pass has read."""
        self.verify_unchanged()
        digest = hashlib.sha256()
        offset = 0
        while block := self.read_at(offset, BLOCK_BYTES):
            digest.update(block)
            offset += len(block)
            yield block
        self.verify_unchanged()
        if self.sha256 not in (None, digest.hexdigest()):
            raise self.changed()
        self.sha256 = digest.hexdigest()

    def text(self, encoding: str, guard: RowGuard | None = None) -> io.TextIOWrapper:
        """The content as text, line ends as they are. Reading it raises what `blocks` raises, and EndlessRowError."""
        raw = io.BufferedReader(_Pass(self, encoding, guard), BLOCK_BYTES)
        return io.TextIOWrapper(raw, encoding=encoding, newline="")

    def random_access(self) -> io.BufferedReader:
        """For zip files, which are read from their end. Nothing is verified."""
        return io.BufferedReader(_RandomAccess(self))

    def verify_unchanged(self) -> None:
        """Raises BadInput when the file was written to, or another one stands in its place."""
        try:
            found = [os.fstat(self._file.fileno())] + ([os.stat(self._path)] if self._path else [])
        except FileNotFoundError:
            raise self.changed() from None
        if any(_identity_of(status) != self._identity for status in found):
            raise self.changed()

    def changed(self) -> BadInput:
        return BadInput(self.name, Phrase("changed while it was read: nothing was accepted, start again"))

    def close(self) -> None:
        self._file.close()


class _Pass(io.RawIOBase):
    """The blocks of a source as a raw file, for a TextIOWrapper."""

    def __init__(self, source: Source, encoding: str, rows: RowGuard | None) -> None:
        self._blocks = source.blocks()
        self._guard = TextGuard(source.name, encoding)
        self._rows = rows
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        if not self._rest:
            block = next(self._blocks, b"")
            self._guard.see(block)
            if self._rows and block:
                self._rows.see_block()
            self._rest = memoryview(block)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class _RandomAccess(io.RawIOBase):
    def __init__(self, source: Source) -> None:
        self._source = source
        self._offset = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._source.size_bytes}[whence]
        self._offset = max(0, base + offset)
        return self._offset

    def tell(self) -> int:
        return self._offset

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        data = self._source.read_at(self._offset, len(buffer))
        buffer[: len(data)] = data
        self._offset += len(data)
        return len(data)
