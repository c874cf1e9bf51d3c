"""Events that go into one message, over fakeredis and a real Valkey."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from ledger.callbacks import Callbacks
from ledger.claim import Claim
from ledger.delivery_options import ReceiveType
from ledger.errors import BadInput, NotAllowed
from ledger.inspection.inspection import broken_invariants
from ledger.joining import Joining
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.messages.content import MsgType
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.redis_clock import time_ms
from ledger.rescheduling import reschedule
from ledger.settings import Desk
from ledger.states import Outcome, State
from ledger.unresolved import Unresolved

MAIL = {"email": "ann@corp.example"}


def an_event(text: str = "Disk full on db-3", *, joining: Joining | None = None, **fields: Any) -> Notification:
    address = {} if fields.keys() & {"email", "mobile"} else {"receiver_id": "ou_ada"}
    return Notification.build({**address, "text": text, **fields}, joining=joining)


def send(ledger: Ledger, text: str = "Disk full on db-3", **fields: Any) -> str:
    [accepted] = ledger.accept([an_event(text, **fields)])
    return accepted.id


def into(ledger: Ledger, id: str) -> str:
    record = ledger.get(id)
    assert record.progress.state is State.JOINED
    return record.progress.into or ""


def close(ledger: Ledger, id: str) -> None:
    """Ends its window now, as *Send now* does."""
    reschedule(ledger, id, datetime.now(UTC) - timedelta(seconds=1), "ada")


def claimed(leases: Leases, desk: Desk, token: str = "t") -> dict[str, Claim]:
    [released] = leases.release([(desk, 50, 100)])
    return {claim.id: claim for claim in leases.claim(desk, token, released.ids)[1]}


def record(leases: Leases, desk: Desk, id: str, to: State, token: str = "t") -> None:
    attempt = Attempt(1_763_800_000_000, ReceiveType.CHAT, Outcome.DELIVERED, message_id="om_1")
    assert leases.record(desk, token, [Result(id, to, [attempt])], "up") == [True]


def texts(claim: Claim) -> list[str]:
    """What a post shows: its title, then its paragraphs."""
    message = claim.message()
    assert message.msg_type is MsgType.POST
    [post] = orjson.loads(message.wire_content())["post"].values()
    return [post["title"], *("".join(each["text"] for each in paragraph) for paragraph in post["content"])]


def without_times(lines: list[str]) -> list[str]:
    return [line[6:] if line[2:3] == ":" else line for line in lines]


def whole(ledger: Ledger) -> None:
    assert broken_invariants(ledger, lambda: time_ms(ledger.redis.time())) == []


# -- digest


def test_a_digest_gathers_all_events_to_a_receiver_from_the_first_one_on(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    ids = [send(ledger, f"text {number}", digest="5m") for number in range(3)]
    [message] = {into(ledger, id) for id in ids}
    assert ledger.get(message).progress.state is State.SCHEDULED
    assert claimed(leases, desk) == {}
    close(ledger, message)
    claims = claimed(leases, desk)
    assert [*claims] == [message]
    title, *lines = texts(claims[message])
    assert title.startswith("3 messages since ")
    assert without_times(lines) == ["text 2", "text 1", "text 0"]
    whole(ledger)


def test_the_window_ends_by_itself_after_its_time(ledger: Ledger) -> None:
    before_ms = time_ms(ledger.redis.time())
    message = ledger.get(into(ledger, send(ledger, digest="5m")))
    assert message.due_ms is not None
    assert 300_000 <= message.due_ms - before_ms < 305_000


def test_an_event_alone_in_a_digest_is_told_as_it_came(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    message = into(ledger, send(ledger, digest="5m", key="alert-1", callback_url="https://a.example/x"))
    close(ledger, message)
    claim = claimed(leases, desk)[message]
    assert claim.message().content == {"text": "Disk full on db-3"}
    own = ledger.get(message).notification
    assert (own.receiver_id, own.key, own.callback_url, own.digest) == ("ou_ada", None, None, None)


def test_each_receiver_and_each_length_has_a_window_of_its_own(ledger: Ledger) -> None:
    ways: list[dict[str, Any]] = [
        {},
        {"receiver_id": "ou_bob"},
        MAIL,
        {"digest": "1h"},
        {"receive_type": "user"},
    ]
    messages = {into(ledger, send(ledger, **{"digest": "5m", **way})) for way in ways}
    assert len(messages) == len(ways)


def test_all_events_of_one_call_join(ledger: Ledger) -> None:
    accepted = ledger.accept([an_event(f"text {number}", digest="5m") for number in range(20)])
    assert {each.state for each in accepted} == {State.JOINED}
    assert len({into(ledger, each.id) for each in accepted}) == 1
    counts = ledger.counts()
    assert (counts[State.JOINED], counts[State.SCHEDULED], sum(counts.values())) == (20, 1, 21)
    whole(ledger)


def test_after_the_window_has_closed_the_next_event_opens_another(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    first = into(ledger, send(ledger, digest="5m"))
    close(ledger, first)
    assert into(ledger, send(ledger, digest="5m")) == first, "open until the pacer has closed it"
    assert [*claimed(leases, desk)] == [first]
    assert into(ledger, send(ledger, digest="5m")) != first


def test_a_cancelled_message_takes_no_more(ledger: Ledger) -> None:
    first = into(ledger, send(ledger, digest="5m"))
    ledger.cancel([first], "ada")
    assert into(ledger, send(ledger, digest="5m")) != first
    whole(ledger)


def test_a_digest_by_e_mail_waits_with_its_address(ledger: Ledger, desk: Desk) -> None:
    message = into(ledger, send(ledger, digest="5m", **MAIL))
    assert ledger.get(message).notification.email == MAIL["email"]
    whole(ledger)
    close(ledger, message)
    [contact] = Unresolved(ledger.settings, ledger.redis).ask(desk, "eve").contacts
    assert contact.value == MAIL["email"]
    whole(ledger)


def test_the_wait_for_the_window_is_no_delay_of_the_message(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    message = into(ledger, send(ledger, digest="5m"))
    closed_ms = time_ms(ledger.redis.time())
    close(ledger, message)
    claim = claimed(leases, desk)[message]
    assert claim.wanted_ms >= closed_ms


# -- throttle


def test_a_throttle_lets_the_first_go_and_tells_of_the_rest_when_the_time_ends(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    first = send(ledger, "text 0", throttle="30m")
    assert [*claimed(leases, desk)] == [first]
    ids = [send(ledger, f"text {number}", throttle="30m") for number in range(1, 9)]
    [message] = {into(ledger, id) for id in ids}
    close(ledger, message)
    title, *lines = texts(claimed(leases, desk)[message])
    assert title.startswith("8 more since ")
    assert without_times(lines) == ["text 8", "text 7", "text 6", "text 5", "text 4"]
    whole(ledger)


def test_a_throttle_of_one_event_sends_nothing_else(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    send(ledger, throttle="30m")
    assert len(claimed(leases, desk)) == 1
    assert sum(ledger.counts().values()) == 1
    assert leases.release([(desk, 9, 9)])[0].ids == []


def test_after_a_throttle_has_ended_the_next_one_goes_at_once(ledger: Ledger) -> None:
    send(ledger, throttle="30m")
    message = into(ledger, send(ledger, throttle="30m"))
    ledger.cancel([message], "ada")
    assert ledger.get(send(ledger, throttle="30m")).progress.state is State.QUEUED


# -- hooks


def test_a_hooks_window_is_its_own_whatever_its_settings_have_become(ledger: Ledger) -> None:
    oncall = Joining(name="hook/oncall/")
    first = into(ledger, send(ledger, digest="5m", joining=oncall))
    due_ms = ledger.get(first).due_ms
    assert into(ledger, send(ledger, digest="1h", joining=oncall)) == first
    assert ledger.get(first).due_ms == due_ms
    assert into(ledger, send(ledger, digest="5m", joining=Joining(name="hook/other/"))) != first


def test_a_digest_is_grouped_newest_first(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    for number, group in enumerate(["disk", "cpu", "disk", "net", "disk"]):
        id = send(ledger, f"text {number}", digest="5m", joining=Joining(name="h", group=group))
    message = into(ledger, id)
    close(ledger, message)
    _, *lines = texts(claimed(leases, desk)[message])
    assert without_times(lines) == ["disk (3)", "text 4", "text 2", "text 0", "net (1)", "text 3", "cpu (1)", "text 1"]


def test_a_storm_is_told_in_one_bounded_message_with_how_many_were_left_out(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    long = "x" * 5000
    for start in range(0, 600, 100):
        events = [
            an_event(f"{number} {long}", digest="5m", joining=Joining(name="h", group=f"kind {number % 300}"))
            for number in range(start, start + 100)
        ]
        accepted = ledger.accept(events)
    message = into(ledger, accepted[0].id)
    close(ledger, message)
    claim = claimed(leases, desk)[message]
    title, *lines = texts(claim)
    assert title.startswith("600 messages since ")
    assert len(claim.message().wire_content().encode()) <= 30 * 1024
    assert lines[-1].startswith("… and ")
    told = sum(int(line.rpartition("(")[2][:-1]) for line in lines if line.startswith("kind "))
    assert told + int(lines[-1].split()[2]) == 600
    whole(ledger)


def test_what_comes_in_quiet_hours_waits_for_their_end(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    morning = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=9)
    quiet = Joining(name="h", is_quiet=True, until=morning, zone="Asia/Shanghai")
    message = into(ledger, send(ledger, joining=quiet))
    assert into(ledger, send(ledger, throttle="5m", joining=quiet)) == message
    assert ledger.get(message).due_ms == morning.timestamp() * 1000
    assert claimed(leases, desk) == {}


def test_a_window_that_would_end_in_quiet_hours_ends_after_them(ledger: Ledger) -> None:
    morning = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=9)
    message = into(ledger, send(ledger, digest="5m", joining=Joining(name="h", until=morning)))
    assert ledger.get(message).due_ms == morning.timestamp() * 1000


# -- expiry


def test_what_would_expire_before_the_window_ends_does_not_join(ledger: Ledger) -> None:
    id = send(ledger, digest="5m", expires="1m")
    assert ledger.get(id).progress.state is State.SCHEDULED
    [due] = [score for _, score in ledger.redis.zrange(ledger.keys("lane", "e_default", "due"), 0, -1, withscores=True)]
    assert due == ledger.get(id).notification.expires_ms
    assert into(ledger, send(ledger, digest="5m", expires="1h")) != id
    whole(ledger)


def test_the_message_expires_with_the_last_of_its_events(ledger: Ledger) -> None:
    def expires_ms(id: str) -> int:
        return int(ledger.redis.hget(ledger.keys.notification(id), "expires_at") or 0)

    message = into(ledger, send(ledger, digest="5m", expires="1h"))
    first_ms = expires_ms(message)
    send(ledger, digest="5m", expires="2h")
    assert expires_ms(message) > first_ms > 0
    send(ledger, digest="5m", expires="1h")
    assert expires_ms(message) > first_ms
    send(ledger, digest="5m")
    send(ledger, digest="5m", expires="1h")
    assert expires_ms(message) == 0


# -- keys, verbs, callbacks


def test_a_message_is_not_rescheduled_past_the_expiry_of_its_events(ledger: Ledger) -> None:
    message = into(ledger, send(ledger, digest="5m", expires="1h"))
    expires_at = ledger.get(message).notification.expires_at
    assert expires_at is not None
    with pytest.raises(BadInput, match="when it expires"):
        reschedule(ledger, message, expires_at + timedelta(seconds=1), "ada")
    send(ledger, digest="5m")
    assert ledger.get(message).notification.expires_at is None
    reschedule(ledger, message, expires_at + timedelta(seconds=1), "ada")


def test_a_joined_event_keeps_its_key(ledger: Ledger) -> None:
    first = send(ledger, digest="5m", key="alert-1")
    [again] = ledger.accept([an_event(digest="5m", key="alert-1")])
    assert (again.id, again.duplicate, again.state, again.into) == (first, True, State.JOINED, into(ledger, first))
    twins = ledger.accept([an_event(digest="5m", key="alert-2"), an_event(digest="5m", key="alert-2")])
    assert {(each.id, each.state, each.into) for each in twins} == {(twins[0].id, State.JOINED, into(ledger, first))}
    assert ledger.counts()[State.JOINED] == 2


def test_a_replayed_acceptance_joins_once(ledger: Ledger) -> None:
    acceptance = ledger._acceptance(an_event(digest="5m"))
    for _ in range(2):
        [_, id, state, told] = ledger.durably("accept", "default", 1, *ledger._kept_for, *acceptance)
        assert (state, told.decode()) == (b"joined", into(ledger, id.decode()))
    message = told.decode()
    assert ledger.redis.hget(ledger.keys.joined(message), "count") == b"1"
    assert ledger.counts()[State.JOINED] == 1


def test_a_joined_event_is_neither_cancelled_nor_retried_nor_rescheduled(ledger: Ledger) -> None:
    id = send(ledger, digest="5m")
    with pytest.raises(NotAllowed, match="it is joined"):
        ledger.cancel([id], "ada")
    with pytest.raises(NotAllowed, match="it is joined"):
        ledger.retry([id], "ada")
    with pytest.raises(NotAllowed, match="it is joined"):
        reschedule(ledger, id, datetime.now(UTC), "ada")


def test_a_failed_message_is_sent_again_with_all_of_it(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    for number in range(3):
        id = send(ledger, f"text {number}", digest="5m")
    message = into(ledger, id)
    close(ledger, message)
    before = texts(claimed(leases, desk)[message])
    record(leases, desk, message, State.FAILED)
    whole(ledger)
    assert ledger.redis.pttl(ledger.keys.joined(message)) > 0
    ledger.retry([message], "ada")
    assert ledger.redis.pttl(ledger.keys.joined(message)) == -1
    assert texts(claimed(leases, desk, "again")[message]) == before


def test_a_callback_is_told_that_it_joined_and_then_the_end_of_the_message(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    ids = [send(ledger, digest="5m", callback_url="https://a.example/x") for _ in range(450)]
    callbacks = Callbacks(ledger)

    def told() -> dict[str, str]:
        found = {}
        while due := callbacks.due(200, 60_000):
            for owed in due:
                document = callbacks.document(owed)
                assert document is not None
                assert document["data"]["into"] == message
                assert document["data"]["state"] == owed.state
                found[owed.id] = document["type"]
                callbacks.strike_off(owed)
        return found

    message = into(ledger, ids[0])
    assert told() == dict.fromkeys(ids, "notification.joined")
    close(ledger, message)
    claimed(leases, desk)
    record(leases, desk, message, State.DELIVERED)
    for _ in range(3):
        leases.release([(desk, 9, 9)])
    assert told() == dict.fromkeys(ids, "notification.delivered")
    assert leases.release([(desk, 9, 9)])[0].again_ms is None, "nothing is left to tell"
    whole(ledger)


def test_the_record_of_a_joined_event_says_where_it_is_told(ledger: Ledger) -> None:
    id = send(ledger, digest="5m")
    shown = ledger.get(id).as_json()
    assert (shown["state"], shown["into"]) == ("joined", into(ledger, id))
    assert shown["finished_at"] is not None


def test_what_joined_a_message_goes_with_it(ledger: Ledger) -> None:
    message = into(ledger, send(ledger, digest="5m", callback_url="https://a.example/x"))
    parts = [
        ledger.keys.joined(message),
        ledger.keys.joined_lines(message),
        ledger.keys("joined", message, "callbacks"),
    ]
    assert [ledger.redis.pttl(part) for part in parts] == [-1, -1, -1]
    ledger.cancel([message], "ada")
    assert all(ledger.redis.pttl(part) > 0 for part in parts)


# -- what is refused


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"throttle": "30m", "digest": "5m"}, "digest"),
        ({"throttle": "0s"}, "throttle"),
        ({"digest": "8d"}, "digest"),
        ({"digest": "soon"}, "digest"),
        ({"digest": 5}, "digest"),
        ({"digest": "5m", "at": "1h"}, "digest"),
        ({"joining": {"name": "x"}}, "joining"),
    ],
)
def test_what_says_no_window_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as caught:
        an_event_of(fields)
    assert caught.value.field == field


def an_event_of(fields: dict[str, Any]) -> Notification:
    return Notification.build({"receiver_id": "ou_ada", "text": "x", **fields})
