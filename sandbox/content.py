"""Checks message bodies as the helpdesk does, and uploaded images as Feishu does; of images only the keys are kept."""

import re
import secrets
from collections.abc import Callable, Collection
from typing import Any

import orjson

from sandbox.answers import RefusalError
from sandbox.refusals import BAD_REQUEST, FIELD_INVALID, IMAGE_EMPTY, IMAGE_FORMAT, IMAGE_PARAM, IMAGE_TOO_BIG

__all__ = ["MSG_TYPES", "ImageShelf", "check_content", "check_fields"]

#: The size limits of message content: a text by its request, cards and posts by their JSON.
_TEXT_BYTES = 150 * 1024
_RICH_BYTES = 30 * 1024


def check_fields(document: Any) -> dict[str, Any]:
    """The body of a message call. Raises RefusalError when a field is missing or has an unknown value."""
    if not isinstance(document, dict):
        raise RefusalError(BAD_REQUEST, "the body is no JSON object")
    for field in ("msg_type", "content", "receiver_id"):
        value = document.get(field)
        if not isinstance(value, str) or not value:
            raise RefusalError(FIELD_INVALID, f"{field} is required and must be a string")
    if document["msg_type"] not in MSG_TYPES:
        raise RefusalError(FIELD_INVALID, f"msg_type must be one of {', '.join(MSG_TYPES)}")
    if document.get("receive_type", "chat") not in ("chat", "user"):
        raise RefusalError(FIELD_INVALID, "receive_type must be chat or user")
    return document


def check_content(
    msg_type: str,
    content: str,
    *,
    may_send_image: Callable[[str], bool],
    accept_unwrapped_post: bool,
    locales: Collection[str],
) -> None:
    """Raises RefusalError when `content`, a JSON object written as a string, does not fit `msg_type` or is too big.

    Whether the real helpdesk accepts a post without its `post` wrapper, or in `ja_jp`, is unknown; hence the options.
    """
    if len(content.encode("utf-8", "surrogatepass")) > (_TEXT_BYTES if msg_type == "text" else _RICH_BYTES):
        raise RefusalError(BAD_REQUEST, "content is too big")
    try:
        inner = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise RefusalError(BAD_REQUEST, "content is no JSON") from error
    if not isinstance(inner, dict):
        raise RefusalError(BAD_REQUEST, "content is no JSON object")
    if msg_type == "post" and accept_unwrapped_post and "post" not in inner:
        inner = {"post": inner}
    problem = _PROBLEMS[msg_type](inner) or (_locale(inner, locales) if msg_type == "post" else "")
    if not problem and msg_type == "image" and not may_send_image(inner["image_key"]):
        problem = "this app uploaded no image with this image_key"
    if problem:
        raise RefusalError(BAD_REQUEST, problem)


def _text(inner: dict[str, Any]) -> str:
    text = inner.get("text")
    return "" if isinstance(text, str) and text else "text must be a string that is not empty"


def _post(inner: dict[str, Any]) -> str:
    versions = inner.get("post")
    if not isinstance(versions, dict) or not versions:
        return "post must be an object with at least one locale"
    for locale, version in versions.items():
        if not isinstance(version, dict) or not _are_paragraphs(version.get("content")):
            return f"post.{locale} must have a content that is a list of lists of tags"
    return ""


def _locale(inner: dict[str, Any], known: Collection[str]) -> str:
    unknown = [locale for locale in inner["post"] if locale not in known]
    return f"post.{unknown[0]} must be a known locale: {', '.join(sorted(known))}" if unknown else ""


def _are_paragraphs(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(paragraph, list) and all(isinstance(part, dict) and "tag" in part for part in paragraph)
        for paragraph in value
    )


def _image(inner: dict[str, Any]) -> str:
    key = inner.get("image_key")
    return "" if isinstance(key, str) and key else "image_key must be a string that is not empty"


def _card(inner: dict[str, Any]) -> str:
    if str(inner.get("schema", "1.0")) != "1.0":
        return "cards of schema 2.0 are not supported"
    return "" if isinstance(inner.get("elements", []), list) else "elements must be a list"


_PROBLEMS: dict[str, Callable[[dict[str, Any]], str]] = {
    "text": _text,
    "post": _post,
    "image": _image,
    "interactive": _card,
}

#: The message types of the helpdesk bot.
MSG_TYPES = tuple(_PROBLEMS)


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
