"""The pages of hooks in a real browser, with posts that came, joined and were refused, and a payload that is tried."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.browser.conftest import Watched
from tests.browser.test_pages import PHONE, serious_problems
from tests.integration.producers.web.serving import serving
from tests.integration.producers.web.web_thread import with_files
from tests.unit.producers.hooks.hook_cases import payload

__all__: list[str] = []

HOOKS = """
[hook.oncall]
use = "alertmanager"
to = "ou_ada"

[hook.calm]
use = "generic"
to = "ou_ada"
throttle = "30m"

[hook.github]
use = "github"
to = "ou_bob"
secret = "hush-hush"
"""
ENDED = {"status": "resolved", "startsAt": "2024-11-22T06:05:00Z", "endsAt": "2024-11-22T06:25:00Z"}


@pytest.fixture
def secret(empty_valkey: Settings) -> str:
    return ApiKeys(Ledger(empty_valkey)).create("boss", frozenset(Scope), None, None, "test")[1]


@pytest.fixture
def url(empty_valkey: Settings, tmp_path: Path, secret: str) -> Iterator[str]:
    """With a firing and its end, three events of which two are throttled, a failure and a refusal."""
    fired = payload("alertmanager_firing")
    ended = fired | {"status": "resolved", "alerts": [each | ENDED for each in fired["alerts"]]}
    texts = [("calm", {"text": f"Disk {number}"}) for number in range(3)]
    with serving(with_files(empty_valkey, tmp_path, hooks=HOOKS)) as url:
        for hook, body in (("oncall", fired), ("oncall", ended), *texts, ("calm", []), ("github", {})):
            requests.post(f"{url}/v1/hooks/{hook}?key={secret}", json=body, timeout=30)
        yield url


def signed_in(browser: Browser, url: str, secret: str, watched: Watched, language: str, path: str) -> Page:
    context = browser.new_context(base_url=url, locale=language, **PHONE)
    watched.watch(context)
    page = context.new_page()
    page.goto(f"/console/sign-in?next={path}")
    page.locator("input[name=key]").fill(secret)
    page.locator("main button.primary").click()
    page.locator(".who").wait_for()
    return page


def fits(page: Page) -> None:
    assert serious_problems(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(
    ("language", "throttled", "fired"),
    [
        ("zh-CN", "其中限频合并", "告警触发于"),
        pytest.param("en", "throttled", "Alert fired in", marks=pytest.mark.slow),
    ],
)
def test_each_hook_shows_what_came_and_a_payload_is_tried(
    url: str, secret: str, browser: Browser, watched: Watched, language: str, throttled: str, fired: str
) -> None:
    page = signed_in(browser, url, secret, watched, language, "/hooks")
    fits(page)
    expect(page.locator("thead").first).to_contain_text(throttled)
    cells = page.locator("tr", has=page.get_by_role("link", name="calm", exact=True)).first.locator("td")
    assert cells.all_inner_texts()[3:8] == ["3", "2", "0", "0", "1"]
    page.locator("tr", has_text="oncall").locator("a[href*='/notifications/']").first.click()
    expect(page.locator("dl")).to_contain_text(fired)
    fits(page)
    page.goto("/console/hooks/oncall")
    page.locator("textarea[name=payload]").fill(json.dumps(payload("alertmanager_firing")))
    page.locator("#try button.primary").click()
    expect(page.locator("#try article")).to_contain_text("DiskAlmostFull")
    fits(page)
    page.context.close()
