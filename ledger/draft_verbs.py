"""The drafts of the ledger: keeping, editing, reviewing and starting them, each in one durable step."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import merge
from typing import Any

import orjson

from ledger.announcement import Announcement, Row, Spec
from ledger.connection import text
from ledger.draft import Person, fingerprint_of
from ledger.errors import BadInput, Changed, KeyReused, NotAllowed, NotFound, NotPermitted
from ledger.ledger import Ledger
from ledger.loading import RowsMissing, key_of_announcement
from ledger.phrases import Phrase
from ledger.redis_clock import time_ms
from ledger.redis_keys import key_digest
from ledger.states import DRAFTED, AnnouncementState
from ledger.times import unix_ms

__all__ = ["DRAFT_MS", "MOST_DRAFTS", "DraftContent", "DraftVerbs", "last_edit_ms"]

#: How long a draft is kept after its last edit, ms. As in ledger/lua/shared/drafts.lua.
DRAFT_MS = 30 * 86_400_000
#: How many drafts one author may have.
MOST_DRAFTS = 20
#: Drafts or rows that are read in one round trip.
PORTION = 500

#: Answers of the verbs. `draft` and `review` have the last two for other reasons.
_DONE, _REFUSED, _ABSENT = 1, 0, -1
_UNAPPROVED, _APPROVER_GONE, _KEY_TAKEN, _CHANGED = -2, -4, -5, -6


@dataclass(frozen=True, slots=True)
class DraftContent:
    """What was loaded for a draft."""

    loaded: str  #: the id that it was loaded under
    spec: Spec = field(repr=False)
    total: int
    rows_sha256: str  #: of the rows as they are stored, in their order
    content_hash: str  #: of what the receivers get
    digest: str  #: of everything that makes it this announcement

    @property
    def told(self) -> tuple[str | int, ...]:
        """The arguments of the verb."""
        fingerprint = fingerprint_of(orjson.loads(self.spec.to_json()), self.rows_sha256)
        return self.total, self.rows_sha256, fingerprint, self.content_hash, self.digest


class DraftVerbs:
    """Raises NotFound for an id that is neither a draft's nor an announcement's, NotAllowed if the state forbids it."""

    def __init__(self, ledger: Ledger) -> None:
        self._store = ledger
        self._announcements = ledger.announcements

    def keep(self, content: DraftContent, by: Person, *, key: str, key_given: bool) -> None:
        """Makes a draft of what was loaded. `key` becomes the key of the announcement when the draft starts.

        A repeat changes nothing. Raises RowsMissing, BadInput when the author has too many, NotDurable.
        """
        self._draft(content.loaded, content, 0, by, key_digest(key_of_announcement(key)), int(key_given))

    def edit(self, id: str, content: DraftContent, version: int, by: Person) -> None:
        """Replaces the content with what was loaded, if the draft still has this version. This ends an approval.

        Raises Changed, RowsMissing, NotDurable.
        """
        self._draft(id, content, version, by, "", 0)

    def _draft(self, id: str, content: DraftContent, version: int, by: Person, *key: str | int) -> None:
        arguments = (id, content.loaded, version, _call(), by.id, by.name, *content.told, *key, MOST_DRAFTS)
        done, found = self._store.durably("draft", content.spec.desk, *arguments)
        if done == _REFUSED:
            raise NotAllowed(id, "edit", self._state(id))
        if done == -2:
            raise _too_many()
        if done == -3:
            raise Changed(id, found)
        if done == _ABSENT and content.loaded != id and not found:
            raise NotFound(id)
        if done == _ABSENT:
            raise RowsMissing(
                Phrase("{id}: not all of its {total} rows are in the ledger; send it again", id=id, total=content.total)
            )

    def check_room(self, id: str, by: Person) -> None:
        """Raises BadInput if this author has all the drafts that one may have on the server of this announcement."""
        server = self._store.with_record(id)
        since_ms = time_ms(server.redis.time()) - DRAFT_MS
        if server.redis.zcount(server.keys.drafts_of(by.id), since_ms, "+inf") >= MOST_DRAFTS:
            raise _too_many()

    def submit(self, id: str, by: Person) -> AnnouncementState:
        """Asks for an approval."""
        return self._review(id, "submit", by)

    def approve(self, id: str, fingerprint: str, by: Person) -> AnnouncementState:
        """Approves the content with this fingerprint.

        Raises Changed if the draft has another one by now, and NotPermitted for its author and everybody who edited it.
        """
        return self._review(id, "approve", by, fingerprint)

    def reject(self, id: str, why: str, by: Person) -> AnnouncementState:
        return self._review(id, "reject", by, why)

    def discard(self, id: str, by: Person) -> None:
        """Deletes it with its rows."""
        self._review(id, "discard", by)

    def note_test(self, id: str, notification: str, by: Person) -> None:
        """Records a notification as a test of the current version."""
        self._review(id, "test", by, notification)

    def _review(self, id: str, verb: str, by: Person, detail: str = "") -> AnnouncementState:
        found = self._announcements.get(id)
        done, state = self._store.durably("review", found.spec.desk, id, verb, _call(), by.id, by.name, detail)
        if done == _ABSENT:
            raise NotFound(id)
        if done == _REFUSED:
            raise NotAllowed(id, verb, text(state))
        if done == -2:
            raise NotPermitted(Phrase("{who} wrote it: somebody else must approve {id}", who=by.name, id=id))
        if done == -3:
            raise Changed(id, found.draft.version if found.draft else 0)
        return AnnouncementState(text(state)) if state else AnnouncementState.DRAFT

    def start(self, id: str, by: Person, reason: str = "", version: int | None = None) -> AnnouncementState:
        """Accepts it durably; only in this version, if one is given. With a `reason` it needs no approval.

        Raises NotPermitted without an approval, Changed, KeyReused, BadInput when it has expired, NotDurable.
        """
        call, done = _call(), _CHANGED
        while done == _CHANGED:  # somebody else changed it between the reading and the verb
            draft = self._announcements.get(id)
            now = draft.draft.version if draft.draft else 0
            if version is not None and draft.draft and version != now:
                raise Changed(id, now)
            done, state = self._start(draft, call, by, reason)
        if done != _DONE:
            raise self._refusal(draft, done, text(state))
        return AnnouncementState(text(state))

    def check_start(self, id: str, version: int | None = None) -> None:
        """Raises what `start` would raise without a reason, for version, state, approval and expiry. Changes nothing.

        Whether the approver may still approve is left to `start`.
        """
        draft = self._announcements.get(id)
        if not draft.draft:
            raise NotAllowed(id, "start", draft.state)
        if version not in (None, draft.draft.version):
            raise Changed(id, draft.draft.version)
        _refuse_expired(draft.spec)
        if draft.state == AnnouncementState.APPROVED:
            return
        self._announcements.refuse_unapproved(draft.total)
        if draft.state == AnnouncementState.AWAITING_APPROVAL:
            raise NotAllowed(id, "start", draft.state)

    def _start(self, draft: Announcement, call: str, by: Person, reason: str) -> tuple[int, bytes]:
        spec = draft.spec
        if draft.draft:
            _refuse_expired(spec)
        arguments = (
            *(draft.total, unix_ms(spec.at), by.name, *self._announcements.approval(spec.desk), reason, call),
            *(self._store.key_ttl_ms(spec.at, spec.expires_at), draft.draft.version if draft.draft else 0),
        )
        done, state = self._store.durably("start", spec.desk, draft.id, *arguments, *self._announcements.hours_of(spec))
        return done, state

    def _refusal(self, draft: Announcement, done: int, state: str) -> Exception:
        if done == _UNAPPROVED:
            return self._announcements.lacks_approval(draft.total)
        if done == _APPROVER_GONE:
            who = draft.draft.approver.name if draft.draft and draft.draft.approver else "?"
            return NotPermitted(
                Phrase(
                    "{who} approved {id}, but may no longer approve: reject it and submit it again",
                    who=who,
                    id=draft.id,
                )
            )
        if done == _KEY_TAKEN:
            return KeyReused(draft.id, state)
        if done == _ABSENT:
            return NotFound(draft.id)
        return NotAllowed(draft.id, "start", state)

    def _state(self, id: str) -> AnnouncementState:
        return self._announcements.get(id).state

    # -- asking

    def listed(self) -> Iterator[Announcement]:
        """All drafts, the last edited first."""
        each = [self._listed_of(server) for server in self._store.servers]
        return each[0] if len(each) == 1 else merge(*each, key=last_edit_ms, reverse=True)

    def _listed_of(self, ledger: Ledger) -> Iterator[Announcement]:
        ids = [text(id) for id in ledger.redis.zrevrange(ledger.keys.drafts, 0, -1)]
        for first in range(0, len(ids), PORTION):
            found = ledger.announcements.several(ids[first : first + PORTION])
            yield from (each for each in found if each.state in DRAFTED)

    def content_hash(self, id: str) -> str | None:
        """The hash of what the receivers of a draft get."""
        server = self._store.with_record(id)
        found = server.redis.hget(server.keys.lane(id), "content")
        return text(found) if found else None

    def rows(self, id: str, numbers: Sequence[int] | None = None) -> Iterator[Row]:
        """These rows of a draft, or all, by number from 0. Raises NotFound."""
        wanted = range(self._announcements.get(id).total) if numbers is None else numbers
        server = self._store.with_record(id)
        for first in range(0, len(wanted), PORTION):
            portion = list(wanted[first : first + PORTION])
            found: Any = server.redis.hmget(server.keys.rows(id), [str(number) for number in portion])
            for row in found:
                if row is None:
                    raise NotFound(id)
                yield Row.of_json(row)


def last_edit_ms(draft: Announcement) -> int:
    return draft.draft.edited_ms if draft.draft else 0


def _too_many() -> BadInput:
    return BadInput("draft", Phrase("you have {most} drafts: start or discard some first", most=MOST_DRAFTS))


def _refuse_expired(spec: Spec) -> None:
    now = datetime.now(UTC)
    if spec.expires_at and spec.expires_at <= max(spec.at or now, now):
        raise BadInput("expires", Phrase("it would expire before it is sent: edit it first"))


def _call() -> str:
    """A name by which the verb recognises a replay after a lost answer."""
    return secrets.token_hex(8)
