"""The syntax of a callback's URL, and of the secret that signs callbacks.

Whether an address is allowed is checked by the worker at the time of the post (`http_client.egress`).
"""

import base64
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr
from pydantic_core import PydanticCustomError

from ledger.messages.json_fields import link_problem
from ledger.phrases import Phrase

__all__ = ["CallbackSecret", "CallbackUrl", "signing_key"]

#: The usual limit of servers and proxies.
_LONGEST_CHARACTERS = 2048


def _problem(url: str) -> str | None:
    """What is wrong with it, or None. Never repeats it: after the host it may contain a secret."""
    if len(url) > _LONGEST_CHARACTERS:
        return f"must have {_LONGEST_CHARACTERS} characters at most"
    if not url.isascii():
        return Phrase("must be written in ASCII: a name in another script as xn--…, other characters as %…")
    if problem := link_problem(url):
        return problem
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        return Phrase("must not contain a user or password")
    if parts.fragment:
        return Phrase("must not end in a #fragment: that is for browsers")
    return None if _has_port(url) else Phrase("must have a port from 1 to 65535, or none")


def _has_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _checked_url(url: str) -> str:
    if problem := _problem(url):
        raise PydanticCustomError("callback_url", "{problem}", {"problem": problem})
    return url


CallbackUrl = Annotated[str, AfterValidator(_checked_url)]


def signing_key(secret: str) -> bytes:
    """The key behind a secret of Standard Webhooks, `whsec_` and base64. Raises ValueError, which repeats nothing."""
    kind, _, encoded = secret.partition("_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        key = b""
    if kind != "whsec" or not 24 <= len(key) <= 64:
        raise ValueError(Phrase("must be whsec_ and the base64 of 24 to 64 random bytes"))
    return key


def _checked_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text:
        signing_key(text)
    return secret


CallbackSecret = Annotated[SecretStr, AfterValidator(_checked_secret)]
