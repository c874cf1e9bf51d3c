"""The ledger: the record, in Redis, of every notification. It decides; Celery messages are only wake-up calls."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from typing import Any, cast

import orjson
from redis.client import Pipeline

from ledger.announcements import Announcements
from ledger.audit_log import record_action
from ledger.connection import text
from ledger.damage import Reading
from ledger.delivery_options import DEFAULT_DESK, OnUnknown
from ledger.errors import BadInput, KeyReused, NotAllowed, NotFound
from ledger.ids import announcement_of, is_row, new_notification_id
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.record import Accepted, Record
from ledger.redis_keys import key_digest
from ledger.states import INDEXED, State
from ledger.store import Argument, Store
from ledger.times import past_problem

__all__ = ["MOST_AT_ONCE", "AcceptResult", "Ledger"]

#: Notifications to one call of `accept`: more would stop Redis for everybody else (1,000 take about 10 ms).
MOST_AT_ONCE = 1000
#: Ids read from an index in one round trip.
PAGE = 200

#: The result for one notification: accepted; or its key stands for another content, or its time is long past.
AcceptResult = Accepted | BadInput


class Ledger(Store):
    """Accepting, asking and steering: what producers, the console and operators do with the record."""

    @cached_property
    def announcements(self) -> Announcements:
        return Announcements(self)

    # -- accepting

    def accept(self, notifications: Sequence[Notification]) -> list[Accepted]:
        """Accepts notifications of one desk durably: all of them or none.

        Raises:
            BadInput: of several desks, of one that is not configured, or more than MOST_AT_ONCE; for a time that is
                long past, unless the key is known.
            KeyReused: a key stands for another content already; nothing was accepted.
            NotDurable: the fsync was not confirmed in time. They may be in the ledger: repeat with the same keys.
        """
        results = self._accept(notifications, all_or_nothing=True)
        for result in results:
            if isinstance(result, BadInput):
                raise result
        return [result for result in results if isinstance(result, Accepted)]

    def accept_each(self, notifications: Sequence[Notification]) -> list[AcceptResult]:
        """As `accept`, but of any desks, and a key that stands for another content, or a time that is long past, is an
        answer that keeps no other one out. Raises BadInput and NotDurable as `accept`."""
        return self._accept(notifications, all_or_nothing=False)

    def _accept(self, notifications: Sequence[Notification], *, all_or_nothing: bool) -> list[AcceptResult]:
        if len(notifications) > MOST_AT_ONCE:
            raise BadInput(
                "receiver_id",
                Phrase("{n} at once, {most} at most: make it an announcement", n=len(notifications), most=MOST_AT_ONCE),
            )
        places: dict[str, list[int]] = {}
        for place, notification in enumerate(notifications):
            places.setdefault(notification.desk, []).append(place)
        self._check_desks(places)
        if all_or_nothing and len(places) != 1:
            raise BadInput("desk", Phrase("give the notifications of one desk"))
        results: dict[int, AcceptResult] = dict(self._past(notifications))
        if results and all_or_nothing:
            raise _first_refusal(results)
        for of_desk in places.values():
            of_desk[:] = [place for place in of_desk if place not in results]
        acceptances = [self._acceptance(notification) for notification in notifications]
        calls = [
            (desk, (int(all_or_nothing), *self._kept_for, *chain(*(acceptances[place] for place in of_desk))))
            for desk, of_desk in places.items()
            if of_desk
        ]
        answers = self.durably_each("accept", calls)
        for of_desk, answer in zip(filter(None, places.values()), answers, strict=True):
            values = iter(answer)
            for place, fields in zip(of_desk, zip(*[values] * 4, strict=True), strict=True):
                results[place] = _accept_result(notifications[place], *fields)
        return [results[place] for place in range(len(notifications))]

    def _past(self, notifications: Sequence[Notification]) -> Iterator[tuple[int, BadInput]]:
        """Those whose time of sending is long past, by their places; but not one whose key is known: it is a repeat."""
        now = datetime.now(UTC)
        for place, each in enumerate(notifications):
            refusal = past_problem(each.at, now)
            if refusal and not self.is_known(each.desk, each.key):
                yield place, refusal

    def is_known(self, desk: str, key: str | None) -> bool:
        """Whether an idempotency key was used before."""
        return key is not None and bool(self.redis.exists(self.keys.key(desk, key_digest(key))))

    def _check_desks(self, names: Iterable[str]) -> None:
        """Notifications for an unknown desk would wait for ever."""
        for name in names:
            self.settings.desk(name)

    @property
    def _kept_for(self) -> tuple[int, int]:
        """How long a result is kept, and the key of what has no time of its own, ms."""
        return self.results_for_ms, self.key_ttl_ms()

    def _acceptance(self, notification: Notification) -> tuple[Argument, ...]:
        more = self._more(notification)
        return (
            new_notification_id(),
            notification.to_input(),
            notification.content_hash,
            key_digest(notification.key) if notification.key else "",
            orjson.dumps(more) if more else b"",
        )

    def _more(self, notification: Notification) -> dict[str, Any]:
        """What the verb must know of one that is not plain."""
        more: dict[str, Any] = {}
        if notification.at or notification.expires_at:
            more["key_ttl_ms"] = self.key_ttl_ms(notification.at, notification.expires_at)
            more |= {"due": notification.due_ms, "expires_at": notification.expires_ms}
        if notification.on_unknown != OnUnknown.RESEND:
            more["on_unknown"] = notification.on_unknown
        if notification.callback_url:
            more |= {"callback": notification.callback_url, "caller": notification.caller or ""}
        if contact := notification.contact:
            more["contact"] = str(contact)
        if notification.may_join:
            more["window"] = notification.window(new_notification_id())
        if notification.alert:
            more["alert"] = notification.alert_for_verb()
        return more

    def keep_image(self, sha256: str, data: bytes, needed_by: Sequence[Notification]) -> None:
        """Keeps a local image as long as these notifications may need it: before they are accepted.

        Raises BadInput for a desk that is not configured, so that nothing is kept for what `accept` refuses.
        """
        self._check_desks({each.desk for each in needed_by})
        self.keep_image_for(sha256, data, max(self.key_ttl_ms(each.at, each.expires_at) for each in needed_by))

    def keep_image_for(self, sha256: str, data: bytes, keep_ms: int) -> None:
        """Writes the bytes once; after that only their time is extended, and never shortened."""
        key = self.keys.image(sha256)

        def keep(pipe: Pipeline) -> None:
            left_ms = int(pipe.pttl(key))
            pipe.multi()
            if left_ms < 0:  # there is none
                pipe.set(key, data, px=keep_ms)
            elif left_ms < keep_ms:
                pipe.pexpire(key, keep_ms)

        self.redis.transaction(keep, key)

    # -- asking

    def get(self, id: str) -> Record:
        """Raises NotFound."""
        return self.get_many([id])[0]

    def get_many(self, ids: Sequence[str]) -> list[Record]:
        """The records of ids, in their order, in one round trip. Raises NotFound for the first that has none."""
        found = self._read(ids)
        for id, record in zip(ids, found, strict=True):
            if record is None:
                raise NotFound(id)
        return [record for record in found if record]

    def get_known(self, ids: Sequence[str]) -> list[Record]:
        """The records of those ids that exist, in one round trip."""
        return [record for record in self._read(ids) if record]

    def _read(self, ids: Sequence[str]) -> list[Record | None]:
        """Events in one round trip; rows of announcements, which are asked for one by one, in their own way."""
        rows = {id: self.announcements.record(id) for id in ids if is_row(id)}
        events = [id for id in ids if id not in rows]
        found = {**rows, **dict(zip(events, self._read_events(events), strict=True))}
        return [found[id] for id in ids]

    def _read_events(self, ids: Sequence[str]) -> list[Record | None]:
        pipe = self.redis.pipeline(transaction=False)
        for id in ids:
            pipe.hmget(self.keys.notification(id), "input", "progress", "created_at", "desk", "resolved_by")
        return self._with_joined([_event(id, *kept) for id, kept in zip(ids, pipe.execute(), strict=True)])

    def _with_joined(self, records: list[Record | None]) -> list[Record | None]:
        """How many events have joined those that gather them, and when the last of them expires; most gather none, and
        cost nothing."""
        gather = [place for place, record in enumerate(records) if record and record.progress.gathers]
        if gather:
            pipe = self.redis.pipeline(transaction=False)
            for place in gather:
                id = cast(Record, records[place]).id
                pipe.hget(self.keys.joined(id), "count")
                pipe.hget(self.keys.notification(id), "expires_at")
            found = iter(pipe.execute())
            for place, count, expires_ms in zip(gather, found, found, strict=True):
                records[place] = _gathering(cast(Record, records[place]), int(count or 0), int(expires_ms or 0))
        return records

    def events(self, state: State | None = None) -> Iterator[Record]:
        """The events on record, newest first. Failed and unknown ones come from an index; for other states all events
        are read."""
        index = self.keys.index(state) if state in INDEXED else self.keys.events
        start = 0
        while ids := [text(id) for id in self.redis.zrevrange(index, start, start + PAGE - 1)]:
            for record in self.get_known(ids):
                if state in (None, record.progress.state):
                    yield record
            start += PAGE

    def counts(self, desk: str = DEFAULT_DESK) -> dict[State, int]:
        """The number of a desk's events by state."""
        found = self.redis.hgetall(self.keys.lane(f"e_{desk}"))
        return {state: int(found.get(state.encode(), 0)) for state in State}

    # -- steering

    def cancel(self, ids: Sequence[str], by: str) -> list[State]:
        """Raises NotFound or NotAllowed for the first that cannot be cancelled; those before it are."""
        return self._steer("cancel", ids, (self.results_for_ms, by), by, "cancel")

    def retry(self, ids: Sequence[str], by: str, states: Sequence[State] = (State.FAILED,)) -> list[State]:
        """Queues notifications in one of `states` again. Raises NotFound or NotAllowed."""
        return self._steer("retry", ids, (by, ",".join(states)), by, "retry")

    def resolve(self, ids: Sequence[str], by: str, outcome: str) -> list[State]:
        """Settles unknown ones as `delivered` or `failed`, or has them sent again (`resend`). Raises as `retry`."""
        return self._steer("resolve", ids, (self.results_for_ms, by, outcome), by, f"resolve as {outcome}")

    def resume_desk(self, desk: str, by: str) -> bool:
        """Ends any hold of the desk. Returns whether there was one. Raises BadInput for an unknown desk."""
        self.settings.desk(desk)
        ended = bool(self.verbs.call("resume", desk, "", ""))
        record_action(self, by, "resume desk", desk)
        return ended

    def _steer(self, verb: str, ids: Sequence[str], arguments: tuple[Argument, ...], by: str, did: str) -> list[State]:
        states: list[State] = []
        try:
            for id in ids:
                done, state = self.durably(verb, self._desk_of(id), *arguments, id)
                if not state:
                    raise NotFound(id)
                if not done:
                    raise NotAllowed(id, verb, state.decode())
                states.append(State(state.decode()))
        finally:  # those before one that is refused are done
            if states:
                record_action(self, by, did, *ids[: len(states)])
        return states

    def _desk_of(self, id: str) -> str:
        owner = self.keys.lane(announcement_of(id)) if is_row(id) else self.keys.notification(id)
        desk = self.redis.hget(owner, "desk")
        if desk is None:
            raise NotFound(id)
        return text(desk)


def _gathering(record: Record, joined: int, expires_ms: int) -> Record:
    expires_at = datetime.fromtimestamp(expires_ms / 1000, UTC) if expires_ms else None
    notification = record.notification.model_copy(update={"expires_at": expires_at})
    return replace(record, joined=joined, notification=notification)


def _event(
    id: str,
    input: bytes | None,
    progress: bytes | None,
    created: bytes | None,
    desk: bytes | None,
    resolved_by: bytes | None,
) -> Record | None:
    if not any((input, progress, created, desk)):
        return None
    reading = Reading()
    created_ms = reading.part("created_at", lambda: int(created or b""), 0)
    notification = reading.notification(input, (desk or b"").decode(errors="replace"))
    stands = reading.told(reading.progress(progress, created_ms))
    ended_by = tuple((resolved_by or b"").decode(errors="replace").split())
    return Record(id, notification, stands, created_ms, damage=reading.damage, resolved_by=ended_by)


def _accept_result(notification: Notification, status: bytes, id: bytes, state: bytes, into: bytes) -> AcceptResult:
    if status == b"reused":
        return KeyReused(notification.key or "", id.decode())
    # Where one was refused, the others of all or none have no state.
    return Accepted(id.decode(), status == b"duplicate", State(state.decode() or State.QUEUED), into.decode() or None)


def _first_refusal(results: Mapping[int, AcceptResult]) -> BadInput:
    return next(result for result in results.values() if isinstance(result, BadInput))
