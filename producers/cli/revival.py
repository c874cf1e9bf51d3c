"""Restarting the embedded Valkey after every crash: without it nothing works."""

import socket
import time
from collections.abc import Callable

from ledger.embedded import EmbeddedValkey
from ledger.errors import LedgerUnreachable
from ledger.phrases import Phrase

__all__ = ["FIRST_WAIT_SECONDS", "LONGEST_WAIT_SECONDS", "Revival"]

#: It is started again at once; if that does not last, after the first of these. Each further wait is twice as long, up
#: to the second.
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 30.0
#: Whoever has lived for so long died of something new: the waits begin anew.
STEADY_SECONDS = 60.0
#: A server that has not taken the connection by then is busy, and lives.
_PROBE_SECONDS = 1.0


class Revival:
    """Call `look` often. What was confirmed is in the append-only file, so that each start goes on from there.

    With `appendfsync always` the server ends itself when its disk is full. It does so again at the first write after
    each start, until there is room: no number of deaths is too many.
    """

    def __init__(
        self, valkey: EmbeddedValkey, say: Callable[[Phrase], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._valkey, self._say, self._clock = valkey, say, clock
        self._wait_seconds = 0.0
        self._started_at = clock()
        self._start_at: float | None = None

    def look(self) -> None:
        """Raises LedgerUnreachable when it does not start, and that is not for want of room."""
        if self._start_at is None:
            if not _is_listened_to(str(self._valkey.socket_path)):
                self._plan_the_start()
        elif self._clock() >= self._start_at:
            self._start()

    def _plan_the_start(self) -> None:
        now = self._clock()
        if now - self._started_at > STEADY_SECONDS:
            self._wait_seconds = 0.0
        when = Phrase("in {n:g} s", n=self._wait_seconds) if self._wait_seconds else Phrase("at once")
        why = self._valkey.why_it_ended()
        self._say(Phrase("the embedded Valkey has died ({why}); restarting it {when}", why=why, when=when))
        self._start_at = now + self._wait_seconds
        self._wait_seconds = min(max(FIRST_WAIT_SECONDS, 2 * self._wait_seconds), LONGEST_WAIT_SECONDS)

    def _start(self) -> None:
        self._start_at = None
        try:
            self._valkey.start_again()
        except LedgerUnreachable:
            if not self._valkey.lacks_room:
                raise
            self._plan_the_start()
        self._started_at = self._clock()


def _is_listened_to(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True
