"""The whole way of a mass send, by two people, over a real worker and the sandbox, in both languages."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from playwright.sync_api import Browser, Page, expect

from console.i18n import Language, language
from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.rate import parse_rate
from ledger.settings import Settings
from ledger.states import AnnouncementState, PausedBy, State
from tests.acceptance.installation import Installation, eventually
from tests.browser.conftest import Watched
from tests.browser.test_pages import serious_problems
from tests.integration.producers.web.serving import serving

__all__: list[str] = []

#: Calls a second: the share of failures is looked at while many rows still wait.
RATE = "40/second"
FIRST, ROWS = 50, 400
#: Behind the first rows every fourth is refused, until it stops.
REFUSED = {"match": {"prefix": "ou_gone"}, "do": {"code": 154004}}
MARKDOWN = "# Office move\n\nDear **{{ name }}**, we move on Friday to {{ floor }}."
APPROVER, AUTHOR = "ou_boss", "ou_hr"


def workbook() -> bytes:
    """Staff, as a spreadsheet has them."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Staff")
        sheet.write_row(0, 0, ["open_id", "name", "floor"])
        for number in range(ROWS):
            kind = "gone" if number >= FIRST and number % 4 == 0 else "staff"
            sheet.write_row(number + 1, 0, [f"ou_{kind}{number}", f"Person {number}", f"floor {number % 9}"])
    return content.getvalue()


@dataclass
class Office:
    """Two people, each with a key and a browser of their own."""

    installation: Installation
    url: str
    browser: Browser
    watched: Watched
    say: Language

    def visitor(self, name: str, *scopes: Scope) -> Page:
        _, secret = ApiKeys(self.installation.ledger).create(name, frozenset(scopes), None, None, "test")
        context = self.browser.new_context(base_url=self.url, locale=self.say.name, viewport=DESKTOP)
        context.set_default_timeout(20_000)
        expect.set_options(timeout=20_000)
        self.watched.watch(context)
        page = context.new_page()
        page.goto("/console/sign-in")
        page.locator("input[name=key]").fill(secret)
        page.locator("form.stack button").click()
        return page

    def texts(self, to: str) -> list[str]:
        """Of the messages that somebody got, oldest first."""
        messages = self.installation.sandbox.messages()
        return [str(each["content"]) for each in messages if each["receiver_id"] == to]

    def state(self, id: str) -> Any:
        return self.installation.ledger.announcements.get(id)


DESKTOP = {"width": 1440, "height": 900}


@pytest.fixture(params=["en", pytest.param("zh-CN", marks=pytest.mark.slow)])
def office(request: pytest.FixtureRequest, tmp_path: Path, browser: Browser, watched: Watched) -> Iterator[Office]:
    with Installation(tmp_path, sandbox=("--rate", "unlimited"), workers=0, DESKBELL_RATE=RATE) as installation:
        given = {"data_dir": tmp_path / "data", "rate": parse_rate(RATE), "approval_above": 100}
        with serving(Settings(**given, _env_file=None)) as url:
            approvers = {"DESKBELL_PUBLIC_URL": url, "DESKBELL_APPROVERS": APPROVER, "DESKBELL_APPROVAL_ABOVE": "100"}
            installation.start_worker(**approvers)
            installation.wait_for_workers(1)
            installation.sandbox.fault(**REFUSED)
            yield Office(installation, url, browser, watched, language(request.param))
            for context in browser.contexts:
                context.close()


def test_the_whole_way_from_a_workbook_to_the_corrected_rest(office: Office) -> None:
    hr = office.visitor("hr", Scope.READ, Scope.ANNOUNCE, Scope.OPERATE)
    boss = office.visitor("boss", Scope.READ, Scope.APPROVE)
    id = draft(office, hr)
    sees_test(office, hr, "floor 0")

    hr.locator("#do-edit").click()
    markdown = hr.locator("textarea[name=markdown]")
    expect(markdown).to_have_value(MARKDOWN)
    markdown.fill(MARKDOWN.replace("Friday", "Monday"))
    hr.locator("form.stack button.primary").click()
    expect(hr.locator(".tests li")).to_contain_text(office.say("draft.test_older"))
    sees_test(office, hr, "Monday")
    assert serious_problems(hr) == []

    approved(office, hr, boss)
    act(hr, "start", office.say("draft.start", n=ROWS))

    expect(hr.locator("#do-go-on")).to_be_visible()
    assert office.state(id).paused_by is PausedBy.FIRST_N
    assert office.state(id).counts[State.DELIVERED] == FIRST
    expect(hr.locator(".standing .changed")).to_be_visible()
    act(hr, "go-on", office.say("act.go_on"))
    eventually(lambda: office.state(id).paused_by is PausedBy.STOP_AT, 20, "it stops at the share of failures")
    expect(hr.locator(".failures code").first).to_have_text("154004")
    assert serious_problems(hr) == []

    left = office.state(id).left
    assert left > 0
    hr.locator("#do-more").click()
    act(hr, "correct", office.say("correct.button"))
    expect(hr.locator(".flash")).to_have_text(office.say("flash.draft_correct"))
    office.installation.sandbox.forget_faults()
    hr.locator("textarea[name=markdown]").fill(MARKDOWN.replace("Friday", "Tuesday"))
    hr.locator("input[name=first]").fill("")
    hr.locator("form.stack button.primary").click()
    approved(office, hr, boss)
    act(hr, "start", office.say("draft.start", n=f"{left:,}"))
    expect(hr.locator(".how-far")).to_contain_text("100 %")

    assert office.state(id).state is AnnouncementState.CANCELLED
    rest = re.search(r"a_\w+", hr.url)
    assert rest
    assert office.state(rest[0]).ended == "complete"
    assert office.state(rest[0]).total == left
    assert all(count == 1 for to, count in office.installation.sandbox.deliveries().items() if "staff" in to)


def draft(office: Office, hr: Page) -> str:
    """From a workbook and Markdown. Returns its id."""
    hr.goto("/console/announcements/new")
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    hr.locator("input[name=recipients]").set_input_files({"name": "staff.xlsx", "mimeType": kind, "buffer": workbook()})
    hr.locator("textarea[name=markdown]").fill(MARKDOWN)
    hr.locator("details:has(input[name=first]) summary").click()
    hr.locator("input[name=first]").fill(str(FIRST))
    hr.locator("input[name=stop_at]").fill("5%")
    hr.locator("form.stack button.primary").click()
    expect(hr.locator(".flash")).to_have_text(office.say("flash.draft_kept"))
    expect(hr.locator(".samples")).to_contain_text("Person 0")
    assert not list(office.installation.ledger.announcements.newest())
    found = re.search(r"a_\w+", hr.url)
    assert found
    return found[0]


def sees_test(office: Office, hr: Page, text: str) -> None:
    """A test of the first row goes out, and its end stands beside the draft."""
    hr.locator("input[name=to]").fill(AUTHOR)
    hr.locator("#do-test").click()
    expect(hr.locator(".tests .state.delivered").first).to_be_visible()
    expect(hr.locator(".tests code").first).to_contain_text("om_")
    assert text in office.texts(AUTHOR)[-1]


def approved(office: Office, hr: Page, boss: Page) -> None:
    """Submitted by one, and approved by the other, who comes by the link of a message."""
    before = len(office.texts(APPROVER))
    expect(hr.locator("#do-start")).to_have_count(0)
    act(hr, "submit", office.say("draft.submit"))
    eventually(lambda: len(office.texts(APPROVER)) > before, 20, "the approver is told")
    link = re.search(rf"{re.escape(office.url)}/console/announcements/a_\w+", office.texts(APPROVER)[-1])
    assert link
    boss.goto(link[0])
    expect(boss.locator(".samples")).to_contain_text("Person")
    assert serious_problems(boss) == []
    act(boss, "approve", office.say("draft.approve"))
    expect(boss.locator(".flash")).to_have_text(office.say("flash.draft_approved"))
    hr.reload()


def act(page: Page, what: str, button: str) -> None:
    """One of the buttons of a page, and the button of its question."""
    page.locator(f"#do-{what}").click()
    page.locator(f"#confirm-{what}").get_by_role("button", name=button, exact=True).click()
