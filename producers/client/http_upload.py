"""An announcement as a multipart body (RFC 7578): options, message, and the file, which is streamed."""

import secrets
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ledger.errors import BadInput
from ledger.phrases import Phrase, system_problem
from producers.announcements.recipients.source import Source

__all__ = ["FilePart", "Upload"]


class FilePart(NamedTuple):
    """A part that is a file of the given content."""

    file_name: str
    content_type: str
    content: bytes | Source


class Upload:
    """Read from its start by each iteration. Raises BadInput on the way when the file cannot be read, or changes."""

    def __init__(self, fields: Mapping[str, str], files: Mapping[str, FilePart]) -> None:
        # 128 random bits: no file has it by chance.
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._pieces: list[bytes | Source] = []
        for name, value in fields.items():
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
            self._pieces += [head.encode(), value.encode(), b"\r\n"]
        for name, part in files.items():
            self._pieces += [_head(boundary, name, part).encode(), part.content, b"\r\n"]
        self._pieces.append(f"--{boundary}--\r\n".encode())

    def __len__(self) -> int:
        return sum(piece.size_bytes if isinstance(piece, Source) else len(piece) for piece in self._pieces)

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Source):
                yield from _blocks(piece)
            else:
                yield piece


def _head(boundary: str, name: str, part: FilePart) -> str:
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="{_quoted(part.file_name)}"'
    return f"--{boundary}\r\n{disposition}\r\nContent-Type: {part.content_type}\r\n\r\n"


def _quoted(file_name: str) -> str:
    """As HTML's forms write it: in UTF-8, with what would end the header or the quotes escaped."""
    safe = file_name.encode("utf-8", "replace").decode()
    return safe.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _blocks(source: Source) -> Iterator[bytes]:
    try:
        yield from source.blocks()
    except OSError as error:  # which would be taken for one of the connection
        raise BadInput(source.name, Phrase("cannot be read: {problem}", problem=system_problem(error))) from None
