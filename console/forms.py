"""Reading forms, with limits on bytes, fields and files, without blocking the event loop."""

from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

__all__ = ["read_form"]

#: A form without files, bytes: the console's own forms need a tenth of it.
_FORM_BYTES = 64 * 1024
#: A form with files, bytes: a million receivers with some columns fit.
_UPLOAD_BYTES = 256 * 1024 * 1024
#: Fields of a form, most of them the ticked boxes of a list.
_MOST_FIELDS, _MOST_FILES = 250, 3
#: A field in a form with files, bytes: more than the longest text that can be sent.
_FIELD_BYTES = 256 * 1024
#: Of the Content-Type: a boundary has 70 at most, and the parser is slow with thousands of parameters.
_TYPE_CHARACTERS = 300


async def read_form(request: Request, *, uploads: bool) -> FormData:
    """Close it. Raises HTTPException: 413 for what is too large, 400 for anything but a form of ours."""
    content_type = request.headers.get("content-type", "")
    if len(content_type) > _TYPE_CHARACTERS:
        raise HTTPException(HTTPStatus.BAD_REQUEST)
    if content_type.lower().startswith("multipart/form-data"):
        return await _bounded(request, _UPLOAD_BYTES if uploads else _FORM_BYTES).form(
            max_files=_MOST_FILES, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES
        )
    if content_type.lower().startswith("application/x-www-form-urlencoded"):
        return _fields_of(await _bounded(request, _FORM_BYTES).body())
    return FormData()


def _fields_of(body: bytes) -> FormData:
    """Counts the fields before it reads them: Starlette's parser steps through each, and has no bound for them."""
    try:
        fields = parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST) from None
    return FormData([*fields])


def _bounded(request: Request, most_bytes: int) -> Request:
    return Request(request.scope, _bounded_receive(request, most_bytes))


def _bounded_receive(request: Request, most_bytes: int) -> Receive:
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > most_bytes:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

    return receive
