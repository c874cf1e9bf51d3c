"""An announcement to departments, user groups and addresses, in a real browser before a company in the sandbox."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Office, start
from tests.browser.test_pages import PHONE, serious_problems

__all__: list[str] = []

PEOPLE = "/console/announcements/people?desk=default"


def receivers(office: Office) -> list[str]:
    """Of the announcement that was made last."""
    announcement, *_ = office.ledger.announcements.newest()
    return sorted(found.row.receiver_id for found in office.ledger.announcements.rows(announcement.id))


def test_departments_groups_and_exclusions_are_chosen_without_a_script_and_by_keyboard(office: Office) -> None:
    page = office.visitor(office.operator, PEOPLE, java_script_enabled=False)
    page.get_by_role("button", name="Open Alpha").focus()
    page.keyboard.press("Enter")
    page.get_by_role("checkbox", name="Alpha two").focus()
    page.keyboard.press("Space")
    page.get_by_label("Wardens").check()
    page.get_by_role("button", name="Close Alpha").click()
    expect(page.get_by_role("checkbox", name="Alpha two")).to_have_count(0)
    page.get_by_role("button", name="Use these").click()
    expect(page.locator(".chips:not(#columns *) li")).to_have_text(["Alpha two", "Wardens"])
    page.get_by_label("Addresses (e-mail").fill("hed@corp.example")
    page.locator("summary", has_text="Exclusions").click()
    page.get_by_label("Without these addresses").fill("ian@corp.example")
    page.get_by_label("Text").fill("Dear {{ name|default('colleague') }}")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("people found.")).to_be_visible()
    for told in ("1 paused by an administrator Cat", "1 resigned Dan", "1 excluded Ian"):
        expect(page.get_by_role("listitem").filter(has_text=told)).to_be_visible()
    start(page, 2)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert len(receivers(office)) == 2


def test_everyone_and_what_is_not_visible(office: Office) -> None:
    page = office.visitor(office.operator, PEOPLE)
    page.get_by_label("Everyone").check()
    page.get_by_role("button", name="Use these").click()
    expect(page.locator(".chips:not(#columns *) li")).to_have_text(["Everyone"])
    page.get_by_label("Text").fill("Dear {{ name }}")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("not joined yet")).to_be_visible()
    start(page, 4)
    assert len(receivers(office)) == 4


def test_somebody_whom_a_preview_has_found_is_found_by_name_and_a_file_goes_with_them(own_office: Office) -> None:
    page = own_office.visitor(own_office.operator, PEOPLE)
    page.get_by_label("Name, or a part of it").fill("ann")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("Nobody with this name")).to_be_visible()
    page.get_by_label("Everyone").check()
    page.get_by_role("button", name="Use these").click()
    page.get_by_label("Text").fill("We move")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="Audience", exact=True).wait_for()

    page.goto(PEOPLE)
    page.get_by_label("Name, or a part of it").fill("ANN")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("checkbox", name="Ann").check()
    page.get_by_role("button", name="Use these").click()
    expect(page.locator(".chips:not(#columns *) li")).to_have_text(["Ann"])
    people = {"name": "people.csv", "mimeType": "text/csv", "buffer": b"email\nhed@corp.example\n"}
    page.get_by_label("Recipients file").set_input_files(people)
    page.get_by_label("Addresses (e-mail").fill("ian@corp.example")
    page.get_by_label("Text").fill("We move")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("2 typed addresses are counted from line 3 on")).to_be_visible()
    start(page, 3)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert len(receivers(own_office)) == 3


@pytest.mark.parametrize("options", [pytest.param({}, marks=pytest.mark.slow), {"color_scheme": "dark", **PHONE}])
def test_the_pages_are_accessible_and_fit_a_phone(office: Office, options: dict[str, Any]) -> None:
    page = office.visitor(office.operator, PEOPLE, **options)
    page.get_by_role("button", name="Open Alpha").click()
    page.get_by_role("checkbox", name="Beta").check()
    pages = {"people": page.url}
    problems = serious_problems(page)
    widths = {"people": page.evaluate("document.documentElement.scrollWidth")}
    page.get_by_role("button", name="Use these").click()
    problems += serious_problems(page)
    widths["new"] = page.evaluate("document.documentElement.scrollWidth")
    page.get_by_label("Text").fill("Dear {{ name }}")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="Audience", exact=True).wait_for()
    problems += serious_problems(page)
    widths["draft"] = page.evaluate("document.documentElement.scrollWidth")
    assert problems == [], pages
    assert not options.get("viewport") or max(widths.values()) <= 390, widths


@pytest.mark.slow
def test_it_is_there_in_chinese(office: Office) -> None:
    page = office.visitor(office.operator, PEOPLE, locale="zh-CN")
    page.get_by_role("button", name="展开Alpha").click()
    page.get_by_role("checkbox", name="Alpha two").check()
    page.get_by_role("button", name="选用").click()
    page.locator("textarea[name=text]").fill("你好 {{ name }}")
    page.get_by_role("button", name="预览").click()
    expect(page.get_by_text("其中不发送：")).to_be_visible()
    expect(page.get_by_text("被管理员暂停")).to_be_visible()


def test_a_key_that_may_only_read_sees_no_names(office: Office) -> None:
    page = office.visitor(office.reader, PEOPLE)
    expect(page.get_by_text("Use a key with the scope announce")).to_be_visible()
    expect(page.get_by_text("Alpha")).to_have_count(0)
    page.goto("/console/announcements/new?departments=od-a")
    expect(page.get_by_text("Alpha")).to_have_count(0)
