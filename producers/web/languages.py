"""What people read in an answer, in their language: that of `Accept-Language`, else English."""

from collections.abc import MutableMapping
from functools import partial
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from console.i18n import Language, chosen_language
from ledger.phrases import Phrase

__all__ = ["told_response"]

_OPTIONS = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_NON_STR_KEYS


def told_response(
    value: object,
    scope: MutableMapping[str, Any],
    status: int = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    """JSON with its phrases translated. `scope` is that of the request."""
    language = _language_of(scope)
    body = orjson.dumps(value, default=partial(_plain, language), option=_OPTIONS)
    told = {"Content-Language": language.name, "Vary": "Accept-Language"}
    return Response(body, status, told | (headers or {}), media_type)


def _language_of(scope: MutableMapping[str, Any]) -> Language:
    """Several headers are one list, as RFC 9110 has it."""
    given = [value for name, value in scope.get("headers", ()) if name == b"accept-language"]
    return chosen_language(None, b",".join(given).decode("latin-1"))


def _plain(language: Language, value: object) -> object:
    """For orjson, of what is a subclass of its types."""
    match value:
        case Phrase():
            return str(language.meaning(value))
        case str():
            return str(value)
        case int():
            return int(value)
        case dict():
            return dict(value)
        case list() | tuple():
            return list(value)
    raise TypeError
