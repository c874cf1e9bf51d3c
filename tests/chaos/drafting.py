"""Drafts: a producer takes each from step to step until it is started."""

import subprocess
from collections.abc import Callable
from contextlib import suppress

from ledger.announcement import Announcement
from ledger.draft import Draft, Person
from ledger.errors import Changed, NotAllowed, NotPermitted
from ledger.ledger import Ledger
from ledger.states import DRAFTED, AnnouncementState
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.checked_announcement import checked_announcement
from producers.announcements.drafts import Drafts
from producers.announcements.recipients import ReadingOptions, Recipients
from producers.announcements.recipients.source import Source
from tests.chaos.approvals import approver_of
from tests.chaos.backend import COMMAND_SECONDS, DESKBELL
from tests.chaos.journal import Journal
from tests.chaos.traffic import Announced, DraftPlan

__all__ = ["announce_draft"]

_AUTHOR = Person("author", "author")


def announce_draft(ledger: Ledger, announced: Announced, journal: Journal, hesitate: Callable[[], None]) -> str:
    """Its id, once its start is confirmed. Called again after any failure, or a kill, it goes on where it was."""
    drafting = _Drafting(ledger, announced, journal)
    id = journal.draft(announced.key) or drafting.keep()
    while (found := ledger.announcements.get(id)).state in DRAFTED:
        journal.asking(announced.key)
        hesitate()
        with suppress(NotAllowed, Changed):  # a step whose answer was lost is done after all
            drafting.step(found)
    with suppress(NotAllowed):  # a second start; and the refusal waits for the disk, so the first one is confirmed
        Drafts(ledger).start(id, _AUTHOR)
    return id


class _Drafting:
    """What must be refused is tried as well: the judge finds what was not."""

    def __init__(self, ledger: Ledger, announced: Announced, journal: Journal) -> None:
        self._ledger, self._announced, self._journal = ledger, announced, journal
        self._drafts = Drafts(ledger)
        self._plan = announced.draft or DraftPlan(edited=False, started_at_once=False)

    def keep(self) -> str:
        spec, key = self._announced.spec, self._announced.key
        options = {"on_unknown": spec.on_unknown, "notify": spec.notify, "first": spec.first, "stop_at": spec.stop_at}
        draft = AnnouncementDraft.build({"name": key, "key": key, "text": "{{ marker }}", **options})
        with checked_announcement(self._ledger, draft, self._opened(1)) as checked:
            id = self._drafts.keep(checked, _AUTHOR).id
        self._journal.kept(key, id)
        return id

    def _opened(self, version: int) -> Callable[[ReadingOptions], Recipients]:
        suffix = " before its edit" if self._plan.edited and version == 1 else ""
        rows = [{"receiver_id": row.receiver_id, "marker": row.marker + suffix} for row in self._announced.rows]
        return lambda options: Recipients.of(Source.of_rows(rows), options.of_rows())

    def step(self, found: Announcement) -> None:
        """The next one. Raises NotAllowed and Changed when it is another one by now."""
        assert found.draft
        if found.state is AnnouncementState.DRAFT:
            self._submit(found.id)
        elif found.state is AnnouncementState.AWAITING_APPROVAL:
            self._approve(found.id, found.draft)
        elif self._plan.edited and found.draft.version == 1:
            self._edit(found.id)
        else:
            self._start(found.id, found.draft)

    def _submit(self, id: str) -> None:
        with suppress(NotPermitted):
            self._drafts.start(id, _AUTHOR)
        self._drafts.submit(id, _AUTHOR)

    def _approve(self, id: str, draft: Draft) -> None:
        with suppress(NotPermitted):
            self._drafts.approve(id, draft.fingerprint, _AUTHOR)
        self._drafts.approve(id, draft.fingerprint, approver_of(draft.version))

    def _edit(self, id: str) -> None:
        with self._drafts.checked(id, {}, self._opened(2)) as checked:
            self._drafts.edit(id, checked, 1, _AUTHOR)

    def _start(self, id: str, draft: Draft) -> None:
        self._journal.starting(self._announced.key, id)
        if self._plan.started_at_once:
            commands = [subprocess.Popen([DESKBELL, "start", id]) for _ in range(2)]
            for command in commands:
                command.wait(COMMAND_SECONDS)
        else:
            self._drafts.start(id, _AUTHOR, version=draft.version)
