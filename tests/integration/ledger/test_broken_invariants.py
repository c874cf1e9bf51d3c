"""Each invariant is broken on purpose, by commands that no verb gives, and is found by its name."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
import pytest
import redis

from console.i18n import language
from ledger.announcement import Spec
from ledger.connection import text
from ledger.draft import Person
from ledger.draft_verbs import DraftContent, DraftVerbs
from ledger.ids import row_id
from ledger.inspection.inspection import broken_invariants, inspect_ledger
from ledger.inspection.invariants import Invariant
from ledger.inspection.notifications import Notifications
from ledger.inspection.suspicions import MOST_TOLD
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.redis_keys import RedisKeys
from ledger.settings import Desk
from ledger.states import State
from tests.english import english_in

FAR_MS = 9_999_999_999_999
URL = "https://alerts.corp.example/deskbell"


@dataclass
class Scene:
    """A ledger with something of everything."""

    client: redis.Redis
    keys: RedisKeys
    events: dict[State, str]
    unresolved: str
    announcement: str
    scheduled: str
    rows: dict[State, str]
    key: str
    draft: str
    joined: str
    message: str


SPEC = Spec(name="Move", message={"msg_type": "text", "content": {"text": "We move"}}, callback_url=URL)


@pytest.fixture
def scene(ledger: Ledger, leases: Leases, desk: Desk) -> Scene:
    announcement = ledger.announcements.open(SPEC, key="k", digest="d").id
    ledger.announcements.load(announcement, [orjson.dumps([n, f"ou_{n}", []]) for n in range(8)])
    ledger.announcements.start(announcement, SPEC, 8)
    later = ledger.announcements.open(SPEC, key="s", digest="d").id
    ledger.announcements.load(later, [orjson.dumps([0, "ou_0", []])])
    ledger.announcements.start(later, SPEC.model_copy(update={"at": datetime.now(UTC) + timedelta(hours=1)}), 1)
    sent = (State.DELIVERED, State.FAILED, State.DEFERRED, State.UNKNOWN, State.SENDING)
    at = datetime.now(UTC) + timedelta(hours=1)
    asked = [
        Notification.build({"receiver_id": "ou_a", "text": "x", "callback_url": URL, "key": f"k{n}"})
        for n in range(len(sent) + 1)
    ]
    events = [each.id for each in ledger.accept(asked)]
    [scheduled] = ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "x", "at": at})])
    # Events first, then rows: all but the last event, and so many rows, are released.
    [released] = leases.release([(desk, len(events) + len(sent), 50)])
    by_state = {}
    for ids in (released.ids[: len(events)], released.ids[len(events) :]):
        claimed = leases.claim(desk, "ada", ids[: len(sent)])[1]
        done = dict(zip(sent, (claim.id for claim in claimed), strict=True))
        results = [Result(id, state, wait_ms=60_000) for state, id in done.items() if state is not State.SENDING]
        assert all(leases.record(desk, "ada", results, ""))
        by_state[len(by_state)] = done
    late = ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "x"})])[0].id
    unresolved = ledger.accept([Notification.build({"email": "ann@corp.example", "text": "x"})])[0].id
    events_by_state = {**by_state[0], State.SCHEDULED: scheduled.id, State.QUEUED: late}
    [key] = [
        text(name) for name in ledger.redis.scan_iter("deskbell:key:*") if events[0].encode() in ledger.redis.get(name)
    ]
    return Scene(
        ledger.redis,
        ledger.keys,
        events_by_state,
        unresolved,
        announcement,
        later,
        by_state[1],
        key.removeprefix("deskbell:key:"),
        _draft(ledger),
        *_joined(ledger),
    )


def _joined(ledger: Ledger) -> tuple[str, str]:
    """An event, and the message that it has joined."""
    [accepted] = ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "x", "digest": "5m"})])
    return accepted.id, accepted.into or ""


def _draft(ledger: Ledger) -> str:
    id = ledger.announcements.open(SPEC, key="d", digest="d", draft="key").id
    ledger.announcements.load(id, [orjson.dumps([0, "ou_0", []])])
    DraftVerbs(ledger).keep(DraftContent(id, SPEC, 1, "r", "c", "d"), Person("ada", "ada"), key="d", key_given=True)
    return id


def _callback(scene: Scene) -> str:
    [name, *_] = scene.client.zrange(scene.keys.callbacks_of("@default"), 0, -1)
    return text(name)


Break = Callable[[Scene, redis.Redis, RedisKeys], object]
#: What is done, the invariant that it breaks, and the id that the finding names.
BROKEN: dict[str, tuple[Invariant, Break, Callable[[Scene], str]]] = {
    "a progress that is not JSON": (
        Invariant.READABLE,
        lambda it, client, keys: client.hset(keys.notification(it.events[State.DELIVERED]), "progress", "{"),
        lambda it: it.events[State.DELIVERED],
    ),
    "a joined event that names no message": (
        Invariant.JOINED,
        lambda it, client, keys: client.hset(keys.notification(it.joined), "progress", b'{"state":"joined","at":1}'),
        lambda it: it.joined,
    ),
    "a message without what has joined it": (
        Invariant.JOINED,
        lambda it, client, keys: client.delete(keys.joined(it.message)),
        lambda it: it.message,
    ),
    "a message that loses what has joined it before its own record": (
        Invariant.JOINED,
        lambda it, client, keys: client.pexpire(keys.joined(it.message), 100_000),
        lambda it: it.message,
    ),
    "an event without a receiver that nobody asks about": (
        Invariant.UNRESOLVED_WAITS,
        lambda it, client, keys: client.zrem(keys.unresolved("default"), it.unresolved),
        lambda it: it.unresolved,
    ),
    "an event with a receiver among the unresolved ones": (
        Invariant.UNRESOLVED_WAITS,
        lambda it, client, keys: client.zadd(keys.unresolved("default"), {it.events[State.DELIVERED]: 1}),
        lambda it: it.events[State.DELIVERED],
    ),
    "a draft without one of its rows": (
        Invariant.DRAFT_WHOLE,
        lambda it, client, keys: client.hset(keys.rows(it.draft), "1", "[]"),
        lambda it: it.draft,
    ),
    "a draft that is not listed": (
        Invariant.DRAFT_WHOLE,
        lambda it, client, keys: client.zrem(keys.drafts, it.draft),
        lambda it: it.draft,
    ),
    "a draft that is not among those of its author": (
        Invariant.DRAFT_WHOLE,
        lambda it, client, keys: client.zrem(keys.drafts_of("ada"), it.draft),
        lambda it: it.draft,
    ),
    "a draft that never expires": (
        Invariant.DRAFT_WHOLE,
        lambda it, client, keys: client.persist(keys.rows(it.draft)),
        lambda it: it.draft,
    ),
    "a draft with a turn": (
        Invariant.DRAFT_WHOLE,
        lambda it, client, keys: client.zadd(keys.turns("default"), {it.draft: 0}),
        lambda it: it.draft,
    ),
    "a draft that nobody approved": (
        Invariant.DRAFT_APPROVED,
        lambda it, client, keys: client.hset(keys.lane(it.draft), "draft", "approved"),
        lambda it: it.draft,
    ),
    "unresolved events that nobody looks at": (
        Invariant.UNRESOLVED_LOOKED_AT,
        lambda it, client, keys: client.delete(keys.unresolved_desks),
        lambda it: "default",
    ),
    "an event without a desk": (
        Invariant.READABLE,
        lambda it, client, keys: client.hdel(keys.notification(it.events[State.QUEUED]), "desk"),
        lambda it: it.events[State.QUEUED],
    ),
    "an announcement's total that is no number": (
        Invariant.READABLE,
        lambda it, client, keys: client.hset(keys.lane(it.announcement), "total", "many"),
        lambda it: it.announcement,
    ),
    "a queued event lost from its lane": (
        Invariant.QUEUED_IN_LANE,
        lambda it, client, keys: client.lrem(keys.waiting("e_default"), 0, it.events[State.QUEUED]),
        lambda it: it.events[State.QUEUED],
    ),
    "a queued row whose lease is lost before its claim": (
        Invariant.QUEUED_IN_LANE,
        lambda it, client, keys: (
            client.hdel(keys.rows(it.announcement), _number(it.rows[State.SENDING]) + "+"),
            client.zrem(keys.leases("default"), it.rows[State.SENDING]),
        ),
        lambda it: it.rows[State.SENDING],
    ),
    "a sending event without a lease": (
        Invariant.SENDING_HAS_LEASE,
        lambda it, client, keys: client.zrem(keys.leases("default"), it.events[State.SENDING]),
        lambda it: it.events[State.SENDING],
    ),
    "a sending row without a lease": (
        Invariant.SENDING_HAS_LEASE,
        lambda it, client, keys: client.zrem(keys.leases("default"), it.rows[State.SENDING]),
        lambda it: it.rows[State.SENDING],
    ),
    "a deferred event without a due time": (
        Invariant.WAITING_HAS_TIME,
        lambda it, client, keys: client.zrem(keys("lane", "e_default", "due"), it.events[State.DEFERRED]),
        lambda it: it.events[State.DEFERRED],
    ),
    "a scheduled event without a due time": (
        Invariant.WAITING_HAS_TIME,
        lambda it, client, keys: client.zrem(keys("lane", "e_default", "due"), it.events[State.SCHEDULED]),
        lambda it: it.events[State.SCHEDULED],
    ),
    "a deferred row without a due time": (
        Invariant.WAITING_HAS_TIME,
        lambda it, client, keys: client.zrem(keys("lane", it.announcement, "due"), it.rows[State.DEFERRED]),
        lambda it: it.rows[State.DEFERRED],
    ),
    "an event twice in its lane": (
        Invariant.ONE_PLACE,
        lambda it, client, keys: client.rpush(keys.waiting("e_default"), it.events[State.QUEUED]),
        lambda it: it.events[State.QUEUED],
    ),
    "a row that was never released, in its lane": (
        Invariant.ONE_PLACE,
        lambda it, client, keys: client.rpush(keys.waiting(it.announcement), row_id(it.announcement, 7)),
        lambda it: row_id(it.announcement, 7),
    ),
    "a deferred one in its lane": (
        Invariant.ONE_PLACE,
        lambda it, client, keys: client.lpush(keys.waiting("e_default"), it.events[State.DEFERRED]),
        lambda it: it.events[State.DEFERRED],
    ),
    "a lease of nothing": (
        Invariant.LEASE_HAS_HOLDER,
        lambda it, client, keys: client.zadd(keys.leases("default"), {"n_0000000000000000": FAR_MS}),
        lambda it: "n_0000000000000000",
    ),
    "a lease of a delivered one": (
        Invariant.LEASE_HAS_HOLDER,
        lambda it, client, keys: client.zadd(keys.leases("default"), {it.events[State.DELIVERED]: FAR_MS}),
        lambda it: it.events[State.DELIVERED],
    ),
    "a due time of nothing": (
        Invariant.TIME_HAS_WAITER,
        lambda it, client, keys: client.zadd(keys("lane", it.announcement, "due"), {row_id(it.announcement, 9): 1}),
        lambda it: row_id(it.announcement, 9),
    ),
    "a due time of a failed one": (
        Invariant.TIME_HAS_WAITER,
        lambda it, client, keys: client.zadd(keys("lane", "e_default", "due"), {it.events[State.FAILED]: FAR_MS}),
        lambda it: it.events[State.FAILED],
    ),
    "a failed event outside the index": (
        Invariant.INDEXED,
        lambda it, client, keys: client.zrem(keys.index("failed"), it.events[State.FAILED]),
        lambda it: it.events[State.FAILED],
    ),
    "a delivered row in the index of unknown ones": (
        Invariant.INDEXED,
        lambda it, client, keys: client.zadd(keys.row_index(it.announcement, "unknown"), {it.rows[State.DELIVERED]: 1}),
        lambda it: it.rows[State.DELIVERED],
    ),
    "an event that is not listed": (
        Invariant.EVENT_LISTED,
        lambda it, client, keys: client.zrem(keys.events, it.events[State.DELIVERED]),
        lambda it: it.events[State.DELIVERED],
    ),
    "an announcement that is not listed": (
        Invariant.ANNOUNCEMENT_LISTED,
        lambda it, client, keys: client.zrem(keys.announcements, it.announcement),
        lambda it: it.announcement,
    ),
    "a queued event that will expire": (
        Invariant.KEPT,
        lambda it, client, keys: client.expire(keys.notification(it.events[State.QUEUED]), 60),
        lambda it: it.events[State.QUEUED],
    ),
    "a delivered event that never expires": (
        Invariant.KEPT,
        lambda it, client, keys: client.persist(keys.notification(it.events[State.DELIVERED])),
        lambda it: it.events[State.DELIVERED],
    ),
    "rows of a running announcement that will expire": (
        Invariant.KEPT,
        lambda it, client, keys: client.expire(keys.rows(it.announcement), 60),
        lambda it: it.announcement,
    ),
    "rows without an announcement": (
        Invariant.KEPT,
        lambda it, client, keys: client.hset(keys.rows("a_0000000000000000"), "0", "[]"),
        lambda it: "a_0000000000000000",
    ),
    "events that are counted in another state": (
        Invariant.COUNTS_ARE_STATES,
        lambda it, client, keys: client.hincrby(keys.lane("e_default"), "queued", 1),
        lambda it: "e_default",
    ),
    "rows that are counted in another state": (
        Invariant.COUNTS_ARE_STATES,
        lambda it, client, keys: (
            client.hincrby(keys.lane(it.announcement), "delivered", 1),
            client.hincrby(keys.lane(it.announcement), "sending", -1),
        ),
        lambda it: it.announcement,
    ),
    "counts that do not sum": (
        Invariant.COUNTS_SUM,
        lambda it, client, keys: client.hincrby(keys.lane(it.announcement), "expired", 1),
        lambda it: it.announcement,
    ),
    "a row that is missing": (
        Invariant.ROWS_PRESENT,
        lambda it, client, keys: client.hdel(keys.rows(it.announcement), "6"),
        lambda it: row_id(it.announcement, 6),
    ),
    "a progress of a row that was never released": (
        Invariant.ROWS_PRESENT,
        lambda it, client, keys: client.hset(keys.rows(it.announcement), "7+", '{"state": "delivered", "at": 1}'),
        lambda it: row_id(it.announcement, 7),
    ),
    "an announcement that is finished with rows left": (
        Invariant.FINISHED,
        lambda it, client, keys: client.hset(keys.lane(it.announcement), "state", "finished"),
        lambda it: it.announcement,
    ),
    "a running announcement without a turn": (
        Invariant.HAS_TURN,
        lambda it, client, keys: client.zrem(keys.turns("default"), it.announcement),
        lambda it: it.announcement,
    ),
    "a paused announcement with a turn": (
        Invariant.HAS_TURN,
        lambda it, client, keys: client.hset(keys.lane(it.announcement), "state", "paused"),
        lambda it: it.announcement,
    ),
    "an announcement at whose start nobody looks": (
        Invariant.HAS_TURN,
        lambda it, client, keys: client.zrem(keys.due("default"), it.scheduled),
        lambda it: it.scheduled,
    ),
    "a paused announcement at whose new start nobody looks": (
        Invariant.HAS_TURN,
        lambda it, client, keys: (
            client.hset(keys.lane(it.scheduled), "state", "paused"),
            client.zadd(keys.due("default"), {it.scheduled: FAR_MS}),
        ),
        lambda it: it.scheduled,
    ),
    "more released than the first rows": (
        Invariant.FIRST_ROWS,
        lambda it, client, keys: client.hset(keys.lane(it.announcement), "first", 4),
        lambda it: it.announcement,
    ),
    "a lane whose due ones nobody looks at": (
        Invariant.LANE_DUE,
        lambda it, client, keys: client.zrem(keys.due("default"), it.announcement),
        lambda it: it.announcement,
    ),
    "a lane whose due ones are looked at too late": (
        Invariant.LANE_DUE,
        lambda it, client, keys: client.zadd(keys.due("default"), {"e_default": FAR_MS}),
        lambda it: "e_default",
    ),
    "a desk that nobody looks at": (
        Invariant.DESK_LOOKED_AT,
        lambda it, client, keys: client.zrem(keys.desks, "default"),
        lambda it: "default",
    ),
    "a desk that is looked at too late": (
        Invariant.DESK_LOOKED_AT,
        lambda it, client, keys: client.zadd(keys.desks, {"default": FAR_MS}),
        lambda it: "default",
    ),
    "slots that are not in order": (
        Invariant.SLOTS_IN_ORDER,
        lambda it, client, keys: client.rpush(keys.slots("default"), 1, 2),
        lambda it: "default",
    ),
    "quarters of a chart that never expire": (
        Invariant.QUARTERS,
        lambda it, client, keys: client.hset(keys.quarters("default"), "2000000", "{}"),
        lambda it: "default",
    ),
    "a quarter of a chart without counts, of a desk that has nothing else": (
        Invariant.QUARTERS,
        lambda it, client, keys: (
            client.hset(keys.quarters("hr"), "2000000", '{"failed":"many"}'), client.expire(keys.quarters("hr"), 99)
        ),
        lambda it: "hr",
    ),
    "quarters of a chart that are eight days apart": (
        Invariant.QUARTERS,
        lambda it, client, keys: (
            client.hset(keys.quarters("hr"), mapping={"2000000": "{}", "2000672": "{}"}),
            client.expire(keys.quarters("hr"), 99),
        ),
        lambda it: "hr",
    ),
    "callbacks without an owner": (
        Invariant.CALLBACK_HAS_OWNER,
        lambda it, client, keys: client.zrem(keys.callback_owners, "@default"),
        lambda it: "@default",
    ),
    "callbacks whose owner is looked at too late": (
        Invariant.CALLBACK_HAS_OWNER,
        lambda it, client, keys: client.zadd(keys.callback_owners, {"@default": FAR_MS}),
        lambda it: "@default",
    ),
    "a callback in no queue": (
        Invariant.CALLBACK_HAS_OWNER,
        lambda it, client, keys: client.rename(keys.callback(_callback(it)), keys.callback("n_x_delivered_1")),
        lambda it: "n_x_delivered_1",
    ),
    "a callback without its content": (
        Invariant.CALLBACK_HAS_CONTENT,
        lambda it, client, keys: client.delete(keys.callback(_callback(it))),
        _callback,
    ),
    "a key that names nothing": (
        Invariant.KEY_HAS_RECORD,
        lambda it, client, keys: client.set(keys("key", it.key), "n_1", ex=60),
        lambda it: it.key,
    ),
    "a key that never expires": (
        Invariant.KEY_HAS_RECORD,
        lambda it, client, keys: client.persist(keys("key", it.key)),
        lambda it: it.key,
    ),
    "a key of another desk": (
        Invariant.KEY_HAS_RECORD,
        lambda it, client, keys: client.set(keys("key", "hr:0"), f"{it.events[State.QUEUED]} d", ex=60),
        lambda it: "hr:0",
    ),
}  # fmt: skip


def _number(row: str) -> str:
    return row.partition("-")[2]


def test_a_ledger_with_something_of_everything_is_whole(ledger: Ledger, scene: Scene) -> None:
    inspected = inspect_ledger(ledger)
    assert (inspected.findings, inspected.uncounted) == ([], [])
    assert inspected.notifications == len(scene.events) + 2 + 2 + 8 + 1


def test_each_invariant_is_broken() -> None:
    assert {invariant for invariant, _, _ in BROKEN.values()} == set(Invariant)


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_found_by_name_and_told_in_both_languages(ledger: Ledger, scene: Scene, what: str) -> None:
    invariant, break_it, id_of = BROKEN[what]
    id = id_of(scene)
    break_it(scene, scene.client, scene.keys)
    found = broken_invariants(ledger)
    assert (invariant, id) in {(finding.invariant, finding.id) for finding in found}
    chinese = language("zh-CN")
    told = [text for finding in found for text in (finding.found, finding.invariant.do)]
    assert [text for text in told if english_in(chinese.meaning(text)) or chinese.meaning(text) == text] == []


def test_an_announcement_that_expires_while_it_is_looked_at_is_not_broken(
    ledger: Ledger, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both keys expire at one moment, between any two steps of the walk."""
    keys = [ledger.keys.lane(scene.announcement), ledger.keys.rows(scene.announcement)]
    looked_at = Notifications.look_at_lane

    def then_gone(notifications: Notifications, lane: str, desk: str) -> None:
        looked_at(notifications, lane, desk)
        ledger.redis.delete(*keys)
        ledger.redis.zrem(ledger.keys.announcements, scene.announcement)

    monkeypatch.setattr(Notifications, "look_at_lane", then_gone)
    about_it = [found for found in broken_invariants(ledger) if found.id == scene.announcement]
    assert about_it == []


def test_findings_of_one_kind_are_told_up_to_a_bound(ledger: Ledger) -> None:
    ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "x"}) for _ in range(MOST_TOLD + 50)])
    ledger.redis.delete(ledger.keys.waiting("e_default"))
    found = broken_invariants(ledger)
    assert [each.invariant for each in found] == [Invariant.QUEUED_IN_LANE] * MOST_TOLD


def test_a_ledger_of_another_prefix_is_left_alone(ledger: Ledger, client: redis.Redis) -> None:
    client.hset("deskbell2:n:n_1", "progress", "{")
    client.hset("deskbell:lane:e_default:strange:more", "progress", "{")
    assert broken_invariants(ledger) == []
