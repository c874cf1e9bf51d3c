"""The reference page of the API in a real browser: accessible, on a phone, in the dark, by keyboard, in Chinese."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Place
from tests.browser.test_pages import PHONE, serious_problems

__all__: list[str] = []

PATH = "/docs/api"


#: The rule that looks at what lies behind each of its 8000 elements: ten seconds.
CONTRAST = "color-contrast"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_problem(place: Place, scheme: str) -> None:
    page = place.visitor(path=PATH, color_scheme=scheme)
    assert serious_problems(page) == []


def test_axe_finds_no_serious_problem_beside_contrast(place: Place) -> None:
    page = place.visitor(path=PATH)
    assert serious_problems(page, rules={CONTRAST: {"enabled": False}}) == []


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_an_operation_stands_out_in_the_light_and_in_the_dark(place: Place, scheme: str) -> None:
    page = place.visitor(path=f"{PATH}#sendNotification", color_scheme=scheme)
    assert serious_problems(page, "#sendNotification", runOnly=[CONTRAST]) == []
    dark = "rgb(14, 17, 22)"
    assert (page.evaluate("getComputedStyle(document.body).backgroundColor") == dark) == (scheme == "dark")


def test_it_is_no_wider_than_a_phone(place: Place) -> None:
    page = place.visitor(path=PATH, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_chinese_browser_gets_chinese_words_and_a_link_to_the_english_ones(place: Place) -> None:
    page = place.visitor(path=PATH, locale="zh-CN")
    expect(page.get_by_role("heading", level=1)).to_contain_text("HTTP 接口")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("HTTP API")


def test_an_operation_is_found_by_the_keyboard_alone(place: Place) -> None:
    page = place.visitor(path=PATH)
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
    page = place.visitor(path=f"{PATH}#sendNotification", java_script_enabled=False)
    expect(page.locator("#sendNotification")).to_contain_text("curl -sS $DESKBELL/v1/notifications")
