"""What a worker counts for the metrics: its calls, attempts, and the results of notifications."""

from collections.abc import Iterable

from feishu.codes import CodeTable
from feishu.verdict import Verdict
from ledger.leases import Result, Swept
from ledger.progress import Attempt
from ledger.settings import Desk
from ledger.states import Outcome, State
from ledger.tally import ENDED, CounterBuffer, Histogram
from worker.claimed import ClaimedNotification

__all__ = ["DeskMetrics", "count_swept"]

#: Which undocumented helpdesk code means an open ticket can only be learnt from real answers, so these keep their
#: number though the table does not list them.
_HELPDESK_CODES = range(154_000, 156_000)
#: What a result to this state is called in the tally. One that goes back to its lane does not count.
_RESULT_NAMES = {
    State.DELIVERED: "delivered",
    State.DEFERRED: "deferred",
    State.FAILED: "failed",
    State.UNKNOWN: "unknown",
}


class DeskMetrics:
    """Counts for one desk. Threads share it."""

    def __init__(self, counters: CounterBuffer, desk: Desk, codes: CodeTable) -> None:
        self._sheet = counters
        self._desk = desk.name
        self._listed = frozenset(code for rule in codes.rules for code in rule.code if isinstance(code, int))

    def call(self, verdict: Verdict) -> None:
        """A call of any Feishu API."""
        self._sheet.count(self._desk, "calls", verdict.call, verdict.outcome)
        self._sheet.time(self._desk, Histogram.CALL, verdict.elapsed_ms / 1000, verdict.call)

    def deliveries(self, batch: Iterable[ClaimedNotification], recorded: Iterable[Result]) -> None:
        """The attempts of these notifications, and the results that are on record."""
        by_id = {claimed.claim.id: claimed for claimed in batch}
        for claimed in by_id.values():
            for attempt in claimed.attempts:
                self._attempt(attempt)
        for result in recorded:
            self._result(by_id[result.id], result.to)

    def _attempt(self, attempt: Attempt) -> None:
        if attempt.via is None:  # not a send
            return
        self._sheet.count(self._desk, "attempts", attempt.via, attempt.outcome, self._code(attempt))
        if attempt.outcome is Outcome.THROTTLED:
            self._sheet.count(self._desk, ENDED, "throttled")

    def _code(self, attempt: Attempt) -> str:
        """Few enough values for a label: a metric must not grow with the answers of a server."""
        code, http_status = attempt.code, attempt.http_status
        if code is not None:
            return str(code) if code in self._listed or code in _HELPDESK_CODES else "other"
        if http_status is not None:
            return f"http_{http_status}" if 100 <= http_status < 600 else "other"
        return "none"

    def _result(self, claimed: ClaimedNotification, to: State) -> None:
        name = _RESULT_NAMES.get(to)
        if name is None:
            return
        rerouted = to is State.DELIVERED and claimed.is_rerouted
        self._sheet.count(self._desk, ENDED, "rerouted" if rerouted else name)
        if to is not State.DEFERRED:
            lane = "announcement" if claimed.claim.row else "event"
            waited_ms = claimed.redis_now_ms() - claimed.claim.wanted_ms
            self._sheet.time(self._desk, Histogram.DELIVERY, waited_ms / 1000, lane, name)


def count_swept(counters: CounterBuffer, desk: Desk, swept: Swept) -> None:
    """What was taken back from lost workers."""
    for name, number in swept._asdict().items():
        if number:
            counters.count(desk.name, "swept", name, by=number)
    if swept.unknown:
        counters.count(desk.name, ENDED, "unknown", by=swept.unknown)
