"""One check of `deskbell doctor`."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Check", "Status"]


class Status(StrEnum):
    """The severity of a check."""

    OK = "ok"
    WARN = "warn"  #: it works, or will; someone should know
    FAIL = "fail"  #: someone must act


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check, and what to do about it."""

    name: str
    status: Status
    found: str
    do: str = ""
    accepts: bool = False  #: acceptance works nevertheless, so `/readyz` does not fail

    def as_json(self) -> dict[str, str]:
        return {"name": self.name, "status": self.status, "found": self.found, "do": self.do}
