"""The editor of a message in a real browser: its look while it is written, chips, pictures, and without a script."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from ledger.announcement import Announcement
from ledger.saved_templates import SavedTemplates
from tests.browser.conftest import Office
from tests.browser.test_pages import PHONE, serious_problems

__all__: list[str] = []

PEOPLE = "receiver_id,name,Full name,room\nou_ada,Ada,Ada L,4.2\nou_bob,Bob,Bob M,\n"
MOVE = Path(__file__).parents[2].joinpath("examples/office-move.md").read_text("utf-8")


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    """In the folder where the test runs."""
    (tmp_path / "people.csv").write_text(PEOPLE, "utf-8")
    Image.new("RGB", (40, 20), "navy").save(tmp_path / "map.png")


def form(office: Office, **options: Any) -> Page:
    return office.visitor(office.operator, "/console/announcements/new", **options)


def drafted(office: Office, page: Page) -> Announcement:
    page.wait_for_url("**/announcements/a_*")
    return office.ledger.announcements.get(page.url.split("?")[0].rsplit("/", 1)[-1])


@pytest.mark.parametrize("locale", ["zh-CN", pytest.param("en", marks=pytest.mark.slow)])
def test_a_card_is_written_with_its_look_beside_it(office: Office, locale: str) -> None:
    page = form(office, locale=locale, viewport={"width": 1440, "height": 1000})
    look, markdown = page.locator("#look"), page.locator("#markdown")
    page.locator("input[name=recipients]").set_input_files("people.csv")
    chips = page.locator("#columns button")
    expect(chips).to_have_text(["name", "Full name", "room"])
    markdown.fill(MOVE)
    expect(look.locator(".head")).to_have_text("We move on Friday")
    expect(look).to_contain_text("Dear Ada,")
    expect(look).to_contain_text("room 4.2")
    markdown.fill("# Move\n\nDear ")
    chips.nth(1).click()
    expect(markdown).to_have_value("# Move\n\nDear {{ Full name }}")
    expect(look).to_contain_text("Dear Ada L")
    page.keyboard.press("Control+z")
    expect(markdown).to_have_value("# Move\n\nDear ")
    assert serious_problems(page) == []


def test_what_a_card_cannot_show_is_told_with_its_line_while_it_is_written(office: Office) -> None:
    page = form(office)
    look, markdown = page.locator("#look"), page.locator("#markdown")
    markdown.fill("\n\na\n\n```\nb\n```")
    expect(look.locator(".problem")).to_contain_text("line 5: a card cannot show a block of code")
    page.locator("input[name=recipients]").set_input_files("people.csv")
    expect(page.locator("#columns button")).to_have_count(3)
    markdown.fill("Dear {{ nmae }}")
    expect(look.locator(".problem")).to_contain_text('there is no column "nmae"; did you mean "name"?')
    markdown.fill("<script>alert(1)</script> {{ name }} <b onclick=x>")
    expect(look.locator(".look")).to_contain_text("<script>alert(1)</script> Ada <b onclick=x>")
    assert look.locator("script, b").count() == 0
    page.locator("#text").fill("Hello")
    expect(look.locator(".problem")).to_contain_text("write one of them")


def test_a_picture_is_uploaded_and_stands_alone_in_its_paragraph(office: Office) -> None:
    page = form(office)
    markdown = page.locator("#markdown")
    markdown.fill("# Move\n\nSee the map:")
    page.locator("#picture").set_input_files("map.png")
    expect(page.locator("#look .placeholder")).to_be_visible()
    written = markdown.input_value()
    assert written.startswith("# Move\n\nSee the map:\n\n![map](img_")
    page.locator("#picture").set_input_files("people.csv")
    expect(page.locator("#picture-said")).to_contain_text("is not an image that Feishu accepts")
    page.locator("input[name=recipients]").set_input_files("people.csv")
    page.get_by_role("button", name="Preview").click()
    draft = drafted(office, page)
    elements = draft.spec.message["content"]["elements"]
    assert [each["tag"] for each in elements] == ["div", "img"]
    assert draft.spec.markdown is not None


def test_a_saved_template_is_chosen_and_looked_at(office: Office) -> None:
    message = {"msg_type": "text", "content": {"text": "Dear {{ name }}, welcome"}}
    SavedTemplates(office.ledger).save("default", "welcome", message, None, "test")
    page = form(office)
    page.locator("input[name=recipients]").set_input_files("people.csv")
    page.locator("#template").select_option("welcome")
    expect(page.locator("#look")).to_contain_text("Dear Ada, welcome")
    page.get_by_role("button", name="Preview").click()
    assert drafted(office, page).spec.message == message
    page.get_by_role("link", name="Edit").click()
    expect(page.locator("#template")).to_have_value("welcome")
    expect(page.locator("#columns button").first).to_be_visible()


def test_it_works_without_a_script_by_the_preview(office: Office) -> None:
    page = form(office, java_script_enabled=False)
    assert not page.locator("#look").is_visible()
    assert not page.locator("#picture").is_visible()
    page.locator("input[name=recipients]").set_input_files("people.csv")
    page.locator("#markdown").fill("```\nx\n```")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".problem")).to_contain_text("line 1: a card cannot show a block of code")
    page.locator("input[name=recipients]").set_input_files("people.csv")
    page.locator("#markdown").fill("# Move\n\nDear {{ name }}")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".samples .head").first).to_have_text("Move")


@pytest.mark.slow
@pytest.mark.parametrize("screen", [{"viewport": {"width": 1440, "height": 1000}}, PHONE], ids=["desk", "phone"])
def test_nothing_is_wider_than_the_screen(office: Office, screen: dict[str, object]) -> None:
    page = form(office, **screen)
    page.locator("input[name=recipients]").set_input_files("people.csv")
    page.locator("#markdown").fill(MOVE)
    expect(page.locator("#look .head")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
