"""Multipart bodies (RFC 7578), read as they come: the one large part goes to disk, the others are held.

How large all of it may be, and how slow, is bounded by the doorway.
"""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Self

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from ledger.messages.images import IMAGE_MB
from ledger.messages.json_fields import shortened
from producers.announcements.recipients.source import BLOCK_BYTES, Source
from producers.web.problems import RETRY_AFTER_SECONDS, Problem

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks  # which is there for type checkers alone

__all__ = ["Form", "Part", "read_form"]

#: Of one part that is held. The largest is an image, which is refused with a better word when it is a little larger.
_HELD_BYTES = (IMAGE_MB + 1) * 1024 * 1024
#: Of all parts that are held: an image, and everything beside it.
_ALL_HELD_BYTES = _HELD_BYTES + 1024 * 1024
#: Several times the parts that there are names for.
_MOST_PARTS = 50
#: Of the Content-Type: a boundary has 70 at most, and the parser is slow with thousands of parameters.
_TYPE_CHARACTERS = 300
#: Of a file's name: the rest of a longer one tells nobody anything.
_NAME_CHARACTERS = 120
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
            problem = f"the part {name} is not UTF-8 (byte {error.start})"
        raise _refused(problem)


@dataclass(slots=True)
class Form:
    """The parts by name. Close it, or use it in a `with`: the large one is a file, which is gone then."""

    parts: dict[str, Part] = field(default_factory=dict)
    large: Source | None = None  #: without a name on disk: nothing is left of it after a crash

    @property
    def held_bytes(self) -> int:
        return sum(len(part.content) for part in self.parts.values())

    def close(self) -> None:
        if self.large:
            self.large.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def read_form(request: Request, *, large: str) -> Form:
    """Reads all of the body; the part named `large` goes to disk.

    Raises Problem: 400 for what is no multipart body, 413 for a part that is too large, 503 when the disk is full.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115  the form closes it
    try:
        reader = _Reader(request, large)
        async for chunk in request.stream():
            reader.feed(chunk)
            if len(reader.to_write) >= BLOCK_BYTES:
                await run_in_threadpool(_write, file, reader.take())
        await run_in_threadpool(_write, file, reader.take())
        reader.finish()
    except BaseException:
        file.close()
        raise
    if reader.large_name is None:
        file.close()
        return Form(reader.parts)
    return Form(reader.parts, Source(file, reader.large_name, None))


class _Reader:
    """Sorts the parts out as the parser finds them."""

    def __init__(self, request: Request, large: str) -> None:
        self.parts: dict[str, Part] = {}
        self.large_name: str | None = None
        self.to_write = bytearray()
        self._large = large
        self._headers: dict[bytes, bytearray] = {}
        self._header_name = bytearray()
        self._name = ""
        self._file_name: str | None = None
        self._held = bytearray()
        self._held_bytes = 0  #: of all parts so far
        self._complete = False
        with _refusing():
            self._parser = MultipartParser(_boundary_of(request), self._callbacks())

    def feed(self, chunk: bytes) -> None:
        with _refusing():
            self._parser.write(chunk)

    def take(self) -> bytes:
        """What has come of the large part and is not written yet."""
        taken = bytes(self.to_write)
        self.to_write.clear()
        return taken

    def finish(self) -> None:
        if not self._complete:
            raise _refused("it ends before its last boundary")

    def _callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_to_header_name,
            "on_header_value": self._add_to_header,
            "on_header_end": self._header_name.clear,
            "on_headers_finished": self._name_part,
            "on_part_data": self._add_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin_part(self) -> None:
        self._headers.clear()
        self._held.clear()
        if len(self.parts) == _MOST_PARTS:
            raise _refused(f"it has more than {_MOST_PARTS} parts")

    def _add_to_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_to_header(self, data: bytes, start: int, end: int) -> None:
        self._headers.setdefault(bytes(self._header_name).lower(), bytearray()).extend(data[start:end])

    def _name_part(self) -> None:
        _, options = parse_options_header(bytes(self._headers.get(b"content-disposition", b"")))
        if b"name" not in options:
            raise _refused("it has a part without a name")
        self._name = options[b"name"].decode("utf-8", "replace")
        self._file_name = _file_name(options[b"filename"]) if b"filename" in options else None
        if self._name in self.parts or (self._name == self._large and self.large_name is not None):
            raise _refused(f"the part {shortened(self._name)} stands twice in it")
        if self._name == self._large:
            self.large_name = self._file_name or self._name

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == self._large:
            self.to_write += data[start:end]
            return
        self._held += data[start:end]
        self._held_bytes += end - start
        if len(self._held) > _HELD_BYTES:
            raise _too_large(f"the part {shortened(self._name)} has more than {_HELD_BYTES:,} bytes")
        if self._held_bytes > _ALL_HELD_BYTES:
            raise _too_large(f"the parts beside {self._large} have more than {_ALL_HELD_BYTES:,} bytes together")

    def _end_part(self) -> None:
        if self._name != self._large:
            self.parts[self._name] = Part(bytes(self._held), self._file_name)

    def _end(self) -> None:
        self._complete = True


def _boundary_of(request: Request) -> bytes:
    content_type = request.headers.get("content-type", "")
    if len(content_type) > _TYPE_CHARACTERS:
        raise _refused(
            f"it is not built as multipart/form-data is: its Content-Type has over {_TYPE_CHARACTERS} characters"
        )
    _, options = parse_options_header(content_type)
    if not options.get(b"boundary"):
        raise _refused("its Content-Type names no boundary")
    return options[b"boundary"]


def _file_name(raw: bytes) -> str:
    """Without the folders that some clients put before it."""
    name = PureWindowsPath(PurePosixPath(raw.decode("utf-8", "replace")).name).name
    return "".join(character for character in name if character.isprintable())[-_NAME_CHARACTERS:]


def _write(file: BinaryIO, data: bytes) -> None:
    try:
        file.write(data)
        file.flush()
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "There is no room for the upload",
            "the disk that holds the temporary files of the server is full",
            type="no-room",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        ) from error


@contextmanager
def _refusing() -> Iterator[None]:
    """The parser's own errors as ours."""
    try:
        yield
    except FormParserError:
        problem = "it is not built as multipart/form-data is"
    else:
        return
    raise _refused(problem)


def _too_large(problem: str) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "A part of the body is too large",
        problem,
        type="body-too-large",
        headers={"Connection": "close"},
    )


def _refused(problem: str) -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "The body is not the form that is expected",
        problem,
        type="bad-form",
        headers={"Connection": "close"},
    )
