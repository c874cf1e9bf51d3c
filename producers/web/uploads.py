"""Multipart bodies (RFC 7578), read as they come by Starlette's parser: the one large part goes to disk.

How large all of it may be, and how slow, is bounded by the doorway.
"""

import errno
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import PurePosixPath, PureWindowsPath
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, NamedTuple, cast

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ledger.messages.images import IMAGE_MB
from ledger.messages.json_fields import shortened
from ledger.phrases import Phrase
from producers.announcements.recipients.source import Source
from producers.web.problems import Problem, closing

__all__ = ["Form", "Part", "read_form"]

#: Of one part that is held. The largest is an image, which is refused with a better word when it is a little larger.
_HELD_BYTES = (IMAGE_MB + 1) * 1024 * 1024
#: Of all parts that are held: an image, and everything beside it.
_ALL_HELD_BYTES = _HELD_BYTES + 1024 * 1024
#: Of a held part: what is larger goes to disk meanwhile.
_SPOOLED_BYTES = 64 * 1024
#: Several times the parts that there are names for.
_MOST_PARTS = 50
#: Of the Content-Type: a boundary has 70 at most, and the parser is slow with thousands of parameters.
_TYPE_CHARACTERS = 300
#: Of a file's name: the rest of a longer one tells nobody anything.
_NAME_CHARACTERS = 120
_NOT_BUILT = Phrase("it is not built as multipart/form-data is")
#: The disk is full, or the share of it that is ours.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Part(NamedTuple):
    """A part that is held. A file has a name, a plain field has none."""

    content: bytes
    file_name: str | None

    def text(self, name: str) -> str:
        """Raises Problem (400) for what is not UTF-8."""
        try:
            return self.content.decode()
        except UnicodeDecodeError as error:
            problem = Phrase("the part {name} is not UTF-8 (byte {at:,})", name=name, at=error.start)
        raise _refused(problem)


@dataclass(slots=True)
class Form:
    """The parts by name. Close it: the large one is a file, which is gone then."""

    parts: dict[str, Part]
    large: Source | None  #: without a name on disk: nothing is left of it after a crash

    @property
    def held_bytes(self) -> int:
        return sum(len(part.content) for part in self.parts.values())

    def close(self) -> None:
        if self.large:
            self.large.close()


async def read_form(request: Request, *, large: str) -> Form:
    """Reads all of the body; the part named `large` goes to disk.

    Raises Problem: 400 for what is no multipart body, 413 for a part that is too large, 503 when the disk is full.
    """
    _check_content_type(request)
    parser = _FormParser(request, large)
    with _refusing():
        await parser.parse()
    # No await from here on: a cancellation would leave files open.
    found = parser.uploads.pop(large, None)
    source = Source(found.file, _file_name(found.filename or "") or large, None) if found else None
    parts = {}
    for name, upload in parser.uploads.items():
        with upload.file as file:
            parts[name] = Part(file.read(), None if upload.filename is None else _file_name(upload.filename))
    return Form(parts, source)


class _FormParser(MultiPartParser):
    """Starlette's, with what it lacks: a bound for the bytes of files, names that stand once, and an end.

    A field without a file name is an upload here, too. Starlette would hold it, whatever its name, and decode what is
    not UTF-8 as if it were Latin-1.
    """

    spool_max_size = _SPOOLED_BYTES

    def __init__(self, request: Request, large: str) -> None:
        super().__init__(request.headers, self._whole(request.stream()), max_files=_MOST_PARTS, max_fields=_MOST_PARTS)
        self.uploads: dict[str, UploadFile] = {}
        self._large = large
        self._bytes = Counter[str]()  #: of each part that is held
        self._has_ended = False

    def on_headers_finished(self) -> None:
        part = self._current_part
        if b"name" not in parse_options_header(part.content_disposition)[1]:
            raise _refused(Phrase("it has a part without a name"))
        if len(self.uploads) == _MOST_PARTS:
            raise _refused(Phrase("it has more than {most} parts", most=_MOST_PARTS))
        self._charset = "utf-8"  # as RFC 7578 has it, whatever a Content-Type names
        super().on_headers_finished()
        if part.field_name in self.uploads:
            raise _refused(Phrase("the part {name} appears twice", name=shortened(part.field_name)))
        if part.file is None:
            file = SpooledTemporaryFile[bytes](self.spool_max_size)
            self._files_to_close_on_error.append(file)
            part.file = UploadFile(cast(BinaryIO, file), size=0)
        if part.field_name == self._large:
            part.file.file.fileno()  # which takes it to disk
        self.uploads[part.field_name] = part.file

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        super().on_part_data(data, start, end)
        name = self._current_part.field_name
        if name == self._large:
            return
        self._bytes[name] += end - start
        if self._bytes[name] > _HELD_BYTES:
            raise _too_large(
                Phrase("the part {name} has more than {most:,} bytes", name=shortened(name), most=_HELD_BYTES)
            )
        if self._bytes.total() > _ALL_HELD_BYTES:
            raise _too_large(
                Phrase(
                    "the parts beside {large} have more than {most:,} bytes together",
                    large=self._large,
                    most=_ALL_HELD_BYTES,
                )
            )

    def on_end(self) -> None:
        self._has_ended = True

    async def _whole(self, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for chunk in chunks:
            yield chunk
        if not self._has_ended:
            raise _refused(Phrase("it ends before its last boundary"))


def _check_content_type(request: Request) -> None:
    content_type = request.headers.get("content-type", "")
    if len(content_type) > _TYPE_CHARACTERS:
        raise _refused(
            Phrase(
                "{problem}: its Content-Type has over {most} characters",
                problem=_NOT_BUILT,
                most=_TYPE_CHARACTERS,
            )
        )
    if not parse_options_header(content_type)[1].get(b"boundary"):
        raise _refused(Phrase("its Content-Type names no boundary"))


def _file_name(name: str) -> str:
    """Without the folders that some clients put before it."""
    name = PureWindowsPath(PurePosixPath(name).name).name
    return "".join(character for character in name if character.isprintable())[-_NAME_CHARACTERS:]


@contextmanager
def _refusing() -> Iterator[None]:
    """The errors of the parser and of the disk as ours."""
    try:
        yield
    except MultiPartException:
        problem = _refused(_NOT_BUILT)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        problem = Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            Phrase("The disk has no room for the upload"),
            Phrase("the disk that holds the temporary files of the server is full"),
            type="no-room",
        )
    else:
        return
    raise problem


def _too_large(problem: Phrase) -> Problem:
    return closing(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Phrase("A part of the body is too large"), problem, type="body-too-large"
    )


def _refused(problem: Phrase) -> Problem:
    return closing(HTTPStatus.BAD_REQUEST, Phrase("The body is not the expected form"), problem, type="bad-form")
