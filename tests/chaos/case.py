"""One notification in the three records, the calls that were made for it, and what is wrong with it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.delivery_options import OnUnknown
from ledger.progress import Progress
from ledger.states import FINAL, Outcome, State
from tests.chaos.gathering import Told, told_in
from tests.chaos.traffic import Asked

__all__ = ["Call", "Case"]

#: An attempt's begin and its length are told in whole ms.
_ROUNDING_MS = 2


@dataclass(frozen=True, slots=True)
class Call:
    """One message call at the sandbox. Times are unix seconds."""

    arrived: float
    started: float
    ended: float
    delivered: bool
    answered: bool
    message_id: str | None
    code: int | None
    marker: str  #: of the event, or of the first that it tells of
    receiver_id: str
    told: Told | None = None

    @classmethod
    def of(cls, call: dict[str, Any]) -> "Call | None":
        """None when its body did not arrive."""
        if call["started_ms"] is None or not isinstance(call["body"], dict):
            return None
        ended_ms = call["ended_ms"] or call["started_ms"]
        told = told_in(json.loads(call["body"]["content"]))
        return cls(
            call["at"], call["started_ms"] / 1000, ended_ms / 1000, call["delivered"], call["answered"],
            call["message_id"], call["code"], told.markers[0], call["body"]["receiver_id"], told,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One notification in the three records."""

    id: str
    asked: Asked
    progress: Progress | None
    calls: Sequence[Call]

    @property
    def deliveries(self) -> list[Call]:
        return [call for call in self.calls if call.delivered]

    @property
    def unknown_ms(self) -> list[int]:
        """When the attempts ended that are on record as unknown."""
        attempts = self.progress.attempts if self.progress else ()
        return [attempt.at_ms + (attempt.ms or 0) for attempt in attempts if attempt.outcome is Outcome.UNKNOWN]

    def findings(self) -> Iterator[str]:
        """What is wrong with it."""
        if self.progress is None:
            yield "accepted and absent"
            return
        state, deliveries = self.progress.state, self.deliveries
        if state not in FINAL and state is not State.UNKNOWN:
            yield "neither final nor unknown once all was quiet"
        if state is State.DELIVERED and not self._has_been_delivered():
            yield "delivered, and the sandbox never accepted it"
        if deliveries and state in FINAL - {State.DELIVERED} and not self.unknown_ms:
            yield "accepted by the sandbox, and the ledger denies it"
        if len(deliveries) > 1 and self.asked.on_unknown is OnUnknown.HOLD:
            yield "delivered twice with on_unknown: hold"
        if any(not self._is_explained(number) for number in range(1, len(deliveries))):
            yield "delivered again with no attempt recorded unknown before it"
        if any(call.receiver_id not in self.asked.receivers for call in self.calls):
            yield "sent to somebody else"
        if len({call.receiver_id for call in self.calls}) > 1:
            yield "sent to two people"
        if any(later.started < earlier.ended for earlier, later in zip(self.calls, self.calls[1:], strict=False)):
            yield "two calls in flight at once"
        if state is State.FAILED and not self.asked.may_fail:
            yield "failed, though the API never refused it for good"
        if self.progress.failing_ms and not self._has_failed():
            yield "its retry budget was charged for waiting"

    def _has_been_delivered(self) -> bool:
        attempts = self.progress.attempts if self.progress else ()
        return bool(attempts) and attempts[-1].message_id in {call.message_id for call in self.deliveries}

    def _is_explained(self, number: int) -> bool:
        """Whether as many attempts had come to be unknown before this delivery as there had been deliveries."""
        began_ms = self.deliveries[number].started * 1000
        return sum(ended_ms <= began_ms + _ROUNDING_MS for ended_ms in self.unknown_ms) >= number

    def _has_failed(self) -> bool:
        failures = {Outcome.UNKNOWN, Outcome.TRANSIENT, Outcome.THROTTLED}
        return self.progress is not None and any(attempt.outcome in failures for attempt in self.progress.attempts)

    def __str__(self) -> str:
        return "\n".join((f"  told      {self.asked}", f"  ledger    {self.progress}", *self._sandbox_lines()))

    def _sandbox_lines(self) -> Iterator[str]:
        for call in self.calls or ("nothing",):
            yield f"  sandbox   {call}"
