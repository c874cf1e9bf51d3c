"""The secret that signs callbacks, as Standard Webhooks writes it."""

import base64
from typing import Annotated

from pydantic import AfterValidator, SecretStr

__all__ = ["CallbackSecret", "signing_key"]


def signing_key(secret: str) -> bytes:
    """The key behind a secret of Standard Webhooks, `whsec_` and base64. Raises ValueError, which repeats nothing."""
    kind, _, encoded = secret.partition("_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        key = b""
    if kind != "whsec" or not 24 <= len(key) <= 64:
        raise ValueError("must be whsec_ and the base64 of 24 to 64 random bytes")
    return key


def _checked(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text:
        signing_key(text)
    return secret


CallbackSecret = Annotated[SecretStr, AfterValidator(_checked)]
