"""A local image: read, and checked against what Feishu's image upload takes, before it goes into the ledger.

The limits are those of `POST /open-apis/im/v1/images`: 10 MB, not empty, nine formats, and a largest width and height.
"""

import hashlib
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Self

from PIL import Image, UnidentifiedImageError

from ledger.errors import BadInput
from ledger.phrases import Phrase

__all__ = ["FORMATS", "IMAGE_MB", "LocalImage"]

IMAGE_MB = 10
#: What the upload takes, JPG and JPEG being one.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "ICO", "TIFF", "HEIC")

_BYTES = IMAGE_MB * 1024 * 1024
_GIF_EDGE_PIXELS = 2_000
_EDGE_PIXELS = 12_000
#: Up to this many pixels (100 MB as RGBA) an image is decoded, which finds what is cut off; of a larger one only the
#: structure is checked, since 10 MB can unpack to more memory than a producer should take.
_DECODED_PIXELS = 25_000_000
#: ftyp brands of HEIF files whose pictures are HEVC, that is HEIC. AVIF shares the container, and is not taken.
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
#: Of the box that names them: a thousand brands. A larger one was made to be gone through.
_FTYP_BYTES = 4096
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: catch_warnings swaps the filters of the whole process, so two threads must not be in it at once.
_quiet = threading.Lock()


@dataclass(frozen=True, slots=True)
class LocalImage:
    """The bytes of an image that Feishu will take, as far as can be told here. No repr shows them."""

    data: bytes = field(repr=False)
    sha256: str  #: hex
    format: str  #: one of FORMATS
    size_bytes: int

    @classmethod
    def read(cls, path: Path, *, where: str = "message.content.file") -> Self:
        """Reads and checks a file. Raises BadInput under the field `where`, naming the file."""
        try:
            if not path.is_file():
                raise BadInput(where, f"{path.name!r} is not a file, or does not exist in {str(path.parent)!r}")
            with path.open("rb") as file:
                data = file.read(_BYTES + 1)
        except OSError as error:
            raise BadInput(where, f"{path.name!r} cannot be read: {error.strerror}") from error
        return cls.check(data, name=path.name, where=where)

    @classmethod
    def check(cls, data: bytes, *, name: str = "image", where: str = "message.content.file") -> Self:
        """Checks bytes that came from elsewhere; `name` stands for them in an error. Raises BadInput."""
        problem = _size_problem(data)
        if problem is None:
            try:
                format_name = _format_of(data)
            except _RefusedError as refusal:
                problem = refusal.args[0]
        if problem:
            raise BadInput(where, Phrase("{file} {problem}", file=repr(name), problem=problem))
        return cls(data, hashlib.sha256(data).hexdigest(), format_name, len(data))


class _RefusedError(Exception):
    """Why the upload would refuse these bytes; the text follows the file's name in a sentence."""


def _size_problem(data: bytes) -> str | None:
    if not data:
        return Phrase("is empty")
    return Phrase("is larger than {most} MB", most=IMAGE_MB) if len(data) > _BYTES else None


def _format_of(data: bytes) -> str:
    if _is_heic(data):
        return "HEIC"  # Pillow does not read it: neither its pixels nor its size are checked
    try:
        _check_icon(data)
        with _no_warnings():
            return _opened(data)
    except _RefusedError:
        raise
    except Image.DecompressionBombError as error:
        raise _RefusedError(Phrase("has more than {most:,} × {most:,} pixels", most=_EDGE_PIXELS)) from error
    except UnidentifiedImageError as error:
        raise _RefusedError(
            Phrase("is not an image that Feishu accepts: use {formats}", formats=", ".join(FORMATS))
        ) from error
    except Exception as error:
        # Pillow's decoders answer damaged bytes with OSError, SyntaxError, struct.error, IndexError and what not.
        raise _RefusedError(Phrase("is damaged or incomplete: it cannot be decoded")) from error


def _is_heic(data: bytes) -> bool:
    """Looks at the first box: length, `ftyp`, major brand, version, then compatible brands, four bytes each."""
    length = int.from_bytes(data[:4], "big")
    if data[4:8] != b"ftyp" or not 16 <= length < min(len(data), _FTYP_BYTES):
        return False
    brands = {data[8:12], *(data[start : start + 4] for start in range(16, length, 4))}
    return bool(brands & _HEIC_BRANDS)


def _opened(data: bytes) -> str:
    # MPO is the JPEG with several pictures that phones write.
    with Image.open(BytesIO(data), formats=[name for name in FORMATS if name != "HEIC"]) as image:
        format_name = "JPEG" if image.format == "MPO" else str(image.format)
        _check_edges(image.size, _GIF_EDGE_PIXELS if format_name == "GIF" else _EDGE_PIXELS)
        small = image.width * image.height <= _DECODED_PIXELS
        image.verify()
    if small:
        _decode(data)
    return format_name


def _check_edges(size: tuple[int, int], allowed: int) -> None:
    if max(size) > allowed:
        raise _RefusedError(
            Phrase(
                "is {width:,} × {height:,} pixels: at most {most:,} × {most:,} are allowed",
                width=size[0],
                height=size[1],
                most=allowed,
            )
        )


def _decode(data: bytes) -> None:
    """verify() says nothing about most formats, and leaves the image unusable: so open it again."""
    with Image.open(BytesIO(data)) as image:
        image.draft("L", (1, 1))  # a JPEG is then decoded at an eighth of its size, but to its end
        image.load()


def _check_icon(data: bytes) -> None:
    """Pillow decodes an icon's picture while it opens the file, so a huge one must be found before."""
    if data[:4] != b"\x00\x00\x01\x00":
        return
    (count,) = struct.unpack_from("<H", data, 4)
    for number in range(count):
        size, offset = struct.unpack_from("<II", data, 6 + 16 * number + 8)
        if offset + size > len(data):
            raise _RefusedError(Phrase("is incomplete: a picture of the icon is missing"))
        width, height = _icon_picture_edges(data, offset)
        if width * height > _DECODED_PIXELS:
            raise _RefusedError(
                Phrase("is an icon of {width:,} × {height:,} pixels: icons have 256 × 256", width=width, height=height)
            )


def _icon_picture_edges(data: bytes, offset: int) -> tuple[int, int]:
    if data.startswith(_PNG_SIGNATURE, offset):
        width, height = struct.unpack_from(">II", data, offset + 16)
    else:
        width, height = struct.unpack_from("<ii", data, offset + 4)
    return abs(width), abs(height)


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Pillow warns of large images (checked here by number) and of odd metadata (not the sender's business)."""
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
