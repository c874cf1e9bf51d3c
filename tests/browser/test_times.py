"""Times in a real browser: picked in its zone, rescheduled, shown as the reader chose, and ids that are copied."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from ledger.states import AnnouncementState
from ledger.times import unix_ms
from tests.browser.conftest import Place, start
from tests.browser.test_pages import PHONE, serious_problems

__all__: list[str] = []

SHANGHAI, NEW_YORK = "Asia/Shanghai", "America/New_York"
PEOPLE = b"receiver_id,name\nou_ada,Ada\nou_bob,Bob\n"


@pytest.fixture(autouse=True)
def server_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's zone is another than any browser's here."""
    monkeypatch.setenv("TZ", "UTC")


Visit = Callable[..., Page]


@pytest.fixture
def visit(place: Place) -> Visit:
    def visit(path: str, zone: str, **options: Any) -> Page:
        return place.visitor(place.scenery.operator, f"/console{path}", timezone_id=zone, **options)

    return visit


def pick(page: Page, date: str, time: str, zone: str | None = None) -> None:
    page.locator("input[name=at_date]").fill(date)
    page.locator("input[name=at_time]").fill(time)
    if zone:
        page.get_by_label("Time zone").fill(zone)


def preview(page: Page, **times: str) -> None:
    page.get_by_label("Recipients").set_input_files({"name": "drill.csv", "mimeType": "text/csv", "buffer": PEOPLE})
    page.get_by_label("Text").fill("Dear {{ name }}")
    for name, value in times.items():
        page.locator(f"input[name={name}]").fill(value)
    page.get_by_role("button", name="Preview").click()


def next_change(zone: str, *, forward: bool) -> datetime:
    """The next day on which the clocks of this zone are put forward, or back; at midnight, without an offset."""
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(days=2)
    while True:
        before, after = (each.replace(tzinfo=ZoneInfo(zone)).utcoffset() for each in (day, day + timedelta(days=1)))
        assert before is not None
        assert after is not None
        if after != before and (after > before) is forward:
            return day
        day += timedelta(days=1)


def test_nine_in_shanghai_is_nine_in_shanghai_on_a_server_in_utc(place: Place, visit: Visit) -> None:
    page = visit("/announcements/new", SHANGHAI)
    expect(page.get_by_label("Time zone")).to_have_value(SHANGHAI)
    day = f"{datetime.now(ZoneInfo(SHANGHAI)) + timedelta(days=5):%Y-%m-%d}"
    preview(page, at_date=day, at_time="09:00")
    expect(page.locator(".tiles")).to_contain_text(f"{day} 09:00 Asia/Shanghai (UTC+08:00)")
    expect(page.locator(".tiles")).to_contain_text("9:00:00 AM GMT+8")
    start(page, 2)
    expect(page.locator(".standing .state")).to_contain_text("scheduled for")
    [drill, *_] = place.scenery.ledger.announcements.newest()
    assert drill.state is AnnouncementState.SCHEDULED
    assert drill.due_ms == unix_ms(datetime.fromisoformat(f"{day}T01:00Z"))


@pytest.mark.parametrize("forward", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_day_on_which_new_yorks_clocks_change_keeps_its_hours(visit: Visit, place: Place, forward: bool) -> None:
    """The offset is that of the hour that is meant: before the change it is another than after it."""
    day = next_change(NEW_YORK, forward=forward)
    winter, summer = "-05:00", "-04:00"
    for time, offset in (("01:00", winter if forward else summer), ("09:00", summer if forward else winter)):
        page = visit("/announcements/new", NEW_YORK)
        preview(page, at_date=f"{day:%Y-%m-%d}", at_time=time)
        expect(page.locator(".tiles")).to_contain_text(f"{day:%Y-%m-%d} {time} America/New_York (UTC{offset})")
    start(page, 2)
    expect(page.locator(".standing .state")).to_contain_text("9:00:00 AM ED" if forward else "9:00:00 AM ES")
    [drill, *_] = place.scenery.ledger.announcements.newest()
    assert drill.due_ms == unix_ms(datetime.fromisoformat(f"{day:%Y-%m-%d}T09:00{offset}"))


def test_an_hour_that_the_clocks_leave_out_is_refused_and_what_was_picked_stays(visit: Visit) -> None:
    page, day = visit("/announcements/new", NEW_YORK), next_change(NEW_YORK, forward=True)
    preview(page, at_date=f"{day:%Y-%m-%d}", at_time="02:30")
    expect(page.get_by_role("alert")).to_contain_text("does not exist: the clocks are put forward over it that day")
    expect(page.locator("input[name=at_date]")).to_have_value(f"{day:%Y-%m-%d}")
    expect(page.locator("input[name=at_time]")).to_have_value("02:30")


def test_who_means_another_zone_than_the_browsers_says_so_and_keeps_it(visit: Visit) -> None:
    page, day = visit("/announcements/new", NEW_YORK), f"{datetime.now(UTC) + timedelta(days=5):%Y-%m-%d}"
    preview(page, timezone=SHANGHAI, at_date=day)  # and no time of day
    expect(page.get_by_role("alert")).to_contain_text("choose a time of day, too")
    expect(page.get_by_label("Time zone")).to_have_value(SHANGHAI)
    preview(page, at_time="09:00", hours_from="08:00", hours_to="18:00")
    expect(page.locator(".tiles")).to_contain_text(f"{day} 09:00 Asia/Shanghai (UTC+08:00)")
    expect(page.locator("main")).to_contain_text("Sending hours 08:00-18:00 Asia/Shanghai")


@pytest.mark.parametrize("kind", ["announcements", pytest.param("notifications", marks=pytest.mark.slow)])
def test_it_is_rescheduled_from_its_own_time_on_in_the_browsers_zone(place: Place, visit: Visit, kind: str) -> None:
    at = (datetime.now(UTC) + timedelta(days=3)).replace(hour=3, minute=30, second=0, microsecond=0)
    ids = place.scenery.schedule(at)
    id = ids[kind == "notifications"]
    page = visit(f"/{kind}/{id}", SHANGHAI)
    if kind == "announcements":
        page.locator("#do-more").click()
    page.get_by_role("button", name="Reschedule…").click()
    dialog = page.get_by_role("dialog", name="Another time?")
    expect(dialog.locator("input[type=date]")).to_have_value(f"{at:%Y-%m-%d}")
    expect(dialog.locator("input[type=time]")).to_have_value("11:30")
    expect(dialog.get_by_label("Time zone")).to_have_value(SHANGHAI)
    assert serious_problems(page) == []
    later = at + timedelta(days=1)
    pick(page, f"{later:%Y-%m-%d}", "08:15")
    dialog.get_by_role("button", name="Reschedule").click()
    expect(page.locator(".flash")).to_have_text("Rescheduled.")
    expect(page.locator(".state").first).to_contain_text("8:15:00 AM GMT+8")
    due_ms = unix_ms(later.replace(hour=0, minute=15))
    ledger = place.scenery.ledger
    found = ledger.announcements.get(id).due_ms if kind == "announcements" else ledger.get(id).due_ms
    assert found == due_ms


def test_one_switch_shows_all_times_locally_in_utc_or_as_a_distance_and_is_remembered(
    place: Place, visit: Visit
) -> None:
    at = (datetime.now(UTC) + timedelta(days=3, hours=2)).replace(minute=0, second=0, microsecond=0)
    announcement, event = place.scenery.schedule(at)
    page = visit(f"/announcements/{announcement}", SHANGHAI)
    shown = page.locator(".standing .state time")
    expect(shown).to_contain_text("GMT+8")
    switch = page.get_by_label("How times are shown")
    switch.select_option("utc")
    expect(shown).to_contain_text(f"{at.hour % 12 or 12}:00:00".zfill(8))
    expect(shown).to_contain_text("UTC")
    switch.select_option("relative")
    expect(shown).to_have_text("in 3 days")
    assert "GMT+8" in (shown.get_attribute("title") or "")
    assert "UTC" in (shown.get_attribute("title") or "")
    page.goto(f"/console/notifications/{event}")
    expect(page.get_by_label("How times are shown")).to_have_value("relative")
    expect(page.locator(".state time")).to_have_text("in 3 days")


def test_a_part_that_is_replaced_keeps_the_chosen_form(own_place: Place) -> None:
    page = own_place.visitor(own_place.scenery.operator, "/console/announcements", timezone_id=SHANGHAI)
    page.get_by_label("How times are shown").select_option("utc")
    times = page.locator("#list time")
    expect(times.first).to_contain_text("UTC")
    own_place.scenery.schedule(datetime.now(UTC) + timedelta(days=3))
    expect(page.get_by_text("Fire drill")).to_be_visible()
    assert all("UTC" in text for text in times.all_inner_texts())


def test_without_scripts_each_time_names_utc_and_nothing_is_offered_that_needs_them(place: Place, visit: Visit) -> None:
    at = (datetime.now(UTC) + timedelta(days=3)).replace(second=0, microsecond=0)
    announcement, _ = place.scenery.schedule(at)
    page = visit(f"/announcements/{announcement}", SHANGHAI, java_script_enabled=False)
    expect(page.locator(".standing .state")).to_contain_text(f"scheduled for {at:%Y-%m-%d %H:%M:%S} UTC")
    expect(page.get_by_label("How times are shown")).to_be_hidden()
    expect(page.locator(".copy")).to_be_hidden()
    page.locator("#do-more").click()
    page.locator("#do-reschedule").click()
    dialog = page.get_by_role("dialog", name="Another time?")
    expect(dialog.get_by_label("Time zone")).to_have_value("UTC")
    expect(dialog.locator("input[type=time]")).to_have_value(f"{at:%H:%M}")
    page.locator("input[name=at_time]").fill("04:05")
    dialog.get_by_role("button", name="Reschedule").click()
    expect(page.locator(".standing .state")).to_contain_text(f"scheduled for {at:%Y-%m-%d} 04:05:00 UTC")


def test_ids_and_log_ids_are_copied_by_a_click(place: Place, visit: Visit) -> None:
    rows = place.scenery.ledger.announcements.rows(place.scenery.move)
    row = next(each for each in rows if each.progress.attempts)
    page = visit(f"/notifications/{row.id}", SHANGHAI, permissions=["clipboard-read", "clipboard-write"])
    for text in (row.id, row.progress.attempts[0].log_id):
        page.get_by_role("button", name=f"Copy {text}").first.click()
        expect(page.locator("#copied")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == text


def test_a_page_without_a_clipboard_copies_too(place: Place, visit: Visit) -> None:
    """As a page of plain http on another machine."""
    page = visit(f"/announcements/{place.scenery.move}", SHANGHAI, permissions=["clipboard-read"])
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true})")
    page.get_by_role("button", name=f"Copy {place.scenery.move}").click()
    expect(page.locator("#copied")).to_have_text("Copied")
    page.evaluate("delete navigator.clipboard")
    assert page.evaluate("navigator.clipboard.readText()") == place.scenery.move


@pytest.mark.slow
@pytest.mark.parametrize("language", ["English", "中文"])
def test_pages_with_times_to_come_are_accessible_and_fit_a_phone(place: Place, visit: Visit, language: str) -> None:
    announcement, event = place.scenery.schedule(datetime.now(UTC) + timedelta(days=3))
    page = visit("/", SHANGHAI, color_scheme="dark", **PHONE)
    if language == "中文":
        page.get_by_role("button", name=language).click()
    widths, problems = {}, []
    for path in (
        *("/", "/announcements", f"/announcements/{announcement}", f"/announcements/{announcement}/rows"),
        *(f"/notifications/{event}", "/notifications", "/announcements/new"),
    ):
        page.goto(f"/console{path}")
        widths[path] = page.evaluate("document.documentElement.scrollWidth")
        problems += serious_problems(page)
    assert max(widths.values()) <= 390, widths
    assert problems == []
