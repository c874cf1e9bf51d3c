"""How the values of settings are written in the environment, and what is checked of each by itself."""

import re
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from ledger.errors import BadInput
from ledger.one_address import checked_address
from ledger.phrases import Phrase
from ledger.redis_url import RedisUrl
from ledger.times import duration

__all__ = [
    "Addresses",
    "ApiAddress",
    "Codes",
    "Duration",
    "Language",
    "OtherRedis",
    "Pair",
    "Places",
    "PublicAddress",
    "RedisAddress",
    "RowLimit",
]

_HOST_NAME = re.compile(r"^[a-z0-9_]([a-z0-9_.-]{0,252})$")
#: Nothing that could hold a secret: this address stands in logs and on screens.
_API_ADDRESS = re.compile(r"https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
#: What links begin with: the console may stand behind a proxy, below a path.
_PUBLIC_ADDRESS = re.compile(rf"{_API_ADDRESS.pattern}(?:/[\w.~-]+)*")


def _from_text(read: Callable[[str], Any]) -> BeforeValidator:
    """For a field that comes as text from the environment, and as itself from programs."""
    return BeforeValidator(lambda value: read(value) if isinstance(value, str) else value)


def _pair(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split(",")))


def _codes(text: str) -> frozenset[int]:
    return frozenset(map(int, text.replace(",", " ").split()))


def _places(text: str) -> frozenset[str]:
    return frozenset(map(_place, text.lower().replace(",", " ").split()))


def _place(text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        if _HOST_NAME.match(text) and not text[-1].isdecimal():  # not a mistyped IP address
            return text
    given = Phrase("a URL") if "@" in text or "?" in text else repr(text)  # either may have a secret in it
    raise ValueError(
        Phrase(
            "{given} is not a valid host, address or network: use hooks.example.com, 10.1.2.3 or 10.0.0.0/8",
            given=given,
        )
    )


def _as_redis_url(text: Any) -> Any:
    """Checked, and kept as text: `Settings.redis` has the parts. An empty value counts as unset."""
    if isinstance(text, str) and text:
        RedisUrl.parse(text)
    return text or None


def _as_other_redis_url(text: Any) -> Any:
    """As `_as_redis_url`, for what is not DESKBELL_REDIS_URL: the error has the name of what it is."""
    try:
        return _as_redis_url(text)
    except BadInput as error:
        raise ValueError(error.problem) from None


def _api_address(text: str) -> str:
    """A slash at the end is what browsers show: it is dropped."""
    if not _API_ADDRESS.fullmatch(text.removesuffix("/")):
        raise ValueError(Phrase("use https://host or https://host:port, without a user, a path or anything else"))
    return text.removesuffix("/")


def _public_address(text: str) -> str:
    if text and not _PUBLIC_ADDRESS.fullmatch(text.rstrip("/")):
        raise ValueError(Phrase("use https://host or https://host/path, without a user, a query or a blank"))
    return text.rstrip("/")


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(checked_address(each) for each in text.split(",") if each.strip()))


def _unset_if_empty(given: Any) -> Any:
    return None if given == "" else given


def _language(text: str) -> str:
    """`zh-CN` and `zh_CN` are Chinese, too."""
    return text.strip().lower().replace("_", "-").partition("-")[0]


Pair = Annotated[tuple[float, float], NoDecode, _from_text(_pair)]
Places = Annotated[frozenset[str], NoDecode, _from_text(_places)]
Addresses = Annotated[tuple[str, ...], NoDecode, _from_text(_addresses)]
PublicAddress = Annotated[str, AfterValidator(_public_address)]
RedisAddress = Annotated[str | None, BeforeValidator(_as_redis_url)]
OtherRedis = Annotated[str | None, BeforeValidator(_as_other_redis_url)]
Language = Annotated[Literal["en", "zh"], _from_text(_language)]
Duration = Annotated[timedelta, _from_text(duration)]
Codes = Annotated[frozenset[int], NoDecode, _from_text(_codes)]
ApiAddress = Annotated[str, AfterValidator(_api_address)]
RowLimit = Annotated[Annotated[int, Field(ge=0)] | None, BeforeValidator(_unset_if_empty)]
