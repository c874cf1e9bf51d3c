"""Holding a desk: after a throttle, refused credentials or a spent quota none of its notifications can be sent."""

import logging

from feishu.verdict import Verdict
from ledger.leases import Leases, Result
from ledger.settings import Desk
from ledger.states import State
from worker.claimed import ClaimedNotification
from worker.retries import retry_while_redis_is_away

__all__ = ["DeskHold"]

log = logging.getLogger(__name__)

#: How long all hold back when a throttle does not say how long.
THROTTLE_SECONDS = 5.0
#: When a held desk is probed: after wrong credentials, after a spent monthly quota, ms.
CREDENTIALS_HOLD_MS, QUOTA_HOLD_MS = 60_000, 3_600_000


class DeskHold:
    """Of one desk. Each method holds the desk, and returns what happens to the notification whose call was refused."""

    def __init__(self, desk: Desk, leases: Leases) -> None:
        self._desk = desk
        self._leases = leases

    def for_throttle(self, claimed: ClaimedNotification, verdict: Verdict) -> Result:
        hold_seconds = verdict.retry_after_seconds or THROTTLE_SECONDS
        self._hold(claimed, "throttled", round(hold_seconds * 1000), verdict)
        return claimed.result(State.QUEUED)

    def for_credentials(self, claimed: ClaimedNotification, verdict: Verdict) -> Result:
        self._hold(claimed, "credentials", CREDENTIALS_HOLD_MS, verdict)
        return claimed.deferred(CREDENTIALS_HOLD_MS, held=True)

    def for_quota(self, claimed: ClaimedNotification, verdict: Verdict) -> Result:
        self._hold(claimed, "quota", QUOTA_HOLD_MS, verdict)
        return claimed.deferred(QUOTA_HOLD_MS, held=True)

    def _hold(self, claimed: ClaimedNotification, kind: str, hold_ms: int, verdict: Verdict) -> None:
        claimed.desk_held = True
        reason = f"{verdict}: {verdict.msg}" if verdict.msg else str(verdict)
        hold = retry_while_redis_is_away()(self._leases.hold, self._desk, kind, hold_ms, reason, verdict.rate_limit)
        if hold.lowered_to:
            log.error(
                "throttled again: the desk uses %s of its configured rate for a day, or until `deskbell resume --desk`",
                f"{hold.lowered_to:.0%}",
                extra={"desk": self._desk.name},
            )
        if hold.is_new:
            level = logging.INFO if kind == "throttled" else logging.ERROR
            log.log(level, "desk held (%s): %s", kind, reason, extra={"desk": self._desk.name})
