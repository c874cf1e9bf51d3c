"""A live test of a tenant with one person: messages both ways, who has read them, and what an open ticket changes.

Messages go the way of all events, through the ledger and the workers: they take slots, and stand on record.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from feishu.client import FeishuClient
from feishu.probe import read_users, start_service
from feishu.verdict import AskFailed
from ledger.delivery_options import OnOpenTicket, OnUnknown, ReceiveType
from ledger.desk_status import desk_status
from ledger.errors import DeskbellError, NotAllowed
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.settings import Desk
from ledger.states import FINAL, State
from ledger.workers import live_workers
from producers.client.ledger_backend import LedgerBackend
from producers.probe.report import (
    CHAT,
    CHAT_BESIDE,
    OPENED,
    READ_CHAT,
    READ_USER,
    USER,
    USER_BESIDE,
    Report,
)
from producers.probe.step import Step

__all__ = ["Probe"]

#: Between two looks, at a message and at the ticket list, seconds.
LOOK_SECONDS = 0.2
#: How long the ticket list is asked for a ticket that was opened, seconds.
LISTED_WITHIN_SECONDS = 30.0
_TEXT = "[Test] Deskbell {step}: no answer is needed. [测试] 无需回复。"


@dataclass
class Probe:
    """`private` are the texts by which the person is known, beside the open_id. `tell` gets each step at once."""

    ledger: Ledger
    desk: Desk
    feishu: FeishuClient
    open_id: str
    by: str
    wait_seconds: float
    private: tuple[str, ...] = ()
    tell: Callable[[Step], None] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        self.report = Report(self.desk.feishu_url)

    def run(self) -> Report:
        """One message by `user` and one by `chat`, then who has read them. Raises DeskbellError without a worker."""
        self._check_ready()
        self.report.had_ticket = self._has_ticket()
        sent = [(READ_USER, self._send(USER, ReceiveType.USER)), (READ_CHAT, self._send(CHAT, ReceiveType.CHAT))]
        for name, step in sent:
            if step.message_id is not None:
                verdict, self.report.readers[name] = read_users(self.feishu, step.message_id)
                self._add(Step.of_verdict(name, verdict, self._private))
        return self.report

    def open_ticket(self, *, with_agent: bool) -> Report:
        """Opens a ticket for the person, and sends beside it. Nothing can close it but a person."""
        self.report.with_agent = with_agent
        verdict = start_service(self.feishu, self.open_id, with_agent=with_agent)
        opened = self._add(Step.of_verdict(OPENED, verdict, self._private))
        if opened.is_done:
            self._wait_for_listing()
            self._send(CHAT_BESIDE, ReceiveType.CHAT)
            self._send(USER_BESIDE, ReceiveType.USER)
        return self.report

    def _check_ready(self) -> None:
        if not live_workers(self.ledger.redis, self.ledger.keys):
            raise DeskbellError(
                Phrase("no worker is running, so nothing is sent: start `deskbell up`, then probe again")
            )
        if hold := desk_status(self.ledger, self.desk, ()).hold:
            raise DeskbellError(
                Phrase("desk {name} is held ({given}): see `deskbell doctor`", name=self.desk.name, given=hold["kind"])
            )

    def _send(self, name: str, via: ReceiveType) -> Step:
        event = {
            "receiver_id": self.open_id,
            "desk": self.desk.name,
            "text": _TEXT.format(step=name),
            "receive_type": via,
            "on_open_ticket": OnOpenTicket.FAIL,
            "on_unknown": OnUnknown.HOLD,
        }
        accepted = LedgerBackend(self.ledger).send([event])[0]
        return self._add(self._result(name, accepted.id))

    def _result(self, name: str, id: str) -> Step:
        """The last call for this message. What needs another try is cancelled: the first answer is what counts."""
        ends_at = self.clock() + self.wait_seconds
        while True:
            progress = self.ledger.get(id).progress
            if progress.state in FINAL or progress.state in (State.UNKNOWN, State.DEFERRED):
                break
            if self.clock() >= ends_at:
                break
            self.sleep(LOOK_SECONDS)
        if progress.state not in FINAL and progress.state is not State.UNKNOWN:
            self._cancel(id)
        if progress.attempts:
            return Step.of_attempt(name, progress.attempts[-1], self._private)
        return Step(name, is_done=False, ended=f"not sent within {self.wait_seconds:g} s")

    def _cancel(self, id: str) -> None:
        with suppress(NotAllowed):  # it is sent at this moment: the record tells it
            self.ledger.cancel([id], self.by)

    def _has_ticket(self) -> bool | None:
        """None where the list does not answer."""
        try:
            return self.feishu.has_open_ticket(self.open_id)
        except AskFailed:
            return None

    def _wait_for_listing(self) -> None:
        started = self.clock()
        while self.clock() - started < LISTED_WITHIN_SECONDS:
            self.report.listed = self._has_ticket()
            if self.report.listed is None:
                return
            if self.report.listed:
                self.report.listed_after_seconds = round(self.clock() - started, 1)
                return
            self.sleep(LOOK_SECONDS)

    def _add(self, step: Step) -> Step:
        self.report.steps.append(step)
        self.tell(step)
        return step

    @property
    def _private(self) -> tuple[str, ...]:
        return self.open_id, *self.private
