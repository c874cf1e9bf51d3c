"""Taking an announcement into the ledger: its rows are checked, loaded, and accepted all at once or not at all."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from ledger.announcement import Announcement, Spec
from ledger.connection import text
from ledger.delivery_options import UserIdType
from ledger.errors import BadInput, NotFound
from ledger.ledger import Ledger
from ledger.tracing import traceparent
from producers.announcements.addressing import Contact
from producers.announcements.announced import Announced
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.check import Checked, accepted_rows, check
from producers.announcements.lookup import Lookup
from producers.announcements.recipients import Recipients
from producers.announcements.recipients.source import Source

__all__ = ["Loaded", "announce", "check_rows", "load", "recipients_of", "same_content", "spooled", "start"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """An announcement that waits for `start`."""

    id: str
    spec: Spec = field(repr=False)
    total: int
    content_hash: str
    is_started: bool  #: an earlier call with this key had made it


def recipients_of(rows: Iterable[Mapping[str, str]]) -> Recipients:
    """Rows that a program has, as recipients: the line of a row is its number. They are kept on disk until closed.

    Raises BadInput.
    """
    source = spooled(rows)
    try:
        return Recipients(source)
    except BaseException:
        source.close()
        raise


def spooled(rows: Iterable[Mapping[str, str]]) -> Source:
    """The rows as JSONL, on disk until closed. Raises BadInput."""
    with tempfile.TemporaryFile() as file:
        for number, row in enumerate(rows, start=1):
            try:
                file.write(orjson.dumps(dict(row)) + b"\n")
            except (TypeError, ValueError):  # orjson's error is a TypeError; dict() has both
                raise BadInput(f"rows[{number - 1}]", "must be a mapping of names to texts") from None
        file.seek(0)
        return Source.spooled(file, "rows")


def check_rows(draft: AnnouncementDraft, recipients: Recipients, lookup: Lookup) -> Checked:
    """The check of all rows; `lookup` is asked about those that have an email or a mobile alone. Raises as `check`."""
    resolver = lookup.resolve if draft.spec.user_id_type is UserIdType.OPEN_ID else _refuse_contacts
    return check(recipients, draft.spec.template, draft.options, resolver=resolver)


def _refuse_contacts(contacts: Sequence[Contact]) -> Any:
    problem = f"must be open_id for rows without receiver_id: that is what the {contacts[0].kind} of a person leads to"
    raise BadInput("user_id_type", problem)


def announce(
    ledger: Ledger, draft: AnnouncementDraft, recipients: Recipients, checked: Checked, by: str = ""
) -> Announced:
    """Loads the rows that the check accepted and starts the announcement, durably.

    Killed at any moment and called again with the same recipients, message and options (or the same key), it goes on
    to one complete announcement. Nothing is sent before all rows are in.

    Raises:
        BadInput: rows are invalid and not to be skipped; none is left; the file has changed since the check.
        KeyReused: the key stands for another content.
        NotDurable: the fsync was not confirmed in time: call again.
    """
    return start(ledger, load(ledger, draft, recipients, checked), by)


def load(ledger: Ledger, draft: AnnouncementDraft, recipients: Recipients, checked: Checked) -> Loaded:
    """The first half of `announce`: all is in the ledger for a day, and nothing is accepted. Raises as it does."""
    _refuse(draft, checked)
    digest = draft.digest(checked.sha256)
    spec = draft.spec.model_copy(update={"columns": checked.columns, "traceparent": traceparent()})
    announcements = ledger.announcements
    id, started = announcements.open(
        spec, key=draft.key or digest, digest=digest, timed="send_at" in recipients.columns
    )
    if not started:
        if draft.image:
            # First the image: a worker may take a row the moment it is accepted.
            keep_ms = ledger.key_ttl_ms(spec.at, spec.expires_at)
            ledger.keep_image_for(draft.image.sha256, draft.image.data, keep_ms)
        announcements.load(id, accepted_rows(recipients, checked))
    return Loaded(id, spec, checked.accepted, checked.content_hash, started)


def start(ledger: Ledger, loaded: Loaded, by: str = "") -> Announced:
    """The second half: accepts what was loaded. `by` goes on record. Raises RowsMissing after a day, NotDurable."""
    id, announcements = loaded.id, ledger.announcements
    # Also when it is known to be started: whoever started it may be waiting for the fsync still.
    is_new = announcements.start(id, loaded.spec, loaded.total, by)
    # Also when it was started before: the process that started it may have been killed before it came here.
    ledger.redis.set(ledger.keys.content(loaded.spec.desk, loaded.content_hash), id, px=ledger.results_for_ms)
    return Announced(id, announcements.get(id).total, duplicate=not is_new)


def same_content(ledger: Ledger, draft: AnnouncementDraft, checked: Checked) -> Announcement | None:
    """The announcement that lately took the same content to the same people, whatever their files were called."""
    id = ledger.redis.get(ledger.keys.content(draft.spec.desk, checked.content_hash))
    try:
        return ledger.announcements.get(text(id)) if id else None
    except NotFound:  # its record has gone first
        return None


def _refuse(draft: AnnouncementDraft, checked: Checked) -> None:
    if not draft.skip_invalid:
        checked.refuse_invalid()
    if not checked.accepted:
        raise BadInput("recipients", "there is no valid row to send to")
