"""One damaged record hides and stops no other: each kind of damage to each field."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import orjson
import pytest
import redis

from ledger.announcement import Spec
from ledger.callbacks import Callbacks
from ledger.claim import Claim
from ledger.desk_status import desk_status
from ledger.errors import BadInput
from ledger.ids import row_id
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.overview import Overview
from ledger.search import Search
from ledger.settings import Desk
from ledger.states import State
from producers.announcements.export import results_of
from tests.valkey_process import ValkeyProcess


@pytest.fixture(scope="module")
def without_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyProcess]:
    """There are some hundred cases, and none is about the disk."""
    with ValkeyProcess(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def client(without_files: ValkeyProcess) -> redis.Redis:
    without_files.client.flushall()
    return without_files.client


Damage = Callable[[redis.Redis, str, str], None]
SCRAMBLED = (b"", b"[]", b"7", b'{"stbte":"queued","at":1}', b"\x00\xff")


def renamed(client: redis.Redis, key: str, field: str) -> None:
    """One flipped letter in the name of the field."""
    kept = client.hget(key, field)
    client.hdel(key, field)
    if kept is not None:
        client.hset(key, f"{field[:-1]}~", kept)


def missing(client: redis.Redis, key: str, field: str) -> None:
    client.hdel(key, field)


def scrambled(value: bytes) -> Damage:
    def scramble(client: redis.Redis, key: str, field: str) -> None:
        client.hset(key, field, value)

    return scramble


def flipped(place: int) -> Damage:
    """One flipped bit at this share of the value, in percent."""

    def flip(client: redis.Redis, key: str, field: str) -> None:
        kept = bytearray(client.hget(key, field) or b"?")
        kept[len(kept) * place // 100] ^= 0x10
        client.hset(key, field, bytes(kept))

    return flip


DAMAGES = [
    pytest.param(renamed, id="renamed"),
    pytest.param(missing, id="missing"),
    *(pytest.param(scrambled(value), id=repr(value)) for value in SCRAMBLED),
    *(pytest.param(flipped(place), id=f"bit at {place} %") for place in (0, 43, 95)),
]


def accept(ledger: Ledger, *receivers: str, **fields: object) -> list[str]:
    asked = [Notification.build({"receiver_id": name, "text": "hello", **fields}) for name in receivers]
    return [accepted.id for accepted in ledger.accept(asked)]


def announce(ledger: Ledger, count: int) -> str:
    message = {"msg_type": "text", "content": {"text": "hello {{ name }}"}}
    spec = Spec.model_validate({"name": "Office move", "message": message, "columns": ["name"]})
    opened = ledger.announcements.open(spec, key=f"{count}", digest="1")
    ledger.announcements.load(opened.id, [orjson.dumps([n + 1, f"ou_{n}", ["you"]]) for n in range(count)])
    ledger.announcements.start(opened.id, spec, count)
    return opened.id


def outcome_of(claim: Claim) -> State:
    """As `Delivery` decides, without a call."""
    try:
        claim.message()
    except BadInput:
        return State.FAILED
    return State.DELIVERED


def work_off(leases: Leases, desk: Desk) -> None:
    """What workers do until nothing is left."""
    for _ in range(4):
        [released] = leases.release([(desk, 10, 10)])
        _, claims = leases.claim(desk, "mine", released.ids)
        leases.record(desk, "mine", [Result(claim.id, outcome_of(claim)) for claim in claims], "up")
        leases.sweep([desk])


def read_everything(ledger: Ledger, desk: Desk) -> None:
    """What lists, pages and metrics read."""
    for record in [*ledger.events(), *ledger.events(State.UNKNOWN), *Search().page(ledger, 100).records]:
        record.as_json()
    for announcement in ledger.announcements.newest():
        announcement.as_json()
        assert list(results_of(ledger, announcement.id))
    Overview(ledger).survey().as_json()
    desk_status(ledger, desk).as_json()
    for owed in Callbacks(ledger).due(10, 1000):
        Callbacks(ledger).document(owed)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("field", ["input", "progress", "desk", "created_at", "expires_at", "on_unknown", "callback"])
def test_an_event(ledger: Ledger, leases: Leases, desk: Desk, client: redis.Redis, damage: Damage, field: str) -> None:
    first, victim, last = accept(ledger, "ou_a", "ou_b", "ou_c", callback_url="https://hooks.example.com/x")
    damage(client, ledger.keys.notification(victim), field)

    read_everything(ledger, desk)
    assert {record.id for record in ledger.events()} == {first, victim, last}
    work_off(leases, desk)
    read_everything(ledger, desk)

    states = {record.id: record.progress.state for record in ledger.events()}
    assert (states[first], states[last]) == (State.DELIVERED, State.DELIVERED)
    assert states[victim] in (State.DELIVERED, State.FAILED, State.UNKNOWN, State.EXPIRED)
    counts = ledger.counts()
    assert sum(counts.values()) == 3
    assert counts[State.QUEUED] == counts[State.SENDING] == 0


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("field", ["1", "1+"])
def test_a_row(ledger: Ledger, leases: Leases, desk: Desk, client: redis.Redis, damage: Damage, field: str) -> None:
    id = announce(ledger, 3)
    if field == "1+":  # there is none until its turn comes
        client.hset(ledger.keys.rows(id), field, orjson.dumps({"state": "queued", "at": 1}))
    damage(client, ledger.keys.rows(id), field)

    read_everything(ledger, desk)
    work_off(leases, desk)
    read_everything(ledger, desk)

    rows = {row.number: row for row in ledger.announcements.rows(id)}
    assert (rows[0].progress.state, rows[2].progress.state) == (State.DELIVERED, State.DELIVERED)
    found = ledger.announcements.get(id)
    assert (found.left, sum(found.counts.values())) == (0, 3)
    ledger.get(row_id(id, 1)).as_json()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "field",
    [
        *("spec", "state", "total", "next", "rest", "expires_at"),
        *("weight", "opens_at", "results_for", "started_at", "acts", "created_at"),
    ],
)
def test_an_announcement(
    ledger: Ledger, leases: Leases, desk: Desk, client: redis.Redis, damage: Damage, field: str
) -> None:
    first, last = announce(ledger, 3), announce(ledger, 2)
    [event] = accept(ledger, "ou_a")
    damage(client, ledger.keys.lane(first), field)

    assert {each.id for each in ledger.announcements.newest()} >= {last}
    work_off(leases, desk)

    for announcement in ledger.announcements.newest():
        announcement.as_json()
    Overview(ledger).survey().as_json()
    assert ledger.announcements.get(last).counts[State.DELIVERED] == 2
    assert ledger.get(event).progress.state is State.DELIVERED


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_record_while_it_is_sent(
    ledger: Ledger, leases: Leases, desk: Desk, client: redis.Redis, damage: Damage
) -> None:
    victim, other = accept(ledger, "ou_a", "ou_b")
    [released] = leases.release([(desk, 10, 10)])
    leases.lease_ms = 0
    leases.claim(desk, "lost", released.ids)
    damage(client, ledger.keys.notification(victim), "progress")
    leases.sweep([desk])
    leases.lease_ms = timedelta(minutes=1) // timedelta(milliseconds=1)
    work_off(leases, desk)
    assert ledger.get(other).progress.state is State.DELIVERED
    counts = ledger.counts()
    assert (sum(counts.values()), counts[State.SENDING], counts[State.QUEUED]) == (2, 0, 0)


def test_a_damaged_one_says_so(ledger: Ledger, client: redis.Redis) -> None:
    [victim] = accept(ledger, "ou_a")
    renamed(client, ledger.keys.notification(victim), "progress")
    told = ledger.get(victim).as_json()
    assert told["damaged"] == told["error"]["msg"] == "its record is damaged: progress cannot be read"
    assert told["receiver_id"] == "ou_a"


def test_what_is_unknown_for_its_damage_can_be_settled(
    ledger: Ledger, leases: Leases, desk: Desk, client: redis.Redis
) -> None:
    victim, resent = accept(ledger, "ou_a", "ou_b")
    for id in (victim, resent):
        renamed(client, ledger.keys.notification(id), "progress")
    work_off(leases, desk)
    assert ledger.counts()[State.UNKNOWN] == 2

    ledger.resolve([victim], "me", "failed")
    ledger.resolve([resent], "me", "resend")
    work_off(leases, desk)
    counts = ledger.counts()
    assert (counts[State.FAILED], counts[State.DELIVERED], sum(counts.values())) == (1, 1, 2)


def test_a_damaged_hold_holds_nothing(ledger: Ledger, leases: Leases, desk: Desk, client: redis.Redis) -> None:
    [id] = accept(ledger, "ou_a")
    client.hset(ledger.keys.desk("default"), "hold", b'{"kind":"outage","until":"x"')
    read_everything(ledger, desk)
    work_off(leases, desk)
    assert ledger.get(id).progress.state is State.DELIVERED
