"""A browser, and consoles for it to look at."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.browser.chromium import chromium
from tests.browser.scenery import DESKS, Scenery
from tests.integration.producers.web.serving import serving


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@dataclass
class Watched:
    """What went wrong in the pages of a context, and where they asked for something."""

    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self._note)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname or request.url))

    def _note(self, message: ConsoleMessage) -> None:
        # Chromium says so of any answer above 399, also of those that a test provokes.
        if message.type in ("error", "warning") and "the server responded with a status" not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Fails the test when a page has complained, or has asked any other machine."""
    pages = Watched()
    yield pages
    assert pages.complaints == []
    assert pages.hosts <= {"127.0.0.1"}


@dataclass
class Place:
    """A console with a lot in it."""

    url: str
    scenery: Scenery
    browser: Browser
    watched: Watched

    def visitor(self, secret: str = "", **options: Any) -> Page:
        """A page of a new visitor, signed in if there is a secret."""
        context = self.browser.new_context(base_url=self.url, **{"locale": "en", **options})
        context.set_default_timeout(15_000)
        self.watched.watch(context)
        page = context.new_page()
        page.goto("/console/")
        if secret:
            sign_in(page, secret)
        return page


def sign_in(page: Page, secret: str) -> None:
    page.get_by_label("API key").fill(secret)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def start(page: Page, rows: int) -> None:
    """Sends the draft that the page shows."""
    page.get_by_role("button", name=f"Send to {rows}…").click()
    page.get_by_role("dialog").get_by_role("button", name=f"Send to {rows}").click()


@pytest.fixture
def place(empty_valkey: Settings, browser: Browser, watched: Watched, tmp_path: Any) -> Iterator[Place]:
    (tmp_path / "desks.toml").write_text(DESKS)
    settings = Settings(data_dir=empty_valkey.data_dir, desks=tmp_path / "desks.toml", _env_file=None)
    ledger = Ledger(settings)
    scenery = Scenery(ledger, scale=10)
    scenery.build()
    with serving(settings) as url:
        place = Place(url, scenery, browser, watched)
        yield place
        for context in browser.contexts:
            context.close()
    ledger.redis.close()
