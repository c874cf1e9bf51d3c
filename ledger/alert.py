"""What a hook says of the alert that a notification tells of."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from ledger.redis_keys import key_digest
from ledger.times import unix_ms

__all__ = ["Alert"]


class Alert(BaseModel):
    """That it fires, or has ended. No repr shows its name, which is the tool's."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str  #: with the hook's: the same from the first firing to the end
    is_resolved: bool = False
    fired_at: datetime | None = None  #: as the tool says; else the ledger knows since when
    resolved_at: datetime | None = None  #: as the tool says; else it ends when its end is accepted
    zone: str = ""  #: time zone of the times in the message

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [("is_resolved", self.is_resolved)]

    def to_verb(self, address: Sequence[str]) -> Mapping[str, Any]:
        """As the verb `accept` takes it: each receiver is told of it apart."""
        return {
            "key": key_digest("\0".join((self.name, *address))),
            "is_resolved": self.is_resolved,
            "fired_at": unix_ms(self.fired_at),
            "resolved_at": unix_ms(self.resolved_at),
        }
