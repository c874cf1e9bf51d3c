"""What desks say of themselves in Redis: which is held, and what its quota is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from ledger.desk_status import whole_hold
from ledger.ledger import Ledger
from ledger.settings import Desk

__all__ = ["Hold", "hold_of", "rate_text"]


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a desk's notifications wait, and until when at least."""

    kind: str
    reason: str
    since: datetime
    until: datetime

    def __str__(self) -> str:
        return f"held ({self.kind}) until {self.until.astimezone():%H:%M:%S}: {self.reason}"

    def as_json(self) -> dict[str, Any]:
        times = {"since": self.since.isoformat(), "until": self.until.isoformat()}
        return {"kind": self.kind, "reason": self.reason, **times}


def hold_of(ledger: Ledger, desk: str) -> Hold | None:
    """The desk's hold, if there is one. One whose time is over still stands until a probe has gone through."""
    hold = whole_hold(cast("bytes | None", ledger.redis.hget(ledger.keys.desk(desk), "hold")))
    if hold is None:
        return None
    return Hold(str(hold["kind"]), str(hold["reason"]), _time(hold["since"]), _time(hold["until"]))


def _time(ms: float) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def rate_text(desk: Desk) -> str:
    """The desk's quota in the notation of DESKBELL_RATE."""
    return ";".join(f"{limit.calls}/{limit.seconds}second" for limit in desk.rate) or "unlimited"
