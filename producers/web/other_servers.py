"""Looks at servers beside the home, for probes and metrics, which must not wait for one that hangs."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import replace
from typing import TypeVar

from ledger.ledger import Ledger
from ledger.phrases import Phrase
from producers.doctor.diagnosis import check_ledger
from producers.doctor.doctor_check import Check, Status

__all__ = ["OtherServers"]

#: For all that is asked of one server, seconds. Supervisors wait for a probe for one second as a rule.
ANSWER_SECONDS = 0.7
#: Looks at once. A look ends when its connection gives up, so more are not needed than there are servers that hang.
_THREADS = 8

FoundT = TypeVar("FoundT")


class OtherServers:
    """Of one web process. A server that hangs holds one thread for each kind of look, not one for each probe."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "other-servers")  # starts none before there is a look
        self._under_way: dict[tuple[str, str], Future[object]] = {}

    def checked(self, server: Ledger) -> tuple[list[Check], bool]:
        """As `check_ledger`, with the server's name in those of the checks."""
        where = str(server.settings.redis)
        found = self.within(where, "check", lambda: check_ledger(server))
        if found is None:
            desks = ", ".join(server.settings.desks_here)
            hangs = Phrase("Redis at {where} does not answer in time; it has {desks}", where=where, desks=desks)
            return [Check(f"redis {where}", Status.FAIL, hangs, Phrase("check the server"))], False
        checks, is_reached = found
        return [replace(check, name=f"{check.name} {where}") for check in checks], is_reached

    def within(self, where: str, kind: str, look: Callable[[], FoundT]) -> FoundT | None:
        """The result; None if it is not there in time. A look that is still under way is not begun again."""
        pending = self._under_way.get((where, kind))
        if pending is not None and not pending.done():
            return None
        future = self._threads.submit(look)
        self._under_way[where, kind] = future  # type: ignore[assignment]
        try:
            return future.result(ANSWER_SECONDS)
        except NotInTime:
            return None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
