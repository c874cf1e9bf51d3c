"""What Feishu pushes, opened: decrypted, proven to come from Feishu, and assigned to the desks that it concerns.

The URL is open to everybody, so that whatever stands in a body may have been written by anybody until it is proven:
by the signature where the app has an Encrypt Key, else by the Verification Token. Whoever has set a key gets nothing
accepted that is not encrypted with it. All that fails to prove itself is refused in the same words: a difference
between "wrong padding" and "wrong signature" would let a stranger decrypt what he has recorded.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import SecretStr

from ledger.errors import DeskbellError
from ledger.messages.strict_json import NotJson, strict_json
from ledger.phrases import Phrase
from ledger.settings import Desk

__all__ = [
    "Challenge",
    "EnvelopeRefused",
    "Event",
    "Malformed",
    "NotSetUp",
    "Pushed",
    "TooLarge",
    "Unproven",
    "decrypt",
    "open_envelope",
    "signature",
]

#: Feishu pushes an event again for 7 hours, and whether it signs anew each time is nowhere said. Events are
#: remembered for longer than this and the clocks' difference, so that a recorded one can never be used again, seconds.
OLDEST_SECONDS = 8 * 3600
#: Our clock may be behind, seconds.
AHEAD_SECONDS = 3600
#: Of a Unix time until the year 2286. One of more digits is in ms or µs: nothing says that there are such, but the
#: times inside the events differ so.
_SECOND_DIGITS = 10

#: Of a body. An event of those that are used has some KB.
MOST_BYTES = 256 * 1024
#: A challenge, which comes unsigned, has less. What is larger is decrypted only if its signature is right.
_CHALLENGE_BYTES = 8 * 1024

_US_DIGITS = 16
_BLOCK_BYTES = 16


class EnvelopeRefused(DeskbellError):
    """The push is refused. The text repeats nothing of it."""


class TooLarge(EnvelopeRefused):
    """It was not parsed."""

    http_status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    type = "request-entity-too-large"
    title = Phrase("The body is too large")


class Malformed(EnvelopeRefused):
    """It is not a JSON object of the kind that Feishu pushes."""

    http_status = HTTPStatus.BAD_REQUEST
    type = "bad-request"
    title = Phrase("This is not a Feishu event")


class Unproven(EnvelopeRefused):
    """It is not authenticated."""

    http_status = HTTPStatus.UNAUTHORIZED
    type = "unauthorized"
    title = Phrase("This cannot be verified as coming from Feishu")

    def __init__(self) -> None:
        super().__init__(
            Phrase(
                "it was not encrypted, signed or marked for an app that is configured here: compare Encrypt "
                "Key and Verification Token in the developer console with DESKBELL_ENCRYPT_KEY and "
                "DESKBELL_VERIFICATION_TOKEN"
            )
        )


class NotSetUp(EnvelopeRefused):
    """No key or token is configured."""

    http_status = HTTPStatus.FORBIDDEN
    type = "forbidden"
    title = Phrase("Feishu events are not configured here")


@dataclass(frozen=True, slots=True)
class Pushed:
    """A request as received: the signature covers exactly these bytes. Header names are in lower case."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Challenge:
    """Feishu checks the URL: the text goes back unchanged, within a second."""

    text: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event. `desks` are those of its app."""

    id: str
    type: str
    created_ms: int | None
    body: Mapping[str, Any] = field(repr=False)
    desks: tuple[Desk, ...]


def open_envelope(pushed: Pushed, desks: Iterable[Desk], now_seconds: float) -> Challenge | Event:
    """Opens it with the keys and tokens of these desks. Raises only EnvelopeRefused, for any input."""
    desks = tuple(desks)
    if len(pushed.body) > MOST_BYTES:
        raise TooLarge(Phrase("it has {n:,} bytes: at most {most:,} are taken", n=len(pushed.body), most=MOST_BYTES))
    document = _object(pushed.body)
    if "encrypt" in document:
        payload, owners = _decrypted(document["encrypt"], _openers(pushed, desks, now_seconds))
        proven = _is_challenge(payload) or _is_signed(pushed, owners[0], now_seconds)
    else:
        payload, owners = document, _without_key(desks)
        proven = True  # by the token, which every one of these owners has
    owners = [desk for desk in owners if _has_token(payload, desk)]
    if not proven or not owners:
        raise Unproven
    return _challenge(payload) if _is_challenge(payload) else _event(payload, owners, desks)


def decrypt(encrypted: str, encrypt_key: str) -> bytes:
    """Base64 of an initial vector and AES-256-CBC, the key being the SHA-256 of the Encrypt Key. Raises ValueError."""
    blob = base64.b64decode(encrypted, validate=True)
    vector, ciphertext = blob[:_BLOCK_BYTES], blob[_BLOCK_BYTES:]
    if not ciphertext:
        raise ValueError  # it is empty
    # Loaded with the first event: it takes 7 MiB, and many web processes get none.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    key = hashlib.sha256(encrypt_key.encode()).digest()
    decryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    unpadder = PKCS7(8 * _BLOCK_BYTES).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


def signature(timestamp: str, nonce: str, encrypt_key: str, body: bytes) -> str:
    """What `X-Lark-Signature` must say. A plain hash and no HMAC: that is Feishu's way."""
    return hashlib.sha256(f"{timestamp}{nonce}{encrypt_key}".encode() + body).hexdigest()


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = strict_json(text)
    except NotJson:
        found = None
    if not isinstance(found, dict):
        raise Malformed(Phrase("the body must be a JSON object"))
    return found


def _openers(pushed: Pushed, desks: Sequence[Desk], now_seconds: float) -> list[Desk]:
    """The desks whose keys are tried. Raises NotSetUp when none has one."""
    with_key = [desk for desk in desks if _revealed(desk.encrypt_key)]
    if not with_key:
        raise NotSetUp(
            Phrase(
                "it is encrypted: set DESKBELL_ENCRYPT_KEY (encrypt_key of a desk in the file of "
                "DESKBELL_DESKS) to the Encrypt Key of the developer console"
            )
        )
    if len(pushed.body) <= _CHALLENGE_BYTES:
        return with_key
    return [desk for desk in with_key if _is_signed(pushed, desk, now_seconds)]


def _decrypted(encrypted: Any, desks: Sequence[Desk]) -> tuple[dict[str, Any], list[Desk]]:
    """Its content, and the desks with the key that decrypts it."""
    for key in sorted({_revealed(desk.encrypt_key) for desk in desks}):
        try:
            payload = _object(decrypt(encrypted, key))
        except (ValueError, TypeError, binascii.Error, Malformed):
            continue
        return payload, [desk for desk in desks if _revealed(desk.encrypt_key) == key]
    raise Unproven


def _without_key(desks: Sequence[Desk]) -> list[Desk]:
    """Those whose events come in plain text. Raises NotSetUp when none could tell whether they are Feishu's."""
    if not any(_revealed(desk.encrypt_key) or _revealed(desk.verification_token) for desk in desks):
        raise NotSetUp(
            Phrase(
                "set DESKBELL_ENCRYPT_KEY or DESKBELL_VERIFICATION_TOKEN (encrypt_key or verification_token "
                "of a desk in the file of DESKBELL_DESKS): without either, an event cannot be verified"
            )
        )
    return [desk for desk in desks if not _revealed(desk.encrypt_key) and _revealed(desk.verification_token)]


def _is_signed(pushed: Pushed, desk: Desk, now_seconds: float) -> bool:
    timestamp, nonce, given = (
        pushed.headers.get(f"x-lark-{name}", "") for name in ("request-timestamp", "request-nonce", "signature")
    )
    expected = signature(timestamp, nonce, _revealed(desk.encrypt_key), pushed.body)
    return _is_same(given, expected) and _is_recent(timestamp, now_seconds)


def _is_recent(timestamp: str, now_seconds: float) -> bool:
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) >= _SECOND_DIGITS):
        return False
    age_seconds = now_seconds - int(timestamp[:_SECOND_DIGITS])
    return -AHEAD_SECONDS <= age_seconds <= OLDEST_SECONDS


def _has_token(payload: Mapping[str, Any], desk: Desk) -> bool:
    """The token stands in the header of an event of version 2.0, and on top of all else."""
    expected, header = _revealed(desk.verification_token), payload.get("header")
    given = header.get("token") if isinstance(header, dict) else payload.get("token")
    return not expected or (isinstance(given, str) and _is_same(given, expected))


def _is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _is_challenge(payload: Mapping[str, Any]) -> bool:
    return payload.get("type") == "url_verification"


def _challenge(payload: Mapping[str, Any]) -> Challenge:
    text = payload.get("challenge")
    if not isinstance(text, str):
        raise Malformed(Phrase("a url_verification must have a challenge"))
    return Challenge(text)


def _event(payload: Mapping[str, Any], owners: Sequence[Desk], desks: Sequence[Desk]) -> Event:
    """Version 2.0 has a header; version 1.0 tells its kind inside the event."""
    header, body = payload.get("header"), payload.get("event")
    if not isinstance(body, dict):
        raise Malformed(Phrase("it has no event"))
    if isinstance(header, dict):
        id, kind, app_id = header.get("event_id"), header.get("event_type"), header.get("app_id")
    else:
        id, kind, app_id = payload.get("uuid"), body.get("type"), body.get("app_id")
    if not (isinstance(id, str) and id and isinstance(kind, str)):
        raise Malformed(Phrase("it has no id or no type"))
    created_ms = _ms(header.get("create_time")) if isinstance(header, dict) else None
    return Event(id, kind, created_ms, body, _of_app(app_id, owners, desks))


def _of_app(app_id: Any, owners: Sequence[Desk], desks: Sequence[Desk]) -> tuple[Desk, ...]:
    proven = {desk.app_id for desk in owners}
    apps = {app_id} & proven if isinstance(app_id, str) else proven
    if not apps:
        raise Unproven  # the key of one app proves nothing about another
    return tuple(desk for desk in desks if desk.app_id in apps)


def _ms(text: Any) -> int | None:
    """Helpdesk events tell ms; the general page of the documents shows µs."""
    if not (isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) <= _US_DIGITS):
        return None
    return int(text) // (1000 if len(text) == _US_DIGITS else 1)


def _revealed(secret: SecretStr) -> str:
    return secret.get_secret_value()
