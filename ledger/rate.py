"""A rate, such as `100/minute; 5/second`: how many calls may be made in any window of some length."""

import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

__all__ = ["Limit", "Rate", "parse_rate", "rate_text"]

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(r"^\s*(\d+)\s*/\s*(?:(\d+)\s*)?(second|minute|hour|day)s?\s*$")


class Limit(BaseModel):
    """At most `calls` in any rolling window of `seconds`."""

    model_config = ConfigDict(frozen=True)
    calls: int = Field(ge=1)
    seconds: int = Field(ge=1)


def parse_rate(text: str) -> tuple[Limit, ...]:
    """Reads `100/minute`, `100/6second` or `100/minute; 5/second`; `unlimited` has no limits.

    The notation is that of the `limits` library. Raises ValueError.
    """
    if text.strip() == "unlimited":
        return ()
    limits = []
    for part in text.split(";"):
        match = _RATE.match(part)
        if match is None:
            raise ValueError(
                f"{part.strip()!r} is not a valid rate: use 100/minute, 5/second or 100/6second, joined by ';'"
            )
        calls, several, unit = match.groups()
        limits.append(Limit(calls=int(calls), seconds=int(several or 1) * _UNITS[unit]))
    return tuple(limits)


def rate_text(rate: Iterable[Limit]) -> str:
    """The notation that `parse_rate` reads."""
    return ";".join(f"{limit.calls}/{limit.seconds}second" for limit in rate) or "unlimited"


def _as_limits(value: Any) -> Any:
    return parse_rate(value) if isinstance(value, str) else value


Rate = Annotated[tuple[Limit, ...], NoDecode, BeforeValidator(_as_limits)]
