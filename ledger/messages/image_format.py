"""The format of an image by its bytes, and whether it is whole: what Pillow is needed for."""

import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from ledger.phrases import Phrase

__all__ = ["FORMATS", "ImageRefused", "format_of"]

#: What the upload takes, JPG and JPEG being one.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "ICO", "TIFF", "HEIC")

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


class ImageRefused(Exception):
    """Why the upload would refuse these bytes; the text follows the file's name in a sentence."""


def format_of(data: bytes) -> str:
    """One of FORMATS. Raises ImageRefused for what the upload would refuse."""
    if _is_heic(data):
        return "HEIC"  # Pillow does not read it: neither its pixels nor its size are checked
    try:
        _check_icon(data)
        with _no_warnings():
            return _opened(data)
    except ImageRefused:
        raise
    except Image.DecompressionBombError as error:
        raise ImageRefused(Phrase("has more than {most:,} × {most:,} pixels", most=_EDGE_PIXELS)) from error
    except UnidentifiedImageError as error:
        raise ImageRefused(
            Phrase("is not an image that Feishu accepts: use {formats}", formats=", ".join(FORMATS))
        ) from error
    except Exception as error:
        # Pillow's decoders answer damaged bytes with OSError, SyntaxError, struct.error, IndexError and what not.
        raise ImageRefused(Phrase("is damaged or incomplete: it cannot be decoded")) from error


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
        raise ImageRefused(
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
            raise ImageRefused(Phrase("is incomplete: a picture of the icon is missing"))
        width, height = _icon_picture_edges(data, offset)
        if width * height > _DECODED_PIXELS:
            raise ImageRefused(
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
