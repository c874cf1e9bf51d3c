"""An announcement's handle: its status, the results of its rows, and its verbs."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, Protocol

from pydantic import TypeAdapter

from ledger.states import DRAFTED, AnnouncementState, PausedBy, State, SteeringVerb

__all__ = ["AnnouncementBackend", "AnnouncementHandle", "AnnouncementStatus", "DraftVerb", "RowResult"]

DraftVerb = Literal["submit", "approve", "reject", "start", "discard"]

#: Between two looks of `wait`.
LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class AnnouncementStatus:
    """How an announcement stands."""

    id: str
    name: str
    desk: str
    state: AnnouncementState
    ended: str | None  #: `complete` when everybody has it, else `partial`; None while it is not finished
    total: int
    counts: Mapping[State, int]  #: for every state, zeros included; they sum to the total
    rerouted: int  #: of those delivered: through `user`, because a ticket was open
    rate: float  #: rows that ended in the last minutes, per minute
    eta_seconds: int | None
    created_at: datetime | None
    finished_at: datetime | None
    due_at: datetime | None = None  #: when it starts, or goes on, if it waits for a time
    paused_by: PausedBy | None = None

    @property
    def waits_for_nothing(self) -> bool:
        """Whether it is over, is a draft, or has paused by itself: nothing of it happens until somebody acts."""
        is_over = self.state in (AnnouncementState.FINISHED, AnnouncementState.CANCELLED, *DRAFTED)
        return is_over or self.paused_by in (PausedBy.FIRST_N, PausedBy.STOP_AT)

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> "AnnouncementStatus":
        """Reads the JSON of the outside contract. Raises KeyError, TypeError or ValueError for anything else."""
        counts = dict.fromkeys(State, 0) | told["counts"]
        return _STATUS.validate_python({**told, "counts": counts})


@dataclass(frozen=True, slots=True)
class RowResult:
    """The result of one row."""

    line: int  #: where it stood in the file, from 1
    receiver_id: str
    values: Mapping[str, str | None]  #: of its other columns, by the names that they have in an export
    state: State
    via: str | None
    message_id: str | None
    attempts: int
    error_code: int | None
    error_msg: str | None
    finished_at: datetime | None

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> "RowResult":
        """Reads a row of an export. Raises as `AnnouncementStatus.of_json`."""
        values = {name: value for name, value in told.items() if name not in _NOT_VALUES}
        return _ROW.validate_python({**told, "values": values})


_STATUS, _ROW = TypeAdapter(AnnouncementStatus), TypeAdapter(RowResult)
#: Names of an export that are no columns of the input.
_NOT_VALUES = {field.name for field in fields(RowResult) if field.name != "values"} | {"created_at"}


class AnnouncementBackend(Protocol):
    """What either way into the ledger can do with one announcement."""

    def steer(self, id: str, verb: SteeringVerb) -> AnnouncementState: ...

    def reschedule(self, id: str, at: datetime | str, timezone: str | None) -> State | AnnouncementState: ...

    def review(self, id: str, verb: DraftVerb, detail: str | None) -> AnnouncementState | None: ...

    def test_draft(self, id: str, to: str, row: int | str) -> str: ...

    def status(self, id: str) -> AnnouncementStatus: ...

    def rows(self, id: str) -> Iterator[RowResult]: ...


class AnnouncementHandle:
    """`Notifier.announcement` returns it. Each method asks anew; nothing is cached.

    >>> move = notifier.announcement("a_06hzb2k1c9f3q8rd")
    >>> move.pause()
    <AnnouncementState.PAUSED: 'paused'>
    >>> [row.receiver_id for row in move.rows(State.FAILED)]
    ['ou_bob']

    Every method raises NotFound for an id that is not on record, and LedgerUnreachable.
    """

    def __init__(self, backend: AnnouncementBackend, id: str) -> None:
        self.id, self._backend = id, backend

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    @property
    def state(self) -> AnnouncementState:
        return self.status().state

    @property
    def counts(self) -> Mapping[State, int]:
        """How many rows are in each state."""
        return self.status().counts

    def status(self) -> AnnouncementStatus:
        return self._backend.status(self.id)

    def pause(self) -> AnnouncementState:
        """No row is sent until it is resumed. Repeating a verb changes nothing.

        Raises NotAllowed if its state forbids it: a cancelled or finished announcement cannot be paused.
        """
        return self._backend.steer(self.id, "pause")

    def resume(self) -> AnnouncementState:
        """Lets it go on with all its rows. Raises as `pause`."""
        return self._backend.steer(self.id, "resume")

    def cancel(self) -> AnnouncementState:
        """Cancels all rows that have not been sent. Raises as `pause`."""
        return self._backend.steer(self.id, "cancel")

    def reschedule(self, at: datetime | str, timezone: str | None = None) -> AnnouncementState:
        """Has it begin at another time, if it is scheduled, or was paused before its first row was released.

        `at` as in `Notifier.announce`. Raises as `pause`, and BadInput for a time long past, or after it expires.
        """
        return AnnouncementState(self._backend.reschedule(self.id, at, timezone))

    def test(self, to: str, row: int | str = "first") -> str:
        """Sends the message of one row of a draft to one person, marked as a test. Returns its id.

        `to` and `row` as in `Notifier.test`. Raises NotAllowed for what was started, and BadInput.
        """
        return self._backend.test_draft(self.id, to, row)

    def submit(self) -> AnnouncementState:
        """Asks somebody else to approve a draft. Raises NotAllowed if its state forbids it, as each verb of drafts."""
        return self._reviewed("submit")

    def approve(self, fingerprint: str) -> AnnouncementState:
        """Approves a draft that has this fingerprint. Raises Changed for another one, NotPermitted for its authors."""
        return self._reviewed("approve", fingerprint)

    def reject(self, why: str) -> AnnouncementState:
        """Has a draft edited and submitted again."""
        return self._reviewed("reject", why)

    def start(self, reason: str | None = None) -> AnnouncementState:
        """Accepts all rows of a draft. With a reason, which goes on record, it needs no approval.

        Raises NotPermitted without an approval that it needs.
        """
        return self._reviewed("start", reason)

    def discard(self) -> None:
        """Deletes a draft with its rows."""
        self._backend.review(self.id, "discard", None)

    def _reviewed(self, verb: DraftVerb, detail: str | None = None) -> AnnouncementState:
        return AnnouncementState(str(self._backend.review(self.id, verb, detail)))

    def rows(self, state: State | str | None = None) -> Iterator[RowResult]:
        """The rows, all or those in one state, in the order of the file. Read in portions, also while it runs."""
        wanted = None if state is None else State(state)
        return (row for row in self._backend.rows(self.id) if wanted in (None, row.state))

    def wait(self, timeout: float | None = None) -> AnnouncementStatus:
        """Returns once it is finished or cancelled, or has paused by itself (`first`, `stop_at`).

        Raises TimeoutError after `timeout` seconds; sending continues.
        """
        ends_at = None if timeout is None else time.monotonic() + timeout
        while True:
            status = self.status()
            if status.waits_for_nothing:
                return status
            left = LOOK_SECONDS if ends_at is None else ends_at - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{self.id} is still {status.state} after {timeout:g} seconds")
            time.sleep(min(LOOK_SECONDS, left))
