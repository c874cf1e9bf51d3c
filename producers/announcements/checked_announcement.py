"""A checked announcement on its way into the ledger: accepted with all its rows, or not at all."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, cast

from ledger.addresses import Contact
from ledger.announcement import Announcement, Spec
from ledger.delivery_options import UserIdType
from ledger.draft import Person
from ledger.draft_verbs import DRAFT_MS
from ledger.errors import BadInput
from ledger.ledger import Ledger
from ledger.loading import DraftKey, key_of_announcement, key_of_draft
from ledger.messages.template import Template
from ledger.phrases import Phrase
from ledger.record import Announced
from ledger.saved_templates import SavedTemplates
from ledger.times import past_problem
from ledger.tracing import traceparent
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.audience.files import Reader
from producers.announcements.audience.roster import Walked
from producers.announcements.check import Checked, accepted_rows, check
from producers.announcements.lookup import Lookup
from producers.announcements.recipients import Recipients
from producers.announcements.recipients.reading_options import ReadingOptions
from producers.announcements.repeat import refuse_repeat
from producers.announcements.same_content import note_content, with_same_content

if TYPE_CHECKING:
    from producers.announcements.audience.audience import Audience

__all__ = ["CheckedAnnouncement", "LoadedAnnouncement", "checked_announcement"]


@contextmanager
def checked_announcement(
    ledger: Ledger,
    draft: AnnouncementDraft,
    open_recipients: Callable[[ReadingOptions], Recipients] | None,
    *,
    read: Reader = Recipients.of,
    tell: Walked = lambda *_: None,
    repeat_by: str | None = None,
) -> Iterator["CheckedAnnouncement"]:
    """Checks all rows; Feishu is asked about those that have an email or a mobile alone. Closes the recipients.

    `open_recipients` may be None where an audience is walked; `tell` hears how far. `read` opens exclusions. With
    `repeat_by`, who wants it accepted, an audience that was accepted before is not walked: AlreadyAnnounced. Raises
    BadInput for an unknown desk or a time that is long past, and as `open_recipients`, `gathered`, `check`, `Lookup`.
    Errors of single rows are in the result.
    """
    if open_recipients is None and not draft.audience.is_walked:
        raise BadInput("recipients", Phrase("no recipients: give a file, departments, groups or everyone"))
    with ExitStack() as stack:
        at_desk = ledger.at(draft.spec.desk)
        lookup = stack.enter_context(Lookup(ledger, ledger.settings.desk(draft.spec.desk)))
        file = stack.enter_context(open_recipients(draft.reading)) if open_recipients else None
        if repeat_by is not None and draft.audience.is_walked:
            refuse_repeat(at_desk, draft, file, read, repeat_by)
        audience = stack.enter_context(_audience(ledger, draft, lookup, file, read, tell)) if draft.audience else None
        recipients = audience.rows if audience else cast(Recipients, file)
        checked = stack.enter_context(_checked(draft, recipients, lookup))
        announcement = CheckedAnnouncement(draft, recipients, checked, lookup, at_desk, audience)
        announcement.refuse_past()
        yield announcement


def _checked(draft: AnnouncementDraft, recipients: Recipients, lookup: Lookup) -> "AbstractContextManager[Checked]":
    # Of people who are resolved, the column of addresses was read already.
    options = replace(draft.options, address_column=None) if recipients.is_resolved else draft.options
    resolver = lookup.resolve if draft.spec.user_id_type is UserIdType.OPEN_ID else _refuse_contacts
    return check(recipients, draft.spec.message, options, resolver=resolver)


def _audience(*about: Any) -> "AbstractContextManager[Audience]":
    # Loaded with the first audience: it calls Feishu, and most announcements do not.
    from producers.announcements.audience.audience import gathered

    return gathered(*about)


@dataclass(frozen=True, slots=True)
class CheckedAnnouncement:
    """Nothing is accepted yet. Nothing in its repr tells the message."""

    draft: AnnouncementDraft
    recipients: Recipients
    checked: Checked
    lookup: Lookup = field(repr=False)
    ledger: Ledger = field(repr=False)
    audience: "Audience | None" = field(repr=False)

    @property
    def is_acceptable(self) -> bool:
        """Whether there are rows to send, and leaving out those that are invalid or not visible was asked for."""
        is_whole = not (self.audience and self.audience.is_refused)
        return bool(is_whole and self.checked.accepted and (self.draft.skip_invalid or not self.checked.invalid))

    @property
    def spec(self) -> Spec:
        """As it stands in the ledger once it is loaded: with what the check has found."""
        found = {"columns": self.checked.columns, "people": self.recipients.people, "traceparent": traceparent()}
        return self.draft.spec.model_copy(update=found)

    def accept(self, by: str = "") -> Announced:
        """Loads the rows that the check accepted and starts the announcement, durably. `by` goes on record.

        Killed at any moment and called again with the same recipients, message and options (or the same key), it goes
        on to one complete announcement. Nothing is sent before all rows are in.

        Raises:
            BadInput: rows are invalid and not to be skipped; none is left; the file has changed since the check.
            KeyReused: the key stands for another content.
            NotDurable: the fsync was not confirmed in time: call again.
        """
        return self.load().start(self.ledger, by)

    def load(self) -> "LoadedAnnouncement":
        """The first half of `accept`: all is in the ledger for a day, and nothing is accepted. Raises as it does."""
        self.refuse_unacceptable()
        self.refuse_unapproved()
        return self._load(self.key)

    def load_draft(self, by: Person) -> "LoadedAnnouncement":
        """Loads it for a draft of this author, or finds his draft of it. Raises as `accept`, and KeyReused only for a
        key of his own drafts."""
        self.refuse_unacceptable()
        return self._load(key_of_draft(self.key, by.id), "key" if self.draft.key else "content")

    def load_edit(self) -> "LoadedAnnouncement":
        """Loads it for the place of a draft's content, beside all else. Raises BadInput as `accept`."""
        self.refuse_unacceptable()
        return self._load("")

    def _load(self, key: str, draft_key: DraftKey | None = None) -> "LoadedAnnouncement":
        draft, checked, announcements = self.draft, self.checked, self.ledger.announcements
        spec = self.spec
        is_timed, rows_sha256 = bool(checked.due(1)), hashlib.sha256()
        id, is_known = announcements.open(spec, key=key, digest=self.digest, timed=is_timed, draft=draft_key)
        if not is_known:
            if draft.image:
                # First the image: a worker may take a row the moment it is accepted.
                keep_ms = self.ledger.key_ttl_ms(spec.at, spec.expires_at) + (0 if key and not draft_key else DRAFT_MS)
                self.ledger.keep_image_for(draft.image.sha256, draft.image.data, keep_ms)
            announcements.load(id, _hashed(accepted_rows(self.recipients, checked), rows_sha256))
        if draft.template:
            variables = Template.of(spec.message, may_have_others=True).variables
            SavedTemplates(self.ledger).note_sent(spec.desk, draft.template, variables)
        return LoadedAnnouncement(
            id, spec, checked.accepted, checked.content_hash, rows_sha256.hexdigest(), self.digest, is_known
        )

    @property
    def digest(self) -> str:
        """Of everything that makes it this announcement."""
        return self.draft.digest(self.checked.sha256)

    @property
    def key(self) -> str:
        """By which it is accepted once."""
        return self.draft.key or self.digest

    @property
    def _is_known(self) -> bool:
        return self.ledger.is_known(self.draft.spec.desk, key_of_announcement(self.key))

    def refuse_unapproved(self) -> None:
        """Raises NotPermitted when so many rows need an approval; but not for a repeat, whose key is known."""
        if not self._is_known:
            self.ledger.announcements.refuse_unapproved(self.checked.accepted)

    def refuse_past(self) -> None:
        """Raises BadInput when its time is long past; but not for a repeat, whose key is known."""
        refusal = past_problem(self.draft.spec.at, datetime.now(UTC))
        if refusal and not self._is_known:
            raise refusal

    def same_content(self) -> Announcement | None:
        """A recent announcement with the same content and recipients, whatever its file was called."""
        return with_same_content(self.ledger, self.draft.spec.desk, self.checked.content_hash)

    def refuse_unacceptable(self) -> None:
        """Raises BadInput, about what must be fixed first, unless it can be accepted."""
        if self.audience:
            self.audience.refuse_invisible()
        if not self.draft.skip_invalid:
            self.checked.refuse_invalid()
        if not self.checked.accepted and self.audience:
            raise BadInput("audience", Phrase("nobody is left to send to"))
        if not self.checked.accepted:
            raise BadInput("recipients", Phrase("contains no valid rows"))


@dataclass(frozen=True, slots=True)
class LoadedAnnouncement:
    """An announcement that waits for `start`, for a day."""

    id: str
    spec: Spec = field(repr=False)
    total: int
    content_hash: str
    rows_sha256: str = ""
    digest: str = ""  #: of everything that makes it this announcement
    is_known: bool = False  #: it is there already, and was not loaded again

    def start(self, ledger: Ledger, by: str = "") -> Announced:
        """The second half of `accept`: accepts what was loaded. Raises RowsMissing after a day, NotDurable."""
        # Also when it is known to be started: whoever started it may be waiting for the fsync still.
        is_new = ledger.announcements.start(self.id, self.spec, self.total, by)
        # Also when it was started before: the process that started it may have been killed before it came here.
        note_content(ledger, self.spec.desk, self.content_hash, self.id)
        return Announced(self.id, ledger.announcements.get(self.id).total, duplicate=not is_new)


def _hashed(rows: Iterator[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    """Also of their order: which are the first ones is approved, too."""
    for row in rows:
        digest.update(row + b"\n")
        yield row


def _refuse_contacts(contacts: Sequence[Contact]) -> NoReturn:
    problem = Phrase(
        "must be open_id for rows without receiver_id: the {kind} of a person leads to that", kind=contacts[0].kind
    )
    raise BadInput("user_id_type", problem)
