"""When an announcement pauses by itself: after its first rows, or when too many of them fail."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from ledger.phrases import Phrase

__all__ = ["FailureShare", "FirstRows", "hundredths_of_percent"]

#: Without the sign only a whole number: 0.05 may be meant as 5 %.
_SHARE = re.compile(r"(\d{1,2})(?:\.(\d{1,2})\s*(?=%))?\s*%?", re.ASCII)
_WRONG_SHARE = Phrase("must be a share from 0% to 99.99%, such as 5%")
_WRONG_NUMBER = Phrase("must be a whole number")


def _share(given: object) -> str:
    match = _SHARE.fullmatch(str(given).strip()) if isinstance(given, str | int) and given is not True else None
    if match is None or given is False:
        raise PydanticCustomError("share", "{problem}", {"problem": _WRONG_SHARE})
    decimals = (match[2] or "").rstrip("0")
    return f"{int(match[1])}.{decimals}%" if decimals else f"{int(match[1])}%"


def _number(given: object) -> object:
    if isinstance(given, bool):
        raise PydanticCustomError("number", "{problem}", {"problem": _WRONG_NUMBER})
    return given


#: Rows that are released before somebody resumes the announcement.
FirstRows = Annotated[int, BeforeValidator(_number), Field(ge=1)]
#: `5%`: when more of the rows that have ended failed, it pauses. Whole numbers and texts are read as such a text.
FailureShare = Annotated[str, BeforeValidator(_share)]


def hundredths_of_percent(share: FailureShare) -> int:
    """As the verbs count it, without fractions."""
    whole, _, decimals = share.removesuffix("%").partition(".")
    return int(whole) * 100 + int(decimals.ljust(2, "0") or 0)
