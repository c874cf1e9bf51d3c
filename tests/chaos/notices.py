"""The notices of a run: of each approval, each pause by itself and the end, whoever starts it is told once."""

from collections import Counter
from collections.abc import Iterable, Iterator

from ledger.announcement import Announcement
from ledger.delivery_options import OnUnknown
from ledger.record import Record
from ledger.states import AnnouncementState
from tests.chaos.traffic import STARTER, Asked

__all__ = ["asked_by", "is_notice", "told_wrongly"]

_ENDED = {AnnouncementState.FINISHED, AnnouncementState.CANCELLED}


def is_notice(record: Record) -> bool:
    return (record.notification.key or "").startswith("notice/")


def asked_by(record: Record) -> Asked:
    """What nobody but Deskbell asked for."""
    return Asked(str(record.notification.message.content["text"]), STARTER, OnUnknown.HOLD)


def told_wrongly(announcements: Iterable[Announcement], notices: Iterable[Record]) -> Iterator[tuple[str, str]]:
    """Ids of announcements, and how what was told of each differs from what came of it."""
    told = Counter(_told(record) for record in notices)
    for each in announcements:
        if each.spec.notify:
            pauses = Counter(did.removeprefix("pause at ") for _, _, did in each.acts if did.startswith("pause at "))
            happened = pauses + Counter({str(each.state): 1} if each.state in _ENDED else {})
            happened += Counter("approved" for _, _, did in each.acts if did == "approve")
            found = Counter({kind: count for (id, kind), count in told.items() if id == each.id})
            if found != happened:
                yield each.id, f"told {dict(found)}, and there was {dict(happened)}"


def _told(record: Record) -> tuple[str, str]:
    _, id, kind, *_ = (record.notification.key or "").split("/")
    return id, kind
