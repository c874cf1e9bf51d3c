"""The backend of programs that reach Redis: straight into the ledger."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Unpack

from ledger.connection import reachable
from ledger.ledger import Ledger
from ledger.record import Accepted, Record
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.announcing import Announced, announce, check_rows, recipients_of
from producers.announcements.lookup import Lookup
from producers.announcements.recipients import Recipients
from producers.client.arguments import AnnouncementArguments
from producers.client.event_draft import EventDraft

__all__ = ["LedgerBackend"]


class LedgerBackend:
    """`Notifier` says what each method promises and raises."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def send(self, drafts: Sequence[EventDraft]) -> list[Accepted]:
        notifications = [draft.notification for draft in drafts]
        for desk in {notification.desk for notification in notifications}:
            self._ledger.settings.desk(desk)
        images = {draft.image.sha256: draft.image for draft in drafts if draft.image}
        with reachable(self._ledger.settings):
            # First the images: a worker may take a notification the moment it is accepted.
            for image in images.values():
                self._ledger.keep_image(image.sha256, image.data, notifications)
            return self._ledger.accept(notifications)

    def announce(
        self, rows: Iterable[Mapping[str, str]] | Path, **arguments: Unpack[AnnouncementArguments]
    ) -> Announced:
        draft = AnnouncementDraft.build(arguments)
        self._ledger.settings.desk(draft.spec.desk)
        with (
            Lookup(draft.spec.desk) as lookup,
            Recipients.open(rows) if isinstance(rows, Path | str) else recipients_of(rows) as recipients,
            check_rows(draft, recipients, lookup) as checked,
            reachable(self._ledger.settings),
        ):
            return announce(self._ledger, draft, recipients, checked)

    def get(self, id: str) -> Record:
        with reachable(self._ledger.settings):
            return self._ledger.get(id)

    def close(self) -> None:
        self._ledger.redis.close()
