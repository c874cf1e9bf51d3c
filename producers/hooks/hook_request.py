"""A request to a hook, and its JSON."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl

from ledger.errors import BadInput, DeskbellError
from ledger.messages.strict_json import NotJson
from ledger.phrases import Phrase
from ledger.saved_template import SavedTemplate
from producers.hooks.payload import check_shape
from producers.hooks.sent_json import media_type_of, sent_json

__all__ = ["MOST_BYTES", "HookRequest", "check_size", "parsed"]

#: Of a body: as much as GitHub posts, and a group of some ten thousand alerts.
MOST_BYTES = 25 * 1024 * 1024
#: How gzip, zstd, and the common ways of zlib begin.
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x78\x01", b"\x78\x9c", b"\x78\xda")
#: What may stand before JSON: a byte order mark, and blanks.
_BLANKS = b"\xef\xbb\xbf \t\r\n"
_FORM = "application/x-www-form-urlencoded"
#: Of a form: senders of JSON in one have a single field.
_MOST_FIELDS = 100
#: GitHub's descendants name the event in a header of their own; most of them, by their version, in GitHub's as well.
_EVENT, _OTHER_EVENTS = "x-github-event", ("x-forgejo-event", "x-gitea-event", "x-gogs-event")
#: What a template has no business with.
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key", "x-gitlab-token"})


@dataclass(frozen=True, slots=True)
class HookRequest:
    """Headers by lower-case name, and the raw body for signatures. No repr shows either."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    #: What the hook names of saved templates, or why there is none, by desk and name.
    templates: Mapping[tuple[str, str], SavedTemplate | DeskbellError] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, headers: Iterable[tuple[str, str]], body: bytes) -> Self:
        """Repeated headers are joined by commas, as in HTTP."""
        values: dict[str, list[str]] = {}
        for name, value in headers:
            values.setdefault(name.lower(), []).append(value)
        return cls({name: ", ".join(each) for name, each in values.items()}, body)

    @property
    def digest(self) -> str:
        """The SHA-256 of the body, hex: the same for a repeated post."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def shown_headers(self) -> dict[str, str]:
        shown = {name: value for name, value in self.headers.items() if name not in _SECRET_HEADERS}
        event = next((shown[name] for name in (_EVENT, *_OTHER_EVENTS) if name in shown), None)
        return shown if event is None else {**shown, _EVENT: event}

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return media_type_of(self.headers.get("content-type", ""))

    def json(self) -> dict[str, Any]:
        """The JSON object in the body. Raises BadInput."""
        if self.media_type == _FORM:
            raise BadInput("body", Phrase("is a form: set the content type of the webhook to application/json"))
        return self._object(self.body)

    def json_or_form(self, field: str) -> dict[str, Any]:
        """The JSON object in the body, or in this field of the form that the body is. Raises BadInput.

        Some senders post JSON under the content type of a form.
        """
        is_json = self.body.lstrip(_BLANKS).startswith(b"{")
        if is_json or self.media_type != _FORM:
            return self._object(self.body)
        check_size(self.body)
        try:
            text = self.body.decode(errors="replace")
            fields = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError:
            raise BadInput("body", Phrase("has more than {most} fields", most=_MOST_FIELDS)) from None
        found = next((value for name, value in fields if name == field), None)
        if found is None:
            raise BadInput("body", Phrase("is a form without the field {field}", field=field))
        return self._object(found.encode())

    def _object(self, body: bytes) -> dict[str, Any]:
        found = parsed(body, self.headers.get("content-type", ""))
        if not isinstance(found, dict):
            raise BadInput("body", Phrase("must be a JSON object"))
        return found


def parsed(body: bytes, content_type: str = "") -> Any:
    """The value that a body holds. Raises BadInput that repeats nothing of it."""
    if not body or body.isspace():
        raise BadInput("body", Phrase("is empty"))
    check_size(body)
    try:
        found = sent_json(body, content_type)
    except NotJson as error:
        problem = _of_another_kind(body) or Phrase("is not JSON in UTF-8 ({error})", error=error.args[0])
    else:
        check_shape(found, "body")
        return found
    raise BadInput("body", problem)


def check_size(body: bytes, most: int = MOST_BYTES) -> None:
    """Raises BadInput for more bytes than are taken."""
    if len(body) > most:
        problem = Phrase("has {size:,} bytes: at most {most:,} are taken", size=len(body), most=most)
        raise BadInput("body", problem)


def _of_another_kind(body: bytes) -> Phrase | None:
    """What it is instead, for what senders post most often. Unpacking it would need bounds of its own."""
    if body.startswith(_COMPRESSED):
        return Phrase("is compressed: switch compression off in its sender")
    start = body.lstrip(_BLANKS)
    if start.startswith(b"<"):
        return Phrase("is XML or HTML: have its sender post JSON")
    if start.startswith(b"--"):
        return Phrase("is a form with parts: set the content type of the webhook to application/json")
    return None
