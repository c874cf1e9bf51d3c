"""Pictures of a mass send on its way, for docs/mass-send.md in both languages."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.settings import Settings
from ledger.states import Outcome, State
from tests.browser.scenery import TEXT, Scenery
from tests.integration.producers.web.serving import serving

__all__ = ["take_mass_send"]

PEOPLE = "receiver_id,name,floor\n" + "".join(f"ou_{n},Person {n},{n % 9}\n" for n in range(900))


@dataclass(frozen=True)
class Album:
    """The words and the files of one language."""

    scenery: Scenery
    folder: Path
    prefix: str
    locale: str
    move: str
    later: str  #: the message as it is after the rejection
    why: str

    def picture(self, page: Page, name: str) -> None:
        self.scenery.make_calls()
        page.wait_for_timeout(2_500)  # until the page has it
        page.screenshot(path=self.folder / f"{self.prefix}mass-send-{name}.png")


MOVE = """# Office move

Dear **{{ name }}**, we move on Friday to floor {{ floor }}.

- Pack by noon
- Label your boxes"""
CHINESE_MOVE = """# 搬迁通知

**{{ name }}** 你好，我们周五搬到 {{ floor }} 层。

- 中午之前收拾好
- 纸箱请写上名字"""


def take_mass_send(browser: Browser, scenery: Scenery, settings: Settings, folder: Path) -> None:
    """Of a house in which more than 100 rows need an approval."""
    stopped = _stopped(scenery)
    later = MOVE.replace("Friday", "Monday") + "\n- Leave your key"
    _take(Album(scenery, folder, "", "en", MOVE, later, "We move on Monday"), browser, settings, stopped)
    later = CHINESE_MOVE.replace("周五", "周一") + "\n- 钥匙请留下"
    _take(Album(scenery, folder, "zh-", "zh-CN", CHINESE_MOVE, later, "改为周一搬"), browser, settings, stopped)


def _take(album: Album, browser: Browser, settings: Settings, stopped: str) -> None:
    name, scopes = f"{album.prefix}boss", frozenset({Scope.READ, Scope.APPROVE})
    _, secret = ApiKeys(album.scenery.ledger).create(name, scopes, None, None, "root@ops")
    with (
        serving(settings.model_copy(update={"approval_above": 100})) as url,
        _visitor(browser, url, album.scenery.operator, album.locale) as hr,
        _visitor(browser, url, secret, album.locale) as boss,
    ):
        path = _drafted(hr, album)
        _rejected(boss, path, album)
        _edited(hr, path, album)
        _approved(boss, path, album)
        hr.goto(path)
        hr.locator("#do-start").click()
        album.picture(hr, "start")
        hr.goto(f"/console/announcements/{stopped}")
        album.picture(hr, "stopped")


@contextmanager
def _visitor(browser: Browser, url: str, secret: str, locale: str) -> Iterator[Page]:
    given = {"locale": locale, "timezone_id": "Asia/Shanghai", "viewport": {"width": 1280, "height": 860}}
    context = browser.new_context(base_url=url, **given)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/console/sign-in")
    page.locator("input[name=key]").fill(secret)
    page.locator("form.stack button").click()
    yield page
    context.close()


def _drafted(hr: Page, album: Album) -> str:
    hr.goto("/console/announcements/new")
    file = {"name": "staff.csv", "mimeType": "text/csv", "buffer": PEOPLE.encode()}
    hr.locator("input[name=recipients]").set_input_files(file)
    hr.locator("textarea[name=markdown]").fill(album.move)
    hr.locator("details:has(input[name=first]) summary").click()
    hr.locator("input[name=first]").fill("50")
    hr.locator("input[name=stop_at]").fill("5%")
    hr.locator("form.stack button.primary").click()
    hr.locator("#do-submit").wait_for()
    path = hr.url.partition("?")[0]
    hr.goto(path)
    album.picture(hr, "draft")
    _submitted(hr)
    return path


def _submitted(hr: Page) -> None:
    hr.locator("#do-submit").click()
    hr.locator("#confirm-submit button").first.click()
    hr.locator(".flash").wait_for()


def _rejected(boss: Page, path: str, album: Album) -> None:
    boss.goto(path)
    boss.locator("#do-reject").click()
    boss.locator("textarea[name=why]").fill(album.why)
    boss.locator("#confirm-reject button").first.click()
    boss.locator(".flash").wait_for()


def _edited(hr: Page, path: str, album: Album) -> None:
    hr.goto(f"{path}/edit")
    hr.locator("textarea[name=markdown]").fill(album.later)
    hr.locator("form.stack button.primary").click()
    hr.locator("#do-submit").wait_for()
    hr.locator("input[name=to]").fill("ou_mia")
    hr.locator("#do-test").click()
    hr.locator(".tests li").wait_for()
    _submitted(hr)


def _approved(boss: Page, path: str, album: Album) -> None:
    boss.goto(path)
    album.picture(boss, "review")
    boss.locator("#do-approve").click()
    boss.locator("#confirm-approve button").first.click()
    boss.locator(".flash").wait_for()


def _stopped(scenery: Scenery) -> str:
    """An announcement that has paused by itself. Returns its id."""
    scenery.ledger.announcements.pause(scenery.move, "key mia")
    id = scenery.announce("default", "Cafeteria closed", TEXT, 400, stop_at="5%")
    scenery.end(id, "default", 60, State.DELIVERED, Outcome.DELIVERED)
    scenery.end(id, "default", 6, State.FAILED, Outcome.REFUSED, 154004, "Resource not found")
    return id
