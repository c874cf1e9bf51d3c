"""Drafts: announcements that are seen, tested and approved before anything of them is accepted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ledger.announcement import Announcement, Row
from ledger.draft import Person
from ledger.draft_verbs import DraftContent, DraftVerbs
from ledger.errors import BadInput, NotAllowed
from ledger.ledger import Ledger
from ledger.messages.json_fields import steering_problem
from ledger.phrases import Phrase
from ledger.states import DRAFTED
from producers.announcements.again import again, corrected
from producers.announcements.checked_announcement import CheckedAnnouncement, LoadedAnnouncement
from producers.announcements.recipients import Recipients
from producers.announcements.recipients.reading_options import ReadingOptions
from producers.announcements.reuse import checked_again
from producers.announcements.same_content import note_content

__all__ = ["Drafts"]

#: Opens other recipients.
Opened = Callable[[ReadingOptions], Recipients] | None
#: Of a reason that stands in the audit log.
_WHY_CHARACTERS = 500


class Drafts:
    """What the command line, HTTP, `Notifier` and the console do with drafts.

    Each verb is one step, durable when it returns, and on record. All raise NotFound, and NotAllowed when the state
    forbids it. `by` acts: authors and approvers are told apart by id, and the name goes on record.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._verbs = DraftVerbs(ledger)

    def keep(self, checked: CheckedAnnouncement, by: Person) -> Announcement:
        """Makes a draft of what was checked. The same of the same author is one draft, until that is edited.

        Raises BadInput as `CheckedAnnouncement.accept`, and when the author has too many; KeyReused, NotDurable.
        """
        loaded = checked.load_draft(by)
        if not loaded.is_known:
            self._verbs.keep(_content(loaded), by, key=checked.key, key_given=bool(checked.draft.key))
        return self._ledger.announcements.get(loaded.id)

    def edit(self, id: str, checked: CheckedAnnouncement, version: int, by: Person) -> Announcement:
        """Replaces all of it, if it still has the version that was read; an approval ends.

        Raises Changed, BadInput as `keep` and for another desk, NotDurable.
        """
        if self.get(id).spec.desk != checked.draft.spec.desk:
            raise BadInput("desk", Phrase("a draft stays at its desk: make another draft"))
        self._verbs.edit(id, _content(checked.load_edit()), version, by)
        return self._ledger.announcements.get(id)

    @contextmanager
    def checked(
        self, id: str, given: Mapping[str, Any], opened: Opened = None, **how: Any
    ) -> Iterator[CheckedAnnouncement]:
        """For `edit`: the draft with what is `given` otherwise, as arguments of `Notifier.announce`.

        None goes back to the default. Its rows stay, unless others are opened or an audience is given. `how` is that of
        `checked_again`.
        """
        draft = self.get(id)
        with checked_again(self._ledger, draft.spec, lambda: self.rows(id), given, opened, **how) as announcement:
            yield announcement

    def again(
        self, id: str, by: Person, given: Mapping[str, Any] | None = None, *, rest_only: bool = False, **how: Any
    ) -> Announcement:
        """A new draft of an announcement, with what is `given` otherwise: to all its receivers, or to the rest, that is
        those who did not get it (failed, expired, cancelled). The original stays as it is.

        Raises BadInput as `keep`, and when no row is left; NotAllowed for a draft.
        """
        with again(self._ledger, id, given or {}, rest_only=rest_only, **how) as announcement:
            return self.keep(announcement, by)

    def correct(self, id: str, by: Person, given: Mapping[str, Any] | None = None, **how: Any) -> Announcement:
        """Cancels an announcement, and makes a draft, with what is `given` otherwise, of the rows that it did not send.

        Each row is in exactly one of the two. What cannot become a draft is refused before anything is cancelled;
        killed in between and called again, it goes on.

        Raises NotAllowed for what is over, StillSending when calls do not end in time; BadInput as `keep`.
        """
        self._verbs.check_room(id, by)
        with corrected(self._ledger, id, by.name, given or {}, **how) as announcement:
            return self.keep(announcement, by)

    def submit(self, id: str, by: Person) -> Announcement:
        """Asks somebody else to approve it."""
        self._verbs.submit(id, by)
        return self._ledger.announcements.get(id)

    def approve(self, id: str, fingerprint: str, by: Person) -> Announcement:
        """Approves what has this fingerprint. Raises Changed for another one, NotPermitted for its authors."""
        self._verbs.approve(id, fingerprint, by)
        return self._ledger.announcements.get(id)

    def reject(self, id: str, why: str, by: Person) -> Announcement:
        """Makes it a draft again, to be edited. Raises BadInput without a reason."""
        self._verbs.reject(id, _reason("why", why), by)
        return self._ledger.announcements.get(id)

    def start(self, id: str, by: Person, reason: str | None = None, version: int | None = None) -> Announcement:
        """Accepts all its rows: of this version, if one is given. With a reason no approval is needed.

        Raises NotPermitted without an approval, Changed, KeyReused, BadInput when it has expired, NotDurable.
        """
        content_hash = self._verbs.content_hash(id)
        self._verbs.start(id, by, "" if reason is None else _reason("reason", reason), version)
        started = self._ledger.announcements.get(id)
        if content_hash:
            note_content(self._ledger, started.spec.desk, content_hash, id)
        return started

    def check_start(self, id: str, version: int | None = None) -> None:
        """Raises as `start` without a reason, and starts nothing."""
        self._verbs.check_start(id, version)

    def discard(self, id: str, by: Person) -> None:
        """It is gone, with its rows."""
        self._verbs.discard(id, by)

    def note_test(self, id: str, notification: str, by: Person) -> None:
        """Keeps with it that this notification was a test of its present version."""
        self._verbs.note_test(id, notification, by)

    def get(self, id: str, verb: str = "edit") -> Announcement:
        """A draft. Raises NotAllowed, naming the verb, for what was started."""
        found = self._ledger.announcements.get(id)
        if found.state not in DRAFTED:
            raise NotAllowed(id, verb, found.state)
        return found

    def listed(self, desks: frozenset[str] | None = None) -> Iterator[Announcement]:
        """Those of these desks, or all; the last edited first."""
        return (each for each in self._verbs.listed() if desks is None or each.spec.desk in desks)

    def rows(self, id: str, numbers: Sequence[int] | None = None) -> Iterator[Row]:
        """These of its rows, by number from 0; or all."""
        return self._verbs.rows(id, numbers)

    def url(self, id: str) -> str | None:
        """Of its page; None unless DESKBELL_PUBLIC_URL is set."""
        public = self._ledger.settings.public_url
        return f"{public}/console/announcements/{id}" if public else None


def _content(loaded: LoadedAnnouncement) -> DraftContent:
    return DraftContent(loaded.id, loaded.spec, loaded.total, loaded.rows_sha256, loaded.content_hash, loaded.digest)


def _reason(field: str, text: str) -> str:
    """Raises BadInput for what nobody could read in the audit log."""
    given = " ".join(text.split())
    if not given:
        raise BadInput(field, Phrase("must say why, in a sentence"))
    if len(given) > _WHY_CHARACTERS:
        raise BadInput(field, Phrase("must have at most {most} characters", most=_WHY_CHARACTERS))
    if problem := steering_problem(given):
        raise BadInput(field, problem)
    return given
