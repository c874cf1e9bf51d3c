"""The reference page of the API in a real browser: accessible, on a phone, in the dark, by keyboard, in Chinese."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Place
from tests.browser.test_pages import PHONE, serious_problems

__all__: list[str] = []

pytestmark = pytest.mark.slow

PATH = "/docs/api"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_problem(place: Place, scheme: str) -> None:
    page = place.visitor(color_scheme=scheme)
    page.goto(PATH)
    assert serious_problems(page) == []
    dark = "rgb(14, 17, 22)"
    assert (page.evaluate("getComputedStyle(document.body).backgroundColor") == dark) == (scheme == "dark")


def test_it_is_no_wider_than_a_phone(place: Place) -> None:
    page = place.visitor(**PHONE)
    page.goto(PATH)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_chinese_browser_gets_chinese_words_and_a_link_to_the_english_ones(place: Place) -> None:
    page = place.visitor(locale="zh-CN")
    page.goto(PATH)
    expect(page.get_by_role("heading", level=1)).to_contain_text("HTTP 接口")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("HTTP API")


def test_an_operation_is_found_by_the_keyboard_alone(place: Place) -> None:
    page = place.visitor()
    page.goto(PATH)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    contents = page.get_by_role("navigation", name="Contents")
    contents.locator("summary", has_text="drafts").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{place.url}{PATH}#editDraft")
    expect(page.locator("#editDraft")).to_be_in_viewport()


def test_it_works_without_scripts(place: Place) -> None:
    page = place.visitor(java_script_enabled=False)
    page.goto(f"{PATH}#sendNotification")
    expect(page.locator("#sendNotification")).to_contain_text("curl -sS $DESKBELL/v1/notifications")
