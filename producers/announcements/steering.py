"""Pausing, resuming and cancelling for programs. Repeating a verb changes nothing."""

from ledger.announcements import Announcements
from ledger.errors import NotAllowed
from ledger.states import AnnouncementState, SteeringVerb

__all__ = ["steer"]

_VERBS = {
    "pause": (Announcements.pause, {AnnouncementState.PAUSED}),
    "resume": (Announcements.resume, {AnnouncementState.RUNNING, AnnouncementState.SCHEDULED}),
    "cancel": (Announcements.cancel, {AnnouncementState.CANCELLED}),
}


def steer(announcements: Announcements, id: str, verb: SteeringVerb, by: str) -> AnnouncementState:
    """Returns the new state. Raises NotFound, and NotAllowed if the state forbids the verb."""
    act, ends_as = _VERBS[verb]
    try:
        return act(announcements, id, by)
    except NotAllowed as error:
        if error.state not in ends_as:
            raise
        return AnnouncementState(error.state)
