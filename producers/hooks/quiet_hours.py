"""A hook's quiet hours: when nothing goes that is not urgent."""

from datetime import UTC, datetime
from typing import NamedTuple, Self

from ledger.sending_hours import SendingHours

__all__ = ["QuietHours"]


class QuietHours(NamedTuple):
    """The same hours every day, in one time zone."""

    hours: SendingHours

    @classmethod
    def read(cls, quiet: str, timezone: str) -> Self:
        """Reads `22:00-08:00` and `Asia/Shanghai`. Raises BadInput."""
        return cls(SendingHours.read(quiet, timezone))

    def end_at(self, time: datetime) -> datetime | None:
        """When the quiet hours end that `time` is in; None if it is in none."""
        window = next(self.hours.windows(time, days=2))
        if window.opens_ms > time.timestamp() * 1000:
            return None
        return datetime.fromtimestamp(window.closes_ms / 1000, UTC)
