"""The URL of a callback, and its syntax.

Whether its address is allowed is checked by the worker at the time of the post (`http_client.egress`).
"""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from ledger.messages.json_fields import link_problem

__all__ = ["CallbackUrl"]

#: The usual limit of servers and proxies.
_LONGEST_CHARACTERS = 2048


def _problem(url: str) -> str | None:
    """What is wrong with it, or None. Never repeats it: after the host it may contain a secret."""
    if len(url) > _LONGEST_CHARACTERS:
        return f"must have {_LONGEST_CHARACTERS} characters at most"
    if not url.isascii():
        return "must be written in ASCII: a name in another script as xn--…, other characters as %…"
    if problem := link_problem(url):
        return problem
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        return "must not contain a user or password"
    if parts.fragment:
        return "must not end in a #fragment: that is for browsers"
    return None if _has_port(url) else "must have a port from 1 to 65535, or none"


def _has_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _checked(url: str) -> str:
    if problem := _problem(url):
        raise PydanticCustomError("callback_url", "{problem}", {"problem": problem})
    return url


CallbackUrl = Annotated[str, AfterValidator(_checked)]
