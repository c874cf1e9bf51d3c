"""Every page in a real browser: whole, accessible, silent, on a phone and in the dark."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Place

__all__: list[str] = []

PHONE = {"viewport": {"width": 390, "height": 844}}


def paths(place: Place) -> list[str]:
    move = place.scenery.move
    rerouted = next(row for row in place.scenery.ledger.announcements.rows(move) if len(row.progress.attempts) > 1)
    return [
        *("/", "/announcements", f"/announcements/{move}", f"/announcements/{move}/rows?state=failed"),
        *("/announcements/new", "/notifications", f"/notifications/{rerouted.id}", "/needs", "/hooks"),
        *("/notifications/n_nobody", "/docs/README", "/docs/architecture", "/docs/for-hr", "/docs/scopes"),
    ]


def violations(page: Page, only: str | None = None, **options: Any) -> list[Any]:
    """What axe finds, all of it, below the selector `only` if there is one."""
    found: Any = Axe().run(page, only, {"resultTypes": ["violations"], "selectors": False, **options})
    return list(found.response["violations"])


def serious_problems(page: Page, only: str | None = None, **options: Any) -> list[str]:
    serious = [each for each in violations(page, only, **options) if each["impact"] in ("serious", "critical")]
    return [f"{page.url} {each['id']}: {node['html'][:160]}" for each in serious for node in each["nodes"][:3]]


def test_axe_finds_no_serious_problem_on_some_pages_in_the_dark(place: Place) -> None:
    page = place.visitor(place.scenery.operator, color_scheme="dark")
    problems = serious_problems(page)
    for path in (f"/announcements/{place.scenery.move}", "/announcements/new", "/docs/README"):
        page.goto(f"/console{path}")
        problems += serious_problems(page)
    assert problems == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_problem_on_any_page(place: Place, scheme: str) -> None:
    page = place.visitor(color_scheme=scheme)
    problems = serious_problems(page)
    page.close()
    page = place.visitor(place.scenery.operator, color_scheme=scheme)
    for path in paths(place):
        page.goto(f"/console{path}")
        problems += serious_problems(page)
    assert problems == []


@pytest.mark.slow
def test_no_page_is_wider_than_a_phone(place: Place) -> None:
    page = place.visitor(place.scenery.operator, **PHONE)
    widths = {}
    for path in paths(place):
        page.goto(f"/console{path}")
        widths[path] = page.evaluate("document.documentElement.scrollWidth")
    assert max(widths.values()) <= 390, widths


def test_a_chinese_browser_gets_chinese_and_the_switch_changes_it(place: Place) -> None:
    page = place.visitor(locale="zh-CN")
    expect(page.get_by_role("heading", name="登录")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_switch_makes_a_light_page_dark(place: Place) -> None:
    page = place.visitor(place.scenery.operator, color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-theme", "auto")
    for _ in range(2):
        page.get_by_title("Light, dark or system theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 17, 22)"


def test_a_dialog_is_opened_and_left_by_the_keyboard(place: Place) -> None:
    page = place.visitor(place.scenery.operator, f"/console/announcements/{place.scenery.move}")
    page.locator("#do-pause").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Pause this announcement?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("#do-pause")).to_be_focused()


def test_the_focus_stays_where_it_is_when_a_part_of_the_page_is_replaced(own_place: Place) -> None:
    page = own_place.visitor(own_place.scenery.operator, f"/console/announcements/{own_place.scenery.move}")
    page.locator("#count-failed").focus()
    own_place.scenery.deliver(54)  # of which four are events
    expect(page.locator("#count-delivered")).to_contain_text("550")
    expect(page.locator("#count-failed")).to_be_focused()


def test_a_line_of_the_list_stays_a_line_when_it_changes(own_place: Place) -> None:
    page = own_place.visitor(own_place.scenery.operator, "/console/announcements")
    lines = page.locator("#list tbody tr")
    cells = lines.filter(has_text="Office move").locator("td")
    expect(cells.nth(2)).to_contain_text("591 / 1,200")
    own_place.scenery.deliver(54)  # of which four are events
    expect(cells.nth(2)).to_contain_text("641 / 1,200")
    expect(lines).to_have_count(4)
    expect(cells).to_have_count(6)


def test_all_of_it_works_without_scripts(own_place: Place) -> None:
    path = f"/console/announcements/{own_place.scenery.move}"
    page = own_place.visitor(own_place.scenery.operator, path, java_script_enabled=False)
    page.locator("#do-pause").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status").filter(has_text="Paused.")).to_be_visible()
    expect(page.locator("#do-resume")).to_be_visible()


def test_whoever_may_only_read_sees_no_message_and_no_button(place: Place) -> None:
    page = place.visitor(place.scenery.reader, f"/console/announcements/{place.scenery.move}")
    expect(page.get_by_text("Messages are visible only to keys with the scope operate.")).to_be_visible()
    expect(page.get_by_text("Office move on Friday")).to_have_count(0)
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)


def test_a_page_is_left_by_itself_when_its_key_is_revoked(own_place: Place) -> None:
    page = own_place.visitor(own_place.scenery.reader)
    expect(page.locator(".live")).to_have_text("Live")
    own_place.scenery.revoke("auditor")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=20_000)
