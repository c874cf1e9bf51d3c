"""Pictures of a mass send on its way, for docs/mass-send.md."""

from collections.abc import Iterator
from contextlib import contextmanager
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
MOVE = """# Office move

Dear **{{ name }}**, we move on Friday to floor {{ floor }}.

- Pack by noon
- Label your boxes"""
LATER = MOVE.replace("Friday", "Monday") + "\n- Leave your key"


def take_mass_send(browser: Browser, scenery: Scenery, settings: Settings, folder: Path) -> None:
    """Of a house in which more than 100 rows need an approval."""
    _, secret = ApiKeys(scenery.ledger).create("boss", frozenset({Scope.READ, Scope.APPROVE}), None, None, "root@ops")
    with (
        serving(settings.model_copy(update={"approval_above": 100})) as url,
        _visitor(browser, url, scenery.operator) as hr,
        _visitor(browser, url, secret) as boss,
    ):
        path = _drafted(hr, folder)
        _rejected(boss, path)
        _edited(hr, path)
        _approved(boss, path, folder)
        hr.goto(path)
        hr.locator("#do-start").click()
        _picture(hr, folder, "start")
        hr.goto(f"/console/announcements/{_stopped(scenery)}")
        _picture(hr, folder, "stopped")


@contextmanager
def _visitor(browser: Browser, url: str, secret: str) -> Iterator[Page]:
    given = {"locale": "en", "timezone_id": "Asia/Shanghai", "viewport": {"width": 1280, "height": 860}}
    context = browser.new_context(base_url=url, **given)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/console/sign-in")
    page.locator("input[name=key]").fill(secret)
    page.locator("form.stack button").click()
    yield page
    context.close()


def _picture(page: Page, folder: Path, name: str) -> None:
    page.wait_for_timeout(400)
    page.screenshot(path=folder / f"mass-send-{name}.png")


def _drafted(hr: Page, folder: Path) -> str:
    hr.goto("/console/announcements/new")
    file = {"name": "staff.csv", "mimeType": "text/csv", "buffer": PEOPLE.encode()}
    hr.locator("input[name=recipients]").set_input_files(file)
    hr.locator("textarea[name=markdown]").fill(MOVE)
    hr.locator("details:has(input[name=first]) summary").click()
    hr.locator("input[name=first]").fill("50")
    hr.locator("input[name=stop_at]").fill("5%")
    hr.locator("form.stack button.primary").click()
    hr.locator("#do-submit").wait_for()
    path = hr.url.partition("?")[0]
    hr.goto(path)
    _picture(hr, folder, "draft")
    _submitted(hr)
    return path


def _submitted(hr: Page) -> None:
    hr.locator("#do-submit").click()
    hr.locator("#confirm-submit button").first.click()
    hr.locator(".flash").wait_for()


def _rejected(boss: Page, path: str) -> None:
    boss.goto(path)
    boss.locator("#do-reject").click()
    boss.locator("textarea[name=why]").fill("We move on Monday")
    boss.locator("#confirm-reject button").first.click()
    boss.locator(".flash").wait_for()


def _edited(hr: Page, path: str) -> None:
    hr.goto(f"{path}/edit")
    hr.locator("textarea[name=markdown]").fill(LATER)
    hr.locator("form.stack button.primary").click()
    hr.locator("#do-submit").wait_for()
    hr.locator("input[name=to]").fill("ou_mia")
    hr.locator("#do-test").click()
    hr.locator(".tests li").wait_for()
    _submitted(hr)


def _approved(boss: Page, path: str, folder: Path) -> None:
    boss.goto(path)
    _picture(boss, folder, "review")
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
