"""Problems that need a person: the health line, what was maybe sent, and messages that got lost."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

from ledger.announcement import Announcement
from ledger.draft import Person
from ledger.health import REDIS_AWAY, Condition, Severity
from ledger.overview import DeskOverview, Snapshot
from ledger.settling import Settlement
from ledger.states import AnnouncementState, State

__all__ = ["Attention", "attention_of", "unsettled_rows"]


@dataclass(frozen=True, slots=True)
class Attention:
    """Those that the viewer may see."""

    conditions: tuple[Condition, ...]  #: the health line
    held: tuple[DeskOverview, ...]
    addresses_held: tuple[DeskOverview, ...]  #: events by e-mail or mobile wait there
    unknown_events: int  #: that nobody has settled
    unknown: tuple[Announcement, ...]  #: with unknown rows that nobody has settled
    failed_events: int
    failed: tuple[Announcement, ...]  #: with failed rows
    stopped: tuple[Announcement, ...] = ()  #: paused by themselves
    lost_messages: int = 0  #: of other Celery applications
    to_approve: tuple[Announcement, ...] = ()  #: drafts that wait for the viewer, or another, to approve them
    settling: tuple[Settlement, ...] = ()  #: settlements that can still be taken back

    @classmethod
    def when_away(cls) -> Self:
        """Nothing is known but that Redis does not answer."""
        return cls((REDIS_AWAY,), (), (), 0, (), 0, ())

    @property
    def count(self) -> int:
        """Problems that only a person can settle. Failed notifications do not count, nor what somebody wanted so."""
        rows = sum(self.unsettled(each) for each in self.unknown)
        conditions = sum(each.severity is not Severity.NOTE for each in self.conditions)
        return conditions + self.unknown_events + rows + self.lost_messages + len(self.stopped) + len(self.to_approve)

    def unsettled(self, announcement: Announcement) -> int:
        """Its unknown rows, less those of a settlement."""
        return unsettled_rows(announcement, self.settling)

    def settles(self, id: str) -> bool:
        """Whether a settlement means this notification."""
        return any(each.means(id) for each in self.settling)


def unsettled_rows(announcement: Announcement, settling: Iterable[Settlement]) -> int:
    unknown = announcement.counts[State.UNKNOWN]
    return max(0, unknown - sum(each.rows_of(announcement.id, unknown) for each in settling))


def attention_of(snapshot: Snapshot, sees: Callable[[str], bool], approver: Person | None = None) -> Attention:
    """`approver`: the viewer, if that is somebody who may approve drafts."""
    desks = [desk for name, desk in snapshot.desks.items() if sees(name)]
    announcements = [each for each in snapshot.announcements.values() if sees(each.spec.desk)]
    # Events at rest and lost messages are counted over all desks: to tell their desks, each would have to be read.
    all_desks = all(map(sees, snapshot.desks))
    settling = tuple(each for each in snapshot.settling if sees(each.desk))
    return Attention(
        conditions=snapshot.conditions(sees),
        held=tuple(desk for desk in desks if desk.status.hold and desk.status.hold["kind"] != "throttled"),
        addresses_held=tuple(
            desk for desk in desks if desk.status.people_hold and desk.status.people_hold["kind"] != "throttled"
        ),
        unknown_events=_unsettled_events(snapshot, settling) if all_desks else 0,
        unknown=tuple(each for each in announcements if unsettled_rows(each, settling)),
        failed_events=snapshot.events_at_rest[State.FAILED] if all_desks else 0,
        stopped=tuple(each for each in announcements if each.stopped_itself),
        failed=tuple(each for each in announcements if each.counts[State.FAILED]),
        lost_messages=snapshot.lost_messages if all_desks else 0,
        to_approve=tuple(each for each in snapshot.drafts if sees(each.spec.desk) and _waits_for(each, approver)),
        settling=settling,
    )


def _unsettled_events(snapshot: Snapshot, settling: Iterable[Settlement]) -> int:
    return max(0, snapshot.events_at_rest[State.UNKNOWN] - sum(each.events for each in settling))


def _waits_for(draft: Announcement, approver: Person | None) -> bool:
    if approver is None or draft.draft is None:
        return False
    return draft.state is AnnouncementState.AWAITING_APPROVAL and draft.draft.may_approve(approver)
