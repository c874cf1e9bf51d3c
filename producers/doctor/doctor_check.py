"""One thing that `deskbell doctor` looks at."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Check", "Status"]


class Status(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"  #: it works, or will; somebody should know
    FAIL = "fail"  #: somebody has to act


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what was found, and what to do about it."""

    name: str
    status: Status
    found: str
    do: str = ""
    accepts: bool = False  #: acceptance goes on all the same, so that `/readyz` does not fail for it

    def as_json(self) -> dict[str, str]:
        return {"name": self.name, "status": self.status, "found": self.found, "do": self.do}
