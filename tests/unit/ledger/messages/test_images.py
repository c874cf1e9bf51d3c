"""Which images may go into the ledger. Every image is drawn here, by Pillow or byte by byte."""

import hashlib
import os
import struct
import threading
import time
import warnings
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ledger.errors import BadInput
from ledger.messages.image_format import FORMATS
from ledger.messages.images import LocalImage

TEN_MB = 10 * 1024 * 1024


def drawn(format_name: str, size: tuple[int, int] = (40, 30), mode: str = "RGB") -> bytes:
    """A picture with noise in it, so that cutting the file cuts pixels."""
    noise = Image.effect_noise(size, 80).convert(mode)
    return saved(noise, format_name)


def saved(image: Image.Image, format_name: str) -> bytes:
    file = BytesIO()
    image.save(file, format_name)
    return file.getvalue()


def heic(brand: bytes = b"heic", compatible: bytes = b"mif1heic") -> bytes:
    box = b"ftyp" + brand + b"\0\0\0\0" + compatible
    return struct.pack(">I", len(box) + 4) + box + b"\0\0\0\x08meta"


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_zeros(width: int, height: int) -> bytes:
    """A valid PNG, one bit a pixel, all black: 144 million pixels in some 20 kB."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")


def icon_around(png: bytes) -> bytes:
    return struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(png), 22) + png


def refusal_of(data: bytes) -> str:
    with pytest.raises(BadInput) as caught:
        LocalImage.check(data, name="logo.png")
    assert caught.value.field == "message.content.file"
    assert "'logo.png'" in caught.value.problem
    return caught.value.problem


@pytest.mark.parametrize("format_name", [name for name in FORMATS if name != "HEIC"])
def test_every_format_of_the_upload_is_taken(format_name: str) -> None:
    data = drawn(format_name)

    image = LocalImage.check(data)

    assert (image.format, image.size_bytes, image.data) == (format_name, len(data), data)
    assert image.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(("brand", "compatible"), [(b"heic", b"mif1heic"), (b"mif1", b"mif1heic"), (b"heix", b"")])
def test_heic_is_told_by_its_brand(brand: bytes, compatible: bytes) -> None:
    assert LocalImage.check(heic(brand, compatible)).format == "HEIC"


@pytest.mark.parametrize("data", [heic(b"avif", b"mif1miaf"), heic()[:16], heic()[:-8], b"\0\0\0\x14ftyp"])
def test_what_only_resembles_heic_is_refused(data: bytes) -> None:
    assert "is not an image that Feishu accepts: use JPEG, PNG" in refusal_of(data)


def test_a_jpeg_of_several_pictures_as_phones_write_it_is_a_jpeg() -> None:
    file = BytesIO()
    first, second = (Image.effect_noise((40, 30), 80).convert("RGB") for _ in range(2))
    first.save(file, "MPO", save_all=True, append_images=[second])

    assert LocalImage.check(file.getvalue()).format == "JPEG"


def test_a_moving_gif_is_taken() -> None:
    file = BytesIO()
    frames = [Image.effect_noise((40, 30), 80) for _ in range(3)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])

    assert LocalImage.check(file.getvalue()).format == "GIF"


@pytest.mark.parametrize("format_name", [name for name in FORMATS if name != "HEIC"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_picture_cut_off_is_refused(format_name: str, part: float) -> None:
    data = drawn(format_name)

    assert refusal_of(data[: int(len(data) * part)])


@pytest.mark.parametrize("data", [b"Dear all,", b"%PDF-1.7", b"<svg/>", b"\x89PNG\r\n\x1a\n", b"\x00" * 64])
def test_what_is_no_image_is_refused_whatever_its_name(data: bytes) -> None:
    assert "is not an image" in refusal_of(data) or "is damaged" in refusal_of(data)


@pytest.mark.parametrize("format_name", ["PPM", "TGA", "JPEG2000", "ICNS"])
def test_an_image_of_another_format_is_refused(format_name: str) -> None:
    assert "is not an image that Feishu accepts" in refusal_of(drawn(format_name, (32, 32)))


def test_an_empty_file_is_refused() -> None:
    assert refusal_of(b"") == "'logo.png' is empty"


def test_ten_megabytes_are_taken_and_one_byte_more_is_refused() -> None:
    picture = drawn("PNG")

    assert LocalImage.check(picture + bytes(TEN_MB - len(picture))).size_bytes == TEN_MB
    assert "is larger than 10 MB" in refusal_of(picture + bytes(TEN_MB - len(picture) + 1))


@pytest.mark.parametrize(
    ("format_name", "size"), [("GIF", (2000, 4)), ("GIF", (4, 2000)), ("PNG", (12_000, 4)), ("JPEG", (4, 12_000))]
)
def test_an_edge_of_the_largest_size_is_taken(format_name: str, size: tuple[int, int]) -> None:
    assert LocalImage.check(saved(Image.new("L", size), format_name)).format == format_name


@pytest.mark.parametrize(
    ("format_name", "size", "told"),
    [
        ("GIF", (2001, 4), "is 2,001 × 4 pixels: at most 2,000 × 2,000 are allowed"),
        ("PNG", (4, 12_001), "is 4 × 12,001 pixels: at most 12,000 × 12,000 are allowed"),
        ("TIFF", (12_001, 4), "is 12,001 × 4 pixels"),
        ("BMP", (12_001, 4), "is 12,001 × 4 pixels"),
        ("WEBP", (12_001, 4), "is 12,001 × 4 pixels"),
    ],
)
def test_an_edge_too_long_is_refused_with_both_sizes(format_name: str, size: tuple[int, int], told: str) -> None:
    assert told in refusal_of(saved(Image.new("RGB", size), format_name))


def test_the_largest_png_is_taken_without_being_unpacked() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow warns of more than 89 million pixels: the warning must stay inside
        assert LocalImage.check(png_of_zeros(12_000, 12_000)).format == "PNG"


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    header = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 6, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(bytes(1000)))

    assert "has more than 12,000 × 12,000 pixels" in refusal_of(bomb + png_chunk(b"IEND", b""))


def test_a_bomb_inside_an_icon_is_refused_before_pillow_unpacks_it() -> None:
    assert "is an icon of 11,000 × 11,000 pixels" in refusal_of(icon_around(png_of_zeros(11_000, 11_000)))
    assert LocalImage.check(icon_around(drawn("PNG", (256, 256), "RGBA"))).format == "ICO"


def test_a_file_is_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "poster.png"
    path.write_bytes(drawn("WEBP"))

    image = LocalImage.read(path)

    assert image.format == "WEBP"
    assert image.data == path.read_bytes()


def test_a_file_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")

    for name in ("missing.png", "folder.png", "pipe.png", "x" * 300 + ".png", "nul\0.png"):
        with pytest.raises(BadInput) as caught:
            LocalImage.read(tmp_path / name, where="rows[2].file")
        assert caught.value.field == "rows[2].file"
        assert repr(name) in caught.value.problem


def test_a_file_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    with path.open("wb") as file:
        file.truncate(2**40)  # sparse: takes no room

    with pytest.raises(BadInput, match=r"'film\.png' is larger than 10 MB"):
        LocalImage.read(path)


def test_no_repr_shows_the_bytes() -> None:
    image = LocalImage.check(drawn("BMP"))

    assert "data" not in repr(image)
    assert repr(image).startswith("LocalImage(sha256=")


def test_threads_that_check_at_once_leave_the_warning_filters_as_they_were() -> None:
    data = drawn("PNG")
    before = list(warnings.filters)
    threads = [threading.Thread(target=LocalImage.check, args=(data,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert list(warnings.filters) == before


DRAWN = {name: drawn(name, (16, 12)) for name in FORMATS if name != "HEIC"} | {"HEIC": heic()}


@given(format_name=st.sampled_from(FORMATS), data=st.data())
def test_damaged_bytes_are_taken_or_refused_and_nothing_else(format_name: str, data: st.DataObject) -> None:
    damaged = bytearray(DRAWN[format_name])
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, min(len(damaged) - 1, 200)))] = data.draw(st.integers(0, 255))
    try:
        LocalImage.check(bytes(damaged))
    except BadInput as refusal:
        assert refusal.field == "message.content.file"  # noqa: PT017


def test_a_list_of_brands_without_end_is_not_gone_through() -> None:
    endless = (9_000_000).to_bytes(4) + b"ftypheic" + bytes(9_500_000)
    began = time.thread_time()
    with pytest.raises(BadInput, match="is not an image that Feishu accepts"):
        LocalImage.check(endless)
    assert time.thread_time() - began < 0.2
