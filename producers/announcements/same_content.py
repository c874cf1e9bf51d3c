"""Which announcement last had this message and these receivers: for a warning before the same is sent again."""

from ledger.announcement import Announcement
from ledger.connection import text
from ledger.errors import NotFound
from ledger.ledger import Ledger

__all__ = ["note_content", "with_same_content"]


def note_content(ledger: Ledger, desk: str, content_hash: str, id: str) -> None:
    """Called once the announcement is started."""
    ledger = ledger.at(desk)
    ledger.redis.set(ledger.keys.content(desk, content_hash), id, px=ledger.results_for_ms)


def with_same_content(ledger: Ledger, desk: str, content_hash: str) -> Announcement | None:
    """The last one, whatever its file was called."""
    ledger = ledger.at(desk)
    id = ledger.redis.get(ledger.keys.content(desk, content_hash))
    try:
        return ledger.announcements.get(text(id)) if id else None
    except NotFound:  # its record has gone first
        return None
