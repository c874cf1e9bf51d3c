"""Events that tell of alerts: their end says since when they fired, and the records name each other."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.alert import Alert
from ledger.errors import BadInput
from ledger.joining import Joining
from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.record import Accepted
from ledger.redis_clock import time_ms
from ledger.settings import Desk
from ledger.states import State
from tests.integration.ledger.test_joining import claimed, close, record, texts, whole

#: A tool's times.
BEGAN, ENDED = (datetime(2024, 11, 22, 6, minute, tzinfo=UTC) for minute in (5, 25))


def tell(
    ledger: Ledger, text: str = "Disk is full", *, name: str = "disk", joining: Joining | None = None, **fields: Any
) -> Accepted:
    of_alert = {field: fields.pop(field) for field in ("fired_at", "resolved_at", "zone") if field in fields}
    alert = Alert(name=f"hook/it/{name}", is_resolved=fields.pop("is_resolved", False), **of_alert)
    given = {"receiver_id": "ou_ada", "text": text, **fields}
    [accepted] = ledger.accept([event(given, alert, joining)])
    return accepted


def event(given: dict[str, Any], alert: Alert, joining: Joining | None = None) -> Notification:
    return Notification.build(given, joining=joining).model_copy(update={"alert": alert})


def end(ledger: Ledger, **fields: Any) -> Accepted:
    return tell(ledger, "Disk is free", is_resolved=True, **fields)


def text_of(leases: Leases, desk: Desk, id: str) -> str:
    return str(claimed(leases, desk)[id].message().content["text"])


def has_fired_for(ledger: Ledger, id: str, seconds: float) -> None:
    """As if the alert had fired as long before: no test waits."""
    [kept] = ledger.redis.keys(ledger.keys("alert", "default", "*"))
    since = time_ms(ledger.redis.time()) - round(seconds * 1000)
    ledger.redis.set(kept, f'{{"event": "{id}", "message": "{id}", "since": {since}}}', keepttl=True)


def test_the_end_says_since_when_and_how_long_by_what_the_tool_says(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    ended = end(ledger, fired_at=BEGAN, resolved_at=ENDED)
    assert text_of(leases, desk, ended.id) == "Disk is free\nFired for 20 min, since 11-22 06:05 UTC"
    assert ledger.get(ended.id).as_json().get("resolve_of") is None, "no message told of its firing"


def test_else_by_when_its_first_message_was_accepted(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    began = tell(ledger)
    record(leases, desk, next(iter(claimed(leases, desk))), State.DELIVERED)
    has_fired_for(ledger, began.id, 4 * 3600 + 62)
    ended = end(ledger)
    assert "\nFired for 4 h 1 min, since " in text_of(leases, desk, ended.id)


def test_its_words_and_times_are_those_of_its_desk_and_hook(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    in_chinese = desk.model_copy(update={"language": "zh"})
    ended = end(ledger, fired_at=BEGAN, resolved_at=ENDED, zone="Asia/Shanghai")
    assert text_of(leases, in_chinese, ended.id) == "Disk is free\n告警自 11-22 14:05 起，持续 20 分钟"


def test_the_two_records_name_each_other(ledger: Ledger) -> None:
    began, ended = tell(ledger), end(ledger)
    assert ledger.get(ended.id).as_json()["resolve_of"] == began.id
    assert ledger.get(began.id).as_json()["resolved_by"] == [ended.id]
    whole(ledger)


def test_what_comes_between_counts_for_the_first(ledger: Ledger) -> None:
    began, again, ended = tell(ledger), tell(ledger, "Disk is fuller"), end(ledger)
    assert ledger.get(ended.id).progress.resolve_of == began.id
    assert ledger.get(again.id).resolved_by == ()


def test_an_alert_ends_once_and_then_begins_anew(ledger: Ledger) -> None:
    tell(ledger)
    end(ledger)
    another = end(ledger)
    assert (ledger.get(another.id).progress.resolve_of, ledger.get(another.id).progress.fired) == (None, None)
    anew = tell(ledger)
    assert ledger.get(end(ledger).id).progress.resolve_of == anew.id


def test_each_alert_and_each_receiver_has_its_own(ledger: Ledger) -> None:
    tell(ledger)
    for other in ({"name": "cpu"}, {"receiver_id": "ou_bob"}):
        assert ledger.get(end(ledger, **other).id).progress.resolve_of is None


def test_a_repeat_and_a_replay_change_nothing(ledger: Ledger) -> None:
    began = tell(ledger, key="1")
    alert = Alert(name="hook/it/disk", is_resolved=True)
    acceptance = ledger._acceptance(event({"receiver_id": "ou_ada", "text": "x"}, alert))
    for _ in range(2):
        [_, id, *_] = ledger.durably("accept", "default", 1, *ledger._kept_for, *acceptance)
    assert ledger.get(id.decode()).progress.resolve_of == began.id
    assert ledger.get(began.id).resolved_by == (id.decode(),)
    assert tell(ledger, key="1").duplicate
    assert ledger.get(end(ledger).id).progress.resolve_of is None, "the repeat has not begun it again"


def test_an_alert_that_joined_names_the_message_that_told_of_it(ledger: Ledger) -> None:
    began = tell(ledger, digest="5m")
    ended = end(ledger)
    assert ledger.get(ended.id).progress.resolve_of == began.into
    assert ledger.get(began.id).resolved_by == ledger.get(began.into or "").resolved_by == (ended.id,)
    whole(ledger)


def test_a_throttled_alert_names_the_message_that_tells_of_the_rest(ledger: Ledger) -> None:
    tell(ledger, throttle="5m", name="cpu")
    began = tell(ledger, throttle="5m", name="disk")
    ended = end(ledger, throttle="5m", name="disk")
    assert ledger.get(ended.id).progress.resolve_of == began.into == ended.into


@pytest.mark.parametrize("others", [0, 3, 300])
def test_an_end_that_joined_says_it_in_its_line(ledger: Ledger, leases: Leases, desk: Desk, others: int) -> None:
    hook = Joining(name="hook/it", zone="Asia/Shanghai")
    ledger.accept(
        [Notification.build({"receiver_id": "ou_ada", "text": "x", "digest": "5m"}, joining=hook)] * others or [other()]
    )
    ended = end(ledger, digest="5m", joining=hook, fired_at=BEGAN, resolved_at=ENDED)
    close(ledger, ended.into or "")
    claim = next(claim for claim in claimed(leases, desk).values() if claim.id == ended.into)
    said = texts(claim)[1] if others else claim.message().content["text"]
    assert str(said).endswith(f"Disk is free{' · ' if others else chr(10)}Fired for 20 min, since 11-22 14:05")


def other() -> Notification:
    return Notification.build({"receiver_id": "ou_bob", "text": "x"})


def test_of_many_lines_only_those_of_ends_say_it(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    for number in range(300):
        told = (end if number % 3 == 0 else tell)(ledger, name=f"disk {number}", digest="5m", fired_at=BEGAN)
    message = told.into or ""
    assert ledger.redis.hlen(ledger.keys.joined_fired(message)) <= 200
    assert ledger.redis.pttl(ledger.keys.joined_fired(message)) > 0
    close(ledger, message)
    _, *lines = texts(claimed(leases, desk)[message])
    assert ["Fired for" in line for line in lines[:6]] == ["Disk is free" in line for line in lines[:6]]
    assert sum("Fired for" in line for line in lines[:6]) == 2


@pytest.mark.parametrize(
    "times",
    [
        {"fired_at": datetime.now(UTC) + timedelta(days=1)},
        {"fired_at": datetime(1970, 1, 1, tzinfo=UTC)},
        {"resolved_at": BEGAN},
    ],
)
def test_times_that_cannot_be_are_not_told(ledger: Ledger, times: dict[str, datetime]) -> None:
    ended = end(ledger, **times)
    assert ledger.get(ended.id).progress.fired is None


def test_an_end_before_its_beginning_is_now(ledger: Ledger) -> None:
    ended = end(ledger, fired_at=ENDED, resolved_at=BEGAN)
    fired = ledger.get(ended.id).progress.fired
    assert fired is not None
    assert fired.since_ms == ENDED.timestamp() * 1000
    assert fired.ended_ms > fired.since_ms


def test_the_first_twenty_ends_are_kept_with_a_message(ledger: Ledger) -> None:
    began = [tell(ledger, name=str(number), digest="5m") for number in range(25)]
    ended = [end(ledger, name=str(number)).id for number in range(25)]
    assert ledger.get(began[0].into or "").resolved_by == tuple(ended[:20])
    assert ledger.get(began[-1].id).resolved_by == (ended[-1],)


def test_a_record_that_is_gone_is_not_named_and_not_made_again(ledger: Ledger) -> None:
    began = tell(ledger)
    ledger.redis.delete(ledger.keys.notification(began.id))
    ended = end(ledger)
    assert ledger.get(ended.id).progress.resolve_of is None
    assert not ledger.redis.exists(ledger.keys.notification(began.id))


def test_callers_cannot_say_it() -> None:
    with pytest.raises(BadInput, match="not a known field"):
        Notification.build({"receiver_id": "ou_ada", "text": "x", "alert": {"name": "x"}})


def test_no_repr_shows_the_name_of_an_alert() -> None:
    alert = Alert(name="hook/it/secret disk")
    assert "secret" not in repr(alert) + repr(event({"receiver_id": "ou_a", "text": "x"}, alert))
