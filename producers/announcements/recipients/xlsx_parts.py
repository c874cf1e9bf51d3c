"""The parts of an XLSX workbook, a zip file, checked before any is unpacked."""

import zipfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import IO, BinaryIO, cast

from ledger.phrases import Phrase
from producers.announcements.recipients.bounds import NEW_WORKBOOK, TooMuch

__all__ = ["MIB", "Parts"]

MIB = 1024 * 1024
#: Of all parts together, unpacked: more than a million rows of twenty columns take.
_UNPACKED_BYTES = 1024 * MIB
#: What unpacks to more than this, and to more than a hundred times the file, was made to do harm: spreadsheets pack
#: ten to thirty times.
_PLAIN_BYTES, _RATIO = 64 * MIB, 100
#: The zip file's list of its parts, which zipfile reads at once and holds: some ten thousand names.
_DIRECTORY_BYTES = MIB
#: Sheets, pictures and whatever else lies in the file.
_MOST_PARTS = 2_000
#: Of the head that stands before each part, without its name.
_HEAD_BYTES = 30
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Parts:
    """Use it in a `with`. It closes the zip file, and leaves the file beneath it open."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises zipfile.BadZipFile, and TooMuch for a zip file that no spreadsheet program writes."""
        self._archive = zipfile.ZipFile(cast(IO[bytes], _Guarded(file)))
        self._parts = {_plain(part.filename): part for part in self._archive.infolist()}
        try:
            problem = next(_problems(self._archive), None)
        except BaseException:
            self._archive.close()
            raise
        if problem:
            self._archive.close()
            raise TooMuch(problem)

    def __enter__(self) -> "Parts":
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def __contains__(self, name: str) -> bool:
        return _plain(name) in self._parts

    def open(self, name: str, what: str, most_bytes: int) -> IO[bytes]:
        """The unpacked part. zipfile never gives more than the size that was judged.

        Raises KeyError when there is no such part, TooMuch when it is larger than `most_bytes`; `what` names it there.
        """
        part = self._parts[_plain(name)]
        if part.file_size > most_bytes:
            size, most = -(-part.file_size // MIB), most_bytes // MIB
            raise TooMuch(
                Phrase(
                    "has {what} of {n:,} MiB; at most {most:,} MiB are read: {do}",
                    what=what,
                    n=size,
                    most=most,
                    do=NEW_WORKBOOK,
                )
            )
        return self._archive.open(part)


def _plain(name: str) -> str:
    """Names of parts are the same in capitals; some programs write them as Windows does."""
    return name.replace("\\", "/").lower()


class _Guarded:
    """The file as zipfile reads it: not at once whatever large number of bytes the file says its directory has."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > _DIRECTORY_BYTES:
            self._check_directory()
        return self._file.read(-1 if size is None else size)

    def _check_directory(self) -> None:
        raise TooMuch(
            Phrase(
                "is a zip file with a directory of more than {most} MiB: {do}",
                most=_DIRECTORY_BYTES // MIB,
                do=NEW_WORKBOOK,
            )
        )


def _problems(archive: zipfile.ZipFile) -> Iterator[str]:
    parts = archive.infolist()
    if len(parts) > _MOST_PARTS:
        yield Phrase(
            "has {n:,} parts; at most {most:,} are read: {do}", n=len(parts), most=_MOST_PARTS, do=NEW_WORKBOOK
        )
    if len({_plain(part.filename) for part in parts}) < len(parts):
        yield Phrase("contains a part twice, so it is damaged: {do}", do=NEW_WORKBOOK)
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        yield Phrase("is locked with a password: save it without one")
    if any(part.compress_type not in _METHODS for part in parts) or _overlap(parts, archive.start_dir):
        yield Phrase("was not packed by a spreadsheet program: {do}", do=NEW_WORKBOOK)
    unpacked, packed = sum(part.file_size for part in parts), sum(part.compress_size for part in parts)
    if unpacked > _UNPACKED_BYTES:
        most = _UNPACKED_BYTES // MIB
        yield Phrase(
            "unpacks to {n:,} MiB; at most {most:,} MiB are read: save it as CSV UTF-8", n=unpacked // MIB, most=most
        )
    if unpacked > max(_PLAIN_BYTES, _RATIO * packed):
        yield Phrase(
            "unpacks to {n:,} MiB, more than {ratio} times its size: save it as CSV UTF-8",
            n=unpacked // MIB,
            ratio=_RATIO,
        )


def _overlap(parts: Sequence[zipfile.ZipInfo], directory_at: int) -> bool:
    """Whether two parts share bytes: so a small file unpacks to as much as it likes."""
    spans = sorted((part.header_offset, part.header_offset + _HEAD_BYTES + part.compress_size) for part in parts)
    return any(end > start for (_, end), (start, _) in pairwise([*spans, (directory_at, directory_at)]))
