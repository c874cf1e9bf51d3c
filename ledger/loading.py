"""How an announcement comes into the ledger: opened, loaded with its rows, and started."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import count, islice
from typing import Literal, NamedTuple

import orjson
from redis.client import Pipeline
from redis.exceptions import OutOfMemoryError

from ledger.announcement import Spec
from ledger.api_key import ApiKey, Scope
from ledger.api_key_variable import keys_of_variable
from ledger.api_keys import ApiKeys
from ledger.audit_log import record_action
from ledger.connection import text
from ledger.errors import DeskbellError, KeyReused, NotPermitted
from ledger.ids import new_announcement_id
from ledger.phrases import Phrase
from ledger.redis_keys import key_digest
from ledger.stops import hundredths_of_percent
from ledger.store import Argument, Store
from ledger.times import unix_ms

__all__ = ["LOADING_MS", "DraftKey", "Loading", "Opened", "RowsMissing", "key_of_announcement", "key_of_draft"]

#: Whether somebody chose the key of a draft, or it only keeps the same content from being two drafts.
DraftKey = Literal["key", "content"]
#: Loaded announcements that never start are deleted after this, ms.
LOADING_MS = 86_400_000
#: Rows to one HSET, and such commands to one round trip.
ROWS, COMMANDS = 500, 10


class RowsMissing(DeskbellError):
    """Not all rows are in the ledger: load them again; nothing is doubled.

    For example if two calls load the same rows, and one starts again while the other finishes.
    """

    http_status = HTTPStatus.SERVICE_UNAVAILABLE
    type = "rows-missing"
    title = Phrase("The same announcement is being submitted twice")


class Opened(NamedTuple):
    """The announcement of a key. `started`: it was accepted before, and must not be loaded again."""

    id: str
    started: bool


class Loading:
    """Accepting announcements."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._redis = store.redis
        self._keys = store.keys

    def open(
        self,
        spec: Spec,
        *,
        key: str,
        digest: str,
        timed: bool = False,
        draft: DraftKey | None = None,
    ) -> Opened:
        """Opens an announcement, or finds the one that `key` stands for; with an empty key always a new one.

        `digest` is a hash of everything that makes it this announcement; `timed` says that rows have a `send_at`.
        `draft` is set if it becomes a draft: whether somebody chose the key. Drafts have keys apart from announcements.
        Raises KeyReused when the key stands for another content, and BadInput for a desk that is not configured.
        """
        self._store.settings.desk(spec.desk)
        name = key_digest(key if draft else key_of_announcement(key)) if key else ""
        options = (*self._options(spec), int(timed), *_told(spec), draft or "")
        status, id = self._store.verbs.call("announce", spec.desk, new_announcement_id(), name, digest, *options)
        if status == b"reused":
            raise KeyReused(key.rpartition("\0")[2], text(id))
        return Opened(text(id), started=status == b"started")

    def _options(self, spec: Spec) -> tuple[Argument, ...]:
        return (
            *(self._store.key_ttl_ms(spec.at, spec.expires_at), LOADING_MS, spec.to_json(), unix_ms(spec.expires_at)),
            *(spec.on_unknown, spec.weight, self._store.results_for_ms),
        )

    def load(self, id: str, rows: Iterable[bytes]) -> int:
        """Writes rows, numbered from 0 in their order; what was loaded before is replaced. Returns how many.

        Stops when the announcement was started meanwhile, by another who loads the same: then all its rows are there.
        """
        loaded = 0
        chunks = iter(batched_rows(rows, ROWS))
        while commands := list(islice(chunks, COMMANDS)):
            if not self._write(id, loaded, commands):
                break
            loaded += sum(map(len, commands))
        return loaded

    def _write(self, id: str, first: int, chunks: Sequence[Sequence[bytes]]) -> bool:
        """Writes rows from number `first` on, as long as it is loading. Returns whether it was.

        Watched, because these rows get an expiry: it would end the announcement if it came after the start.
        """
        rows_key, lane_key = self._keys.rows(id), self._keys.lane(id)

        def write(pipe: Pipeline) -> bool:
            loading, numbers = _is_loading(pipe, lane_key), count(first)
            pipe.multi()
            if loading:
                if first == 0:
                    pipe.delete(rows_key)  # whoever loaded before may have had more rows
                for chunk in chunks:
                    pipe.hset(rows_key, items=[part for row in chunk for part in (next(numbers), row)])
                pipe.pexpire(rows_key, LOADING_MS)
            return loading

        try:
            # Done again if the lane changes meanwhile, or if the connection breaks: then nobody knows which.
            return bool(self._redis.transaction(write, lane_key, value_from_callable=True))  # type: ignore[arg-type]
        except OutOfMemoryError:
            self._unload(id)
            raise

    def _unload(self, id: str) -> None:
        """Frees the memory of rows that were not accepted, before they expire."""
        lane_key = self._keys.lane(id)

        def drop(pipe: Pipeline) -> None:
            loading = _is_loading(pipe, lane_key)
            pipe.multi()
            if loading:
                pipe.delete(self._keys.rows(id))

        self._redis.transaction(drop, lane_key)

    def start(self, id: str, spec: Spec, total: int, by: str = "") -> bool:
        """Accepts it, durably: from here on all its rows count. False when it was started before.

        `by` goes on record as its sender. Raises RowsMissing, NotDurable, and NotPermitted if this many rows need an
        approval.
        """
        hours = self.hours_of(spec)
        arguments = (by, *self.approval(spec.desk), "", "", 0, 0)
        done, _ = self._store.durably("start", spec.desk, id, total, unix_ms(spec.at), *arguments, *hours)
        if done == -1:
            raise RowsMissing(
                Phrase("{id}: not all of its {total} rows are in the ledger; announce it again", id=id, total=total)
            )
        if done == -2:
            raise self.lacks_approval(total)
        if done:
            record_action(self._store, by, "announce", id)
        return bool(done)

    def hours_of(self, spec: Spec) -> list[int]:
        """Its sending hours from now on, or from its time: openings and closings by turns, ms."""
        begins = max(spec.at or datetime.now(UTC), datetime.now(UTC))
        return [ms for window in (spec.hours.windows(begins) if spec.hours else ()) for ms in window]

    # -- approvals

    def needs_approval(self, rows: int) -> bool:
        """Whether an announcement of this many rows needs the approval of a second person."""
        above = self._store.settings.approval_above
        return above is not None and rows > above

    def refuse_unapproved(self, rows: int) -> None:
        """Raises NotPermitted if an announcement of this many rows must be a draft first."""
        if self.needs_approval(rows):
            raise self.lacks_approval(rows)

    def lacks_approval(self, rows: int) -> NotPermitted:
        return NotPermitted(
            Phrase(
                "an announcement of {n:,} rows needs an approval (DESKBELL_APPROVAL_ABOVE is {above:,}): make it a"
                " draft, submit it, and have somebody else approve it",
                n=rows,
                above=self._store.settings.approval_above,
            )
        )

    def approval(self, desk: str) -> tuple[int | str, bytes]:
        """What `start` must know: above how many rows to ask for an approval, and which fixed keys may give it."""
        settings = self._store.settings
        fixed = keys_of_variable(settings.api_keys.get_secret_value()).values()
        # The verb reads created keys where they are, on the home; for a desk elsewhere they are read before it.
        created = [] if self._store.home is self._store else ApiKeys(self._store.home).usable()
        ids = [key.id for key in (*fixed, *created) if Scope.APPROVE in key.scopes and _is_for(key, desk)]
        return "" if settings.approval_above is None else settings.approval_above, orjson.dumps(ids)


def _is_for(key: ApiKey, desk: str) -> bool:
    return key.desks is None or desk in key.desks


def batched_rows(rows: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, size)):
        yield chunk


def key_of_announcement(key: str) -> str:
    """As it stands among the keys of a desk, where those of events are, too."""
    return f"announcement\0{key}"


def _told(spec: Spec) -> tuple[Argument, ...]:
    """Where its end is reported, and when it pauses by itself."""
    stop_at = hundredths_of_percent(spec.stop_at) if spec.stop_at else ""
    return spec.callback_url or "", spec.caller or "", spec.first or "", stop_at, spec.notify or ""


def key_of_draft(key: str, author: str) -> str:
    """Apart from the keys of announcements, since a draft is not accepted yet; each author has their own."""
    return f"draft\0{author}\0{key}"


def _is_loading(pipe: Pipeline, lane_key: str) -> bool:
    """Whether its rows may still be written: those of a draft may not."""
    return pipe.hmget(lane_key, "state", "draft") == [b"loading", None]
