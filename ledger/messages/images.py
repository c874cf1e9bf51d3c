"""A local image: read, and checked against what Feishu's image upload takes, before it goes into the ledger.

The limits are those of `POST /open-apis/im/v1/images`: 10 MB, not empty, nine formats, and a largest width and height.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ledger.errors import BadInput
from ledger.phrases import Phrase, system_problem

__all__ = ["IMAGE_MB", "LocalImage"]

IMAGE_MB = 10

_BYTES = IMAGE_MB * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LocalImage:
    """The bytes of an image that Feishu will take, as far as can be told here. No repr shows them."""

    data: bytes = field(repr=False)
    sha256: str  #: hex
    format: str  #: one of image_format.FORMATS
    size_bytes: int

    @classmethod
    def read(cls, path: Path, *, where: str = "message.content.file") -> Self:
        """Reads and checks a file. Raises BadInput under the field `where`, naming the file."""
        try:
            if not path.is_file():
                raise BadInput(
                    where,
                    Phrase(
                        "{name} is not a file, or does not exist in {parent}",
                        name=repr(path.name),
                        parent=repr(str(path.parent)),
                    ),
                )
            with path.open("rb") as file:
                data = file.read(_BYTES + 1)
        except OSError as error:
            raise BadInput(
                where, Phrase("{name} cannot be read: {problem}", name=repr(path.name), problem=system_problem(error))
            ) from error
        return cls.check(data, name=path.name, where=where)

    @classmethod
    def check(cls, data: bytes, *, name: str = "image", where: str = "message.content.file") -> Self:
        """Checks bytes that came from elsewhere; `name` stands for them in an error. Raises BadInput."""
        # Pillow takes a MiB, which a worker does not need.
        from ledger.messages.image_format import ImageRefused, format_of

        problem = _size_problem(data)
        if problem is None:
            try:
                format_name = format_of(data)
            except ImageRefused as refusal:
                problem = refusal.args[0]
        if problem:
            raise BadInput(where, Phrase("{file} {problem}", file=repr(name), problem=problem))
        return cls(data, hashlib.sha256(data).hexdigest(), format_name, len(data))


def _size_problem(data: bytes) -> str | None:
    if not data:
        return Phrase("is empty")
    return Phrase("is larger than {most} MB", most=IMAGE_MB) if len(data) > _BYTES else None
