"""One person among 3,000 is found in a real browser, by name and by e-mail."""

import orjson
import pytest
from playwright.sync_api import Browser, Page, expect

from ledger.announcement import Spec
from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.browser.conftest import Watched
from tests.integration.producers.web.serving import serving

__all__: list[str] = []

ROWS = 3000
COLUMNS = ("工号", "姓名", "邮箱", "部门")
MESSAGE = {"msg_type": "text", "content": {"text": "Hello"}}
#: What the page says, in each language.
LOOKED = [
    ("en", "Looked at 3,000 of 3,000 rows"),
    pytest.param("zh-CN", "3,000 行明细中的 3,000 行", marks=pytest.mark.slow),
]


@pytest.fixture
def move(empty_valkey: Settings) -> str:
    ledger = Ledger(empty_valkey)
    spec = Spec(name="Office move", message=MESSAGE, columns=COLUMNS)
    id = ledger.announcements.open(spec, key="move", digest="1").id
    people = ([f"E{n}", f"员工{n}", f"person.{n}@example.com", "Sales"] for n in range(ROWS - 1))
    rows = [orjson.dumps([n + 2, f"ou_{n:032x}", values]) for n, values in enumerate(people)]
    rows.append(orjson.dumps([ROWS + 1, "ou_zhang", ["E9", "张晓明", "Zhang.Xiaoming@example.com", "IT"]]))
    ledger.announcements.load(id, rows)
    ledger.announcements.start(id, spec, ROWS)
    ledger.redis.close()
    return id


def find(page: Page, text: str) -> None:
    page.get_by_role("searchbox").fill(text)
    page.get_by_role("searchbox").press("Enter")


@pytest.mark.parametrize(("language", "looked"), LOOKED)
def test_one_person_among_3000_is_found_by_name_and_by_e_mail(
    empty_valkey: Settings, move: str, browser: Browser, watched: Watched, language: str, looked: str
) -> None:
    with serving(empty_valkey) as url:
        context = browser.new_context(base_url=url, locale=language)
        watched.watch(context)
        expect.set_options(timeout=20_000)
        page = context.new_page()
        page.goto("/console/notifications")
        for text in ("晓明", "zhang.xiaoming@EXAMPLE.com"):
            find(page, text)
            expect(page.locator("#looked-at")).to_contain_text(looked)
            expect(page.locator("table.list tbody tr")).to_have_count(1)
            expect(page.locator("table.list .person")).to_have_text(["张晓明", "Zhang.Xiaoming@example.com"])
        page.goto(f"/console/announcements/{move}/rows")
        expect(page.locator("table.list tbody tr").first.locator(".person")).to_have_text(
            ["员工0", "person.0@example.com"]
        )
        for text in ("张晓明", "xiaoming@"):
            find(page, text)
            expect(page.locator("table.list tbody tr")).to_have_count(1)
            expect(page.locator("table.list tbody")).to_contain_text("张晓明")
        page.locator("table.list tbody a").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("张晓明")
        context.close()
