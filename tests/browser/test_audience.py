"""An announcement to departments, user groups and addresses, in a real browser before a company in the sandbox."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.browser.conftest import Watched, sign_in, start
from tests.browser.test_pages import PHONE, serious_problems
from tests.integration.producers.web.serving import serving
from tests.sandbox_company import company_running

__all__: list[str] = []

PEOPLE = "/console/announcements/people?desk=default"


class Office:
    def __init__(self, url: str, settings: Settings, browser: Browser, watched: Watched) -> None:
        self._url, self._browser, self._watched = url, browser, watched
        self.ledger = Ledger(settings)
        keys = ApiKeys(self.ledger)
        self.operator = keys.create("hr", frozenset({Scope.READ, Scope.ANNOUNCE}), None, None, "test")[1]
        self.reader = keys.create("look", frozenset({Scope.READ}), None, None, "test")[1]

    def visitor(self, secret: str, path: str, button: str = "Sign in", **options: Any) -> Page:
        context = self._browser.new_context(base_url=self._url, **{"locale": "en", **options})
        context.set_default_timeout(20_000)
        self._watched.watch(context)
        page = context.new_page()
        page.goto("/console/")
        if button == "Sign in":
            sign_in(page, secret)
        else:
            page.locator("input[name=key]").fill(secret)
            page.get_by_role("button", name=button).click()
        page.goto(path)
        return page

    def receivers(self) -> list[str]:
        [announcement] = self.ledger.announcements.newest()
        return sorted(found.row.receiver_id for found in self.ledger.announcements.rows(announcement.id))


@pytest.fixture
def office(
    empty_valkey: Settings, browser: Browser, watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    monkeypatch.chdir(tmp_path)
    with company_running(empty_valkey, monkeypatch):
        settings = Settings(data_dir=empty_valkey.data_dir, _env_file=None)
        with serving(settings) as url:
            yield Office(url, settings, browser, watched)
            for context in browser.contexts:
                context.close()


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
    assert len(office.receivers()) == 2


def test_everyone_and_what_is_not_visible(office: Office) -> None:
    page = office.visitor(office.operator, PEOPLE)
    page.get_by_label("Everyone").check()
    page.get_by_role("button", name="Use these").click()
    expect(page.locator(".chips:not(#columns *) li")).to_have_text(["Everyone"])
    page.get_by_label("Text").fill("Dear {{ name }}")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("not joined yet")).to_be_visible()
    start(page, 4)
    assert len(office.receivers()) == 4


def test_somebody_whom_a_preview_has_found_is_found_by_name_and_a_file_goes_with_them(office: Office) -> None:
    page = office.visitor(office.operator, PEOPLE)
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
    assert len(office.receivers()) == 3


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


def test_it_is_there_in_chinese(office: Office) -> None:
    page = office.visitor(office.operator, PEOPLE, "登录", locale="zh-CN")
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
