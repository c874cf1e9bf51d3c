"""Uploaded images: a multipart form with `image_type` and `image`, checked as Feishu does; only keys are kept."""

import re
import secrets

from sandbox.answers import RefusalError
from sandbox.refusals import IMAGE_EMPTY, IMAGE_FORMAT, IMAGE_PARAM, IMAGE_TOO_BIG

__all__ = ["ImageShelf"]

_MAX_BYTES = 10 * 1024 * 1024
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_NAME = re.compile(rb'[;\s]name="([^"]*)"', re.IGNORECASE)
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM", b"\0\0\1\0", b"II*\0", b"MM\0*")
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"})
#: Keys with this prefix count as uploaded by every app, so that a demo needs no upload.
_DEMO_PREFIX = "img_demo"


class ImageShelf:
    """The image keys of each app. The images themselves are not kept."""

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}

    def upload(self, app_id: str, content_type: str, body: bytes) -> str:
        """Returns the new key. Raises RefusalError with a 234xxx code."""
        form = _form(content_type, body)
        if form.get("image_type") not in (b"message", b"avatar") or "image" not in form:
            raise RefusalError(IMAGE_PARAM)
        _check(form["image"])
        key = "img_v2_" + secrets.token_hex(16)
        self._owners[key] = app_id
        return key

    def may_send(self, app_id: str, image_key: str) -> bool:
        return image_key.startswith(_DEMO_PREFIX) or self._owners.get(image_key) == app_id


def _check(image: bytes) -> None:
    if not image:
        raise RefusalError(IMAGE_EMPTY)
    if len(image) > _MAX_BYTES:
        raise RefusalError(IMAGE_TOO_BIG)
    webp = image[:4] == b"RIFF" and image[8:12] == b"WEBP"
    heic = image[4:8] == b"ftyp" and image[8:12] in _HEIC_BRANDS
    if not (image.startswith(_STARTS) or webp or heic):
        raise RefusalError(IMAGE_FORMAT)


def _form(content_type: str, body: bytes) -> dict[str, bytes]:
    """The parts of a multipart/form-data body by name; empty for any other body."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None or not content_type.lower().startswith("multipart/form-data"):
        return {}
    form = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode("latin-1"))[1:]:
        head, separator, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if separator and name is not None:
            form[name[1].decode("utf-8", "replace")] = value
    return form
