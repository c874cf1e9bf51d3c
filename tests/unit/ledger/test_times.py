"""Times as people write them: with an offset, in a zone, on this machine's clocks, and when the clocks are changed."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.announcement import Spec
from ledger.announcement_reading import announcement_of_fields
from ledger.errors import BadInput
from ledger.notification import Notification
from ledger.sending_hours import SendingHours
from ledger.times import MACHINE, given_time, in_zone, past_problem, unix_ms, zone_of

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
BERLIN, SHANGHAI, LORD_HOWE = map(ZoneInfo, ("Europe/Berlin", "Asia/Shanghai", "Australia/Lord_Howe"))
ZONES = st.sampled_from(
    ["Europe/Berlin", "Asia/Shanghai", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo", "UTC"]
).map(ZoneInfo)
NINE = datetime.fromisoformat("2026-11-30T09:00")
#: Times as clocks show them.
SHOWN = st.datetimes(datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2030-12-31"))
DAYS = st.dates(date(2024, 1, 1), date(2030, 12, 31))


@pytest.fixture
def machine_in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def read(value: Any, zone: Any = None) -> str:
    found = given_time("at", value, NOW, zone)
    assert found is not None
    return found.astimezone(UTC).isoformat()


@pytest.mark.parametrize(
    ("value", "zone", "utc"),
    [
        ("2026-11-30T09:00+08:00", None, "2026-11-30T01:00:00+00:00"),
        ("2026-11-30T09:00Z", None, "2026-11-30T09:00:00+00:00"),
        ("2026-11-30T09:00", SHANGHAI, "2026-11-30T01:00:00+00:00"),
        ("2026-11-30 09:00", BERLIN, "2026-11-30T08:00:00+00:00"),
        ("2026-11-30", SHANGHAI, "2026-11-29T16:00:00+00:00"),
        ("2026-11-30T09:00+08:00", BERLIN, "2026-11-30T01:00:00+00:00"),
        ("2h", None, "2026-11-25T14:00:00+00:00"),
        (datetime(2026, 11, 30, 9, tzinfo=SHANGHAI), None, "2026-11-30T01:00:00+00:00"),
        (NINE, BERLIN, "2026-11-30T08:00:00+00:00"),
        ("2026-10-25T02:30", BERLIN, "2026-10-25T00:30:00+00:00"),  # shown twice: the first
    ],
)
def test_a_time_is_read_by_its_offset_or_the_zone(value: Any, zone: Any, utc: str) -> None:
    assert read(value, zone) == utc


@pytest.mark.parametrize(
    ("value", "zone", "problem"),
    [
        ("2026-11-30T09:00", None, "2026-11-30T09:00 has no offset: write it as 2026-11-30T09:00+08:00, or give a"),
        (NINE, None, "has no offset"),
        ("2027-03-28T02:30", BERLIN, "2027-03-28T02:30 does not exist: the clocks are put forward over it that day"),
        ("2026-10-04T02:15", LORD_HOWE, "does not exist"),
        ("tomorrow-ish", BERLIN, "is not a valid time"),
        ("", None, "is not a valid time"),
        (date(2027, 1, 1), SHANGHAI, "must be a time such as 2026-11-30T09:00+08:00, not a Python date"),
        (1_800_000_000, None, "must be a time such as 2026-11-30T09:00+08:00, not a number"),
        (True, None, "must be a time such as"),
        ("9999-12-31T23:59", ZoneInfo("America/Los_Angeles"), "too far in the future"),
    ],
)
def test_what_could_be_several_times_or_none_is_refused(value: Any, zone: Any, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        given_time("at", value, NOW, zone)
    assert caught.value.field == "at"
    assert problem in caught.value.problem


@pytest.mark.usefixtures("machine_in_berlin")
def test_the_machines_own_clocks_are_a_zone_too() -> None:
    assert read("2026-07-01T09:00", MACHINE) == "2026-07-01T07:00:00+00:00"
    assert read("2026-10-25T02:30", MACHINE) == "2026-10-25T00:30:00+00:00"
    with pytest.raises(BadInput, match="does not exist"):
        given_time("at", "2027-03-28T02:30", NOW, MACHINE)


@pytest.mark.parametrize("name", ["", " ", "Nowhere", "../etc/passwd", "Asia", "\0", 8, None, "x" * 1000])
def test_what_is_no_zone_is_refused(name: Any) -> None:
    with pytest.raises(BadInput, match=r"^timezone: .{0,50} is not a time zone: use a name such as Asia/Shanghai$"):
        zone_of(name)


@given(ZONES, SHOWN)
def test_a_time_is_what_the_clocks_show_or_they_leave_it_out(zone: ZoneInfo, shown: datetime) -> None:
    try:
        found = in_zone(shown, zone)
    except ValueError:
        before = shown.replace(tzinfo=zone).utcoffset()
        after = shown.replace(tzinfo=zone, fold=1).utcoffset()
        assert before is not None
        assert after is not None
        assert before < after, "the clocks are put forward over it"
    else:
        assert found.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) == shown
        hour_before = (found.astimezone(UTC) - timedelta(hours=1)).astimezone(zone)
        assert hour_before.replace(tzinfo=None, fold=0) != shown, "the first of two"


def test_the_fields_of_a_notification_may_name_their_zone() -> None:
    fields = {"receiver_id": "ou_a", "text": "x", "at": "2026-11-30T09:00", "expires": "2026-11-30T10:00"}
    found = Notification.build({**fields, "timezone": "Asia/Shanghai"}, now=NOW)
    assert (found.at, found.expires_at) == (NINE.replace(tzinfo=SHANGHAI), NINE.replace(hour=10, tzinfo=SHANGHAI))
    for timezone in ("", "Nowhere", 8):
        with pytest.raises(BadInput, match="is not a time zone"):
            Notification.build({**fields, "timezone": timezone}, now=NOW)
    with pytest.raises(BadInput, match=r"^at: .* has no offset"):
        Notification.build(fields, now=NOW)


@pytest.mark.parametrize(("ago", "is_told"), [(timedelta(hours=23), False), (timedelta(days=1), False)])
def test_a_time_of_today_may_be_past(ago: timedelta, is_told: bool) -> None:
    assert (past_problem(NOW - ago, NOW) is not None) is is_told


def test_a_time_of_another_year_is_told() -> None:
    problem = past_problem(datetime(2025, 12, 1, 9, tzinfo=SHANGHAI), NOW)
    assert str(problem) == "at: 2025-12-01T09:00+08:00 is 359 days ago: check the year, or leave it out for now"
    assert past_problem(NOW + timedelta(days=900), NOW) is None
    assert past_problem(None, NOW) is None


# -- sending hours


def windows(between: str, zone: str, start: datetime, days: int = 3) -> list[tuple[str, str]]:
    tz = ZoneInfo(zone)

    def shown(ms: int) -> str:
        return datetime.fromtimestamp(ms / 1000, UTC).astimezone(tz).isoformat(timespec="minutes")

    return [
        (shown(each.opens_ms), shown(each.closes_ms)) for each in SendingHours.read(between, zone).windows(start, days)
    ]


def test_hours_that_end_in_the_hour_left_out_end_when_the_clocks_are_put_forward() -> None:
    night = datetime(2027, 3, 28, tzinfo=BERLIN)
    assert windows("00:00-02:30", "Europe/Berlin", night)[0] == ("2027-03-28T00:00+01:00", "2027-03-28T03:00+02:00")
    assert windows("02:30-05:00", "Europe/Berlin", night)[0] == ("2027-03-28T03:00+02:00", "2027-03-28T05:00+02:00")


def test_hours_within_the_hour_left_out_are_skipped_that_night() -> None:
    night = datetime(2027, 3, 28, tzinfo=BERLIN)
    assert windows("02:10-02:50", "Europe/Berlin", night)[0] == ("2027-03-29T02:10+02:00", "2027-03-29T02:50+02:00")


def test_hours_that_the_clocks_show_twice_last_until_the_second_time() -> None:
    night = datetime(2026, 10, 25, tzinfo=BERLIN)
    assert windows("01:00-02:30", "Europe/Berlin", night)[0] == ("2026-10-25T01:00+02:00", "2026-10-25T02:30+01:00")
    assert windows("02:30-04:00", "Europe/Berlin", night)[0] == ("2026-10-25T02:30+02:00", "2026-10-25T04:00+01:00")


@given(ZONES, DAYS, st.integers(0, 1439), st.integers(0, 1439))
def test_in_every_window_the_clocks_show_its_hours(zone: ZoneInfo, day: date, opens: int, closes: int) -> None:
    if opens == closes:
        return
    first, last = (f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (opens, closes))
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    found = list(SendingHours.read(f"{first}-{last}", str(zone)).windows(start, 4))
    assert found
    for window in found:
        assert 0 < window.closes_ms - window.opens_ms <= 26 * 3_600_000
        for at_ms in (window.opens_ms, window.closes_ms - 60_000):
            shown = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
            minutes = shown.hour * 60 + shown.minute
            assert opens <= minutes < closes if opens < closes else minutes >= opens or minutes < closes
    assert all(before.closes_ms <= after.opens_ms for before, after in pairwise(found))


# -- what an announcement waits for


@pytest.mark.parametrize(
    ("at", "opens_at", "left", "due"),
    [
        (None, 0, 1, None),
        (NOW + timedelta(days=2), 0, 1, "2026-11-27T12:00:00.000Z"),
        (NOW + timedelta(days=2), NOW + timedelta(days=3), 1, "2026-11-28T12:00:00.000Z"),
        (NOW - timedelta(days=2), NOW + timedelta(hours=3), 1, "2026-11-25T15:00:00.000Z"),
        (NOW - timedelta(days=2), NOW - timedelta(hours=3), 1, None),
        (NOW + timedelta(days=2), 0, 0, None),
    ],
)
def test_an_announcement_tells_what_it_waits_for(at: Any, opens_at: Any, left: int, due: str | None) -> None:
    spec = Spec(name="x", message={"msg_type": "text", "content": {"text": "x"}}, at=at)
    fields = {
        b"spec": spec.to_json(),
        b"state": b"running",
        b"total": b"1",
        b"scheduled": b"%d" % left,
        b"created_at": b"1",
        b"opens_at": b"%d" % (unix_ms(opens_at) if opens_at else 0),
    }
    assert announcement_of_fields("a_1", fields, unix_ms(NOW)).as_json()["due_at"] == due
