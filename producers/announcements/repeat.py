"""An announcement to an audience that was accepted before: found by its key, without another walk.

The key, unless one is given, is a hash of what was asked for, not of the people who are found (see
`producers.announcements.audience.audience`): so nobody needs to be asked. Of files only the bytes are read.
"""

from ledger.connection import reachable, text
from ledger.errors import DeskbellError, KeyReused, NotFound
from ledger.ledger import Ledger
from ledger.loading import key_of_announcement
from ledger.phrases import Phrase
from ledger.record import Announced
from ledger.redis_keys import key_digest
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.audience.definition import exclusion_source
from producers.announcements.audience.files import Reader, digest_of_files, options_of_exclusions
from producers.announcements.recipients import Recipients

__all__ = ["AlreadyAnnounced", "refuse_repeat"]


class AlreadyAnnounced(DeskbellError):
    """It was accepted before, and nothing is accepted now: `announced` is what the repeat gets."""

    def __init__(self, announced: Announced) -> None:
        super().__init__(Phrase("{id} was already announced", id=announced.id))
        self.announced = announced


def refuse_repeat(ledger: Ledger, draft: AnnouncementDraft, file: Recipients | None, read: Reader, by: str) -> None:
    """Raises AlreadyAnnounced, once it is certain that the acceptance is durable; KeyReused for another content."""
    digest = draft.digest(_sha256(draft, file, read))
    name = key_digest(key_of_announcement(draft.key or digest))
    with reachable(ledger.settings):
        known = ledger.redis.get(ledger.keys.key(draft.spec.desk, name))
        id, _, of_first = text(known or b"").partition(" ")
        try:
            first = ledger.announcements.get(id)
        except NotFound:  # unknown, or being loaded
            return
        if of_first != digest:
            raise KeyReused(draft.key or digest, id)
        # Whoever started it may be waiting for the fsync still.
        ledger.announcements.start(id, first.spec, first.total, by)
    raise AlreadyAnnounced(Announced(id, first.total, duplicate=True))


def _sha256(draft: AnnouncementDraft, file: Recipients | None, read: Reader) -> str:
    excluded = []
    for exclusion in draft.audience.exclude:
        with read(exclusion_source(exclusion), options_of_exclusions(draft.reading)) as recipients:
            excluded.append(recipients.sha256)
    return digest_of_files(file.sha256 if file else "", excluded)
