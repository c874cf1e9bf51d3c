"""Times on the console's pages without a browser: picked, rescheduled, and told wherever something waits."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ledger.ledger import Ledger
from ledger.settings import Settings
from ledger.states import AnnouncementState, State
from ledger.times import unix_ms
from tests.browser.scenery import Scenery
from tests.integration.console.console_visitor import Visitor
from tests.integration.producers.cli.announcing_desk import people
from tests.integration.producers.web.serving import serving

__all__: list[str] = []

SHANGHAI = ZoneInfo("Asia/Shanghai")
#: Three days ahead, at nine in the morning in Shanghai.
NINE = datetime.combine(datetime.now(UTC).date() + timedelta(days=3), datetime.min.time(), SHANGHAI) + timedelta(
    hours=9
)
PICKED = {"at_date": f"{NINE:%Y-%m-%d}", "at_time": "09:00", "timezone": "Asia/Shanghai"}
SHOWN = f"{NINE:%Y-%m-%d} 09:00 Asia/Shanghai (UTC+08:00)"
IN_UTC = f"{NINE.astimezone(UTC):%Y-%m-%d} 01:00:00 UTC"


@pytest.fixture
def scenery(empty_valkey: Settings) -> Iterator[Scenery]:
    ledger = Ledger(Settings(data_dir=empty_valkey.data_dir, _env_file=None))
    yield Scenery(ledger)
    ledger.redis.close()


@pytest.fixture
def visitor(scenery: Scenery) -> Iterator[Visitor]:
    """On this machine, where no key is needed."""
    with serving(scenery.ledger.settings) as url:
        yield Visitor(url)


def propose(visitor: Visitor, path: Path, **fields: str) -> str:
    visitor.look("/announcements/new")
    with path.open("rb") as recipients:
        answer = visitor.act("/announcements/new", files={"recipients": recipients}, text="Dear {{ name }}", **fields)
    visitor.page = answer
    return answer.text


def test_a_picked_time_is_of_the_zone_beside_it_and_the_preview_says_so(visitor: Visitor, scenery: Scenery) -> None:
    page = propose(visitor, people(2), **PICKED)
    assert SHOWN in page
    assert IN_UTC in page


@pytest.mark.parametrize("zone", ["", "UTC"])
def test_without_scripts_the_zone_is_utc_and_stands_in_the_form(visitor: Visitor, zone: str) -> None:
    form = visitor.look("/announcements/new")
    assert 'name="timezone" value="UTC"' in form
    assert "All times of this form are in this zone, and those of a column send_at" in form
    assert f"{PICKED['at_date']} 09:00 UTC (UTC+00:00)" in propose(visitor, people(2), **{**PICKED, "timezone": zone})


def test_a_rows_own_time_is_of_the_same_zone_and_another_zone_is_another_announcement(
    visitor: Visitor, scenery: Scenery, tmp_path: Path
) -> None:
    (tmp_path / "drill.csv").write_text(f"receiver_id,name,send_at\nou_ada,Ada,{NINE:%Y-%m-%d} 09:00\n")
    for zone in ("Asia/Shanghai", "Europe/Berlin"):
        page = propose(visitor, tmp_path / "drill.csv", timezone=zone)
        assert f"{NINE:%Y-%m-%d} 09:00 {zone} (UTC" in page
    loaded = scenery.ledger.redis.keys("deskbell:rows:*")
    assert len(loaded) == 2


def test_sending_hours_and_an_expiry_are_picked_and_shown(visitor: Visitor) -> None:
    hours = {"hours_from": "10:00", "hours_to": "18:00", "expires_date": PICKED["at_date"], "expires_time": "12:00"}
    page = propose(visitor, people(2), **PICKED, **hours)
    assert "<b>10:00-18:00 Asia/Shanghai</b>" in page
    assert SHOWN.replace(" 09:00", " 12:00") in page  # it expires
    assert SHOWN.replace(" 09:00", " 10:00") in page  # it starts with its hours


def test_a_time_that_the_clocks_leave_out_is_refused_and_what_was_picked_is_kept(visitor: Visitor) -> None:
    page = propose(visitor, people(2), at_date="2031-03-09", at_time="02:30", timezone="America/New_York")
    assert "does not exist: the clocks are put forward over it that day" in page
    for kept in ('value="2031-03-09"', 'value="02:30"', 'value="America/New_York"'):
        assert kept in page


@pytest.mark.parametrize(("language", "until"), [("en", "scheduled for"), ("zh-CN", "预定于")])
def test_every_page_that_shows_it_says_that_it_is_scheduled_and_for_when(
    visitor: Visitor, scenery: Scenery, language: str, until: str
) -> None:
    announcement, event = scenery.schedule(NINE)
    visitor.session.headers["Accept-Language"] = language
    for path in (
        *("/", "/announcements", f"/announcements/{announcement}", f"/announcements/{announcement}/rows"),
        *("/notifications", f"/notifications/{event}", f"/notifications/n_{announcement[2:]}-0"),
    ):
        page = " ".join(visitor.look(path).split())
        assert f'<span class="state scheduled"><span>{until} <time datetime="' in page, path
        assert IN_UTC in page, path


@pytest.mark.parametrize("kind", ["announcements", "notifications"])
def test_it_is_rescheduled_by_the_form_and_the_act_is_on_record(visitor: Visitor, scenery: Scenery, kind: str) -> None:
    announcement, event = scenery.schedule(NINE - timedelta(days=1))
    id = announcement if kind == "announcements" else event
    page = visitor.look(f"/{kind}/{id}")
    assert 'id="confirm-reschedule"' in page
    visitor.page = visitor.act(f"/{kind}/{id}/reschedule", **PICKED)
    assert "Rescheduled." in visitor.page.text
    assert IN_UTC in visitor.page.text
    ledger = scenery.ledger
    if kind == "announcements":
        found = ledger.announcements.get(id)
        assert (found.state, found.due_ms) == (AnnouncementState.SCHEDULED, unix_ms(NINE))
    else:
        record = ledger.get(id)
        assert (record.progress.state, record.due_ms) == (State.SCHEDULED, unix_ms(NINE))
    assert "rescheduled" in visitor.look("/hooks")


@pytest.mark.parametrize(
    ("picked", "problem"),
    [
        ({"at_date": "2020-01-01", "at_time": "09:00", "timezone": "UTC"}, "is more than a day ago"),
        ({"at_time": "09:00", "timezone": "UTC"}, "choose a date, too"),
        ({"timezone": "UTC"}, "give the new time"),
        ({**PICKED, "timezone": "Mars"}, "is not a time zone"),
    ],
)
def test_a_wrong_new_time_is_told_and_changes_nothing(
    visitor: Visitor, scenery: Scenery, picked: dict[str, str], problem: str
) -> None:
    announcement, event = scenery.schedule(NINE)
    for path in (f"/announcements/{announcement}", f"/notifications/{event}"):
        visitor.look(path)
        answer = visitor.act(f"{path}/reschedule", **picked)
        assert answer.status_code == 422
        assert problem in answer.text
    assert scenery.ledger.get(event).due_ms == unix_ms(NINE)


def test_who_has_begun_has_no_such_button(visitor: Visitor, scenery: Scenery) -> None:
    announcement, event = scenery.schedule(NINE)
    row = f"n_{announcement[2:]}-0"
    assert "confirm-reschedule" not in visitor.look(f"/notifications/{row}")  # it waits for its announcement
    scenery.ledger.announcements.cancel(announcement, "test")
    scenery.ledger.cancel([event], "test")
    assert 'id="do-reschedule"' not in visitor.look(f"/announcements/{announcement}")
    assert "confirm-reschedule" not in visitor.look(f"/notifications/{event}")
    assert visitor.act(f"/announcements/{announcement}/reschedule", **PICKED).status_code == 409


def test_a_desk_for_which_all_waits_for_a_time_is_not_shown_as_sending(visitor: Visitor, scenery: Scenery) -> None:
    scenery.report_workers()
    scenery.schedule(NINE)
    page = visitor.look("/")
    assert "waiting for its time" in page
    assert '<span class="state running">' not in page
