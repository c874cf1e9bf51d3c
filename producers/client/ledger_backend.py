"""The backend for programs with access to Redis: directly the ledger."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from ledger.connection import connect, reachable
from ledger.ids import is_announcement
from ledger.ledger import Ledger
from ledger.practice import command_settings, is_practice
from ledger.record import Accepted, Announced, Record
from ledger.rescheduling import reschedule
from ledger.spread_ledger import open_ledgers
from ledger.states import AnnouncementState, State, SteeringVerb
from ledger.times import new_time
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.checked_announcement import CheckedAnnouncement, checked_announcement
from producers.announcements.drafts import Drafts
from producers.announcements.export import names_of, results_of
from producers.announcements.recipients import Recipients
from producers.announcements.recipients.reading_options import ReadingOptions
from producers.announcements.recipients.source import Source
from producers.announcements.repeat import AlreadyAnnounced
from producers.announcements.steering import steer
from producers.announcements.testing import accept_test_of_draft, chosen_row, events_of_draft, events_of_file
from producers.client.announcement_handle import AnnouncementStatus, DraftVerb, RowResult
from producers.client.arguments import AnnouncementArguments
from producers.client.event_draft import EventDraft
from producers.machine_user import machine_person, machine_user

if TYPE_CHECKING:
    from ledger.saved_template import SavedTemplate
    from ledger.saved_templates import SavedTemplates

__all__ = ["LedgerBackend"]

#: Of the time that a call has: how long Redis may wait for the disk, so that its answer still comes in time.
_FSYNC_SHARE = 0.8


log = logging.getLogger(__name__)


class LedgerBackend:
    """`Notifier` says what each method promises and raises."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._templates: SavedTemplates | None = None

    @classmethod
    def from_env(cls, timeout_seconds: float) -> Self:
        """Raises BadInput."""
        settings = command_settings()
        if is_practice(settings):
            log.warning("practice: `deskbell up --sandbox` runs here, so nothing reaches Feishu")
        connecting = partial(connect, answer_seconds=timeout_seconds, repeat_seconds=timeout_seconds)
        return cls(open_ledgers(settings, connecting, most_fsync_ms=round(timeout_seconds * _FSYNC_SHARE * 1000)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._ledger.settings.redis)!r})"

    def send(self, events: Sequence[Mapping[str, Any]]) -> list[Accepted]:
        drafts = EventDraft.build_all(events, find=self._find_template)
        notifications = [draft.notification for draft in drafts]
        images = {draft.image.sha256: draft.image for draft in drafts if draft.image}
        with reachable(self._ledger.settings):
            # First the images: a worker may take a notification the moment it is accepted.
            for image in images.values():
                self._ledger.keep_image(image.sha256, image.data, notifications)
            accepted = self._ledger.accept(notifications)
            if self._templates:
                self._templates.note_accepted(notifications)
        return accepted

    def _find_template(self, desk: str, written: object) -> "SavedTemplate":
        with reachable(self._ledger.settings):
            return self._saved_templates().find(desk, written)

    def _saved_templates(self) -> "SavedTemplates":
        if self._templates is None:
            # Loaded with the first template: it brings Jinja, which most programs need not have.
            from ledger.saved_templates import SavedTemplates

            self._templates = SavedTemplates(self._ledger)
        return self._templates

    def announce(
        self, rows: Iterable[Mapping[str, str]] | Path | None, draft: bool, **arguments: Unpack[AnnouncementArguments]
    ) -> Announced:
        if draft:
            with self._checked(rows, arguments) as announcement:
                kept = Drafts(self._ledger).keep(announcement, machine_person())
            return Announced(kept.id, kept.total, duplicate=False)
        by = machine_user()
        try:
            with self._checked(rows, arguments, repeat_by=by) as announcement:
                return announcement.accept(by)
        except AlreadyAnnounced as repeat:
            return repeat.announced

    def test(
        self,
        rows: Iterable[Mapping[str, str]] | Path | None,
        to: str,
        row: int | str,
        **arguments: Unpack[AnnouncementArguments],
    ) -> str:
        choice = chosen_row(row)
        with self._checked(rows, arguments) as announcement:
            return self._ledger.accept(events_of_file(announcement, to, choice))[-1].id

    @contextmanager
    def _checked(
        self,
        rows: Iterable[Mapping[str, str]] | Path | None,
        arguments: Mapping[str, Any],
        repeat_by: str | None = None,
    ) -> Iterator[CheckedAnnouncement]:
        def opened(options: ReadingOptions) -> Recipients:
            if isinstance(rows, Path | str):
                return Recipients.open(rows, options=options)
            return Recipients.of(Source.of_rows(rows or ()), options.of_rows())

        draft = AnnouncementDraft.build(arguments, find=self._find_template)
        source = None if rows is None else opened
        checking = checked_announcement(self._ledger, draft, source, repeat_by=repeat_by)
        with checking as announcement, reachable(self._ledger.settings):
            yield announcement

    def steer(self, id: str, verb: SteeringVerb) -> AnnouncementState:
        with reachable(self._ledger.settings):
            return steer(self._ledger.announcements, id, verb, machine_user())

    def review(self, id: str, verb: DraftVerb, detail: str | None) -> AnnouncementState | None:
        drafts, by = Drafts(self._ledger), machine_person()
        with reachable(self._ledger.settings):
            match verb:
                case "submit":
                    return drafts.submit(id, by).state
                case "approve":
                    return drafts.approve(id, detail or "", by).state
                case "reject":
                    return drafts.reject(id, detail or "", by).state
                case "start":
                    return drafts.start(id, by, detail).state
                case "discard":
                    drafts.discard(id, by)
                    return None

    def reschedule(self, id: str, at: datetime | str, timezone: str | None) -> State | AnnouncementState:
        time = new_time(at, timezone)
        with reachable(self._ledger.settings):
            reschedule(self._ledger, id, time, machine_user())
            if is_announcement(id):
                return self._ledger.announcements.get(id).state
            return self._ledger.get(id).progress.state

    def test_draft(self, id: str, to: str, row: int | str) -> str:
        choice = chosen_row(row)
        with reachable(self._ledger.settings):
            events = events_of_draft(self._ledger, id, to, choice)
            return accept_test_of_draft(self._ledger, id, events, machine_person(), self._ledger.accept)

    def status(self, id: str) -> AnnouncementStatus:
        with reachable(self._ledger.settings):
            return AnnouncementStatus.of_json(self._ledger.announcements.get(id).as_json())

    def rows(self, id: str) -> Iterator[RowResult]:
        with reachable(self._ledger.settings):
            names = names_of(self._ledger.announcements.get(id).spec.columns)
            for row in results_of(self._ledger, id):
                yield RowResult.of_json(dict(zip(names, row, strict=True)))

    def get(self, id: str) -> Record:
        with reachable(self._ledger.settings):
            return self._ledger.get(id)

    def close(self) -> None:
        self._ledger.close()
