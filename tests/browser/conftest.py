"""A browser, and consoles for it to look at."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, StorageState

from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.embedded import EmbeddedValkey
from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.browser.chromium import chromium
from tests.browser.scenery import DESKS, Scenery
from tests.integration.producers.web.serving import serving
from tests.sandbox_company import company_running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


#: Chromium says the first of any answer above 399, also of those that a test provokes, and htmx the others of a request
#: that ends because its page is left. Of one that fails it says `htmx:sendError` as well.
EXPECTED = ("the server responded with a status", "htmx:sendAbort", "htmx:afterRequest")


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
        if message.type in ("error", "warning") and not any(each in message.text for each in EXPECTED):
            self.complaints.append(f"{message.type}: {message.text}")


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Fails the test when a page has complained, or has asked any other machine."""
    pages = Watched()
    yield pages
    assert pages.complaints == []
    assert pages.hosts <= {"127.0.0.1"}


@dataclass
class Site:
    """A console. `signed_in` has the cookies of each key that has signed in."""

    url: str
    browser: Browser
    watched: Watched
    signed_in: dict[str, StorageState]

    def visitor(self, secret: str = "", path: str = "/console/", **options: Any) -> Page:
        """This page, before a new visitor, signed in if there is a secret."""
        given = {"locale": "en", "storage_state": self.signed_in.get(secret), **options}
        context = self.browser.new_context(base_url=self.url, **given)
        context.set_default_timeout(15_000)
        self.watched.watch(context)
        page = context.new_page()
        if secret and secret not in self.signed_in:
            page.goto("/console/sign-in")
            page.locator("input[name=key]").fill(secret)
            page.locator("main button.primary").click()
            page.locator(".who").wait_for()
            self.signed_in[secret] = context.storage_state()
        page.goto(path)
        return page


@dataclass
class Place(Site):
    """With a lot in it."""

    scenery: Scenery


@dataclass
class Office(Site):
    """Of a small company, whom the sandbox has; `operator` and `reader` are keys of somebody there."""

    ledger: Ledger
    operator: str
    reader: str


def sign_in(page: Page, secret: str) -> None:
    page.get_by_label("API key").fill(secret)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def start(page: Page, rows: int) -> None:
    """Sends the draft that the page shows."""
    page.get_by_role("button", name=f"Send to {rows}…").click()
    page.get_by_role("dialog").get_by_role("button", name=f"Send to {rows}").click()


@contextmanager
def _site(valkey: Settings, folder: Path) -> Iterator[tuple[str, Scenery]]:
    (folder / "desks.toml").write_text(DESKS)
    settings = Settings(data_dir=valkey.data_dir, desks=folder / "desks.toml", _env_file=None)
    ledger = Ledger(settings)
    scenery = Scenery(ledger, scale=10)
    scenery.build()
    scenery.keep_quarters()
    with serving(settings) as url:
        yield url, scenery
    ledger.redis.close()


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Browser, Watched], Place]]:
    """One site for all tests of this process that leave it as it is, on a Valkey of its own."""
    folder = tmp_path_factory.mktemp("shown")
    valkey = Settings(data_dir=folder / "data", _env_file=None)
    signed_in: dict[str, StorageState] = {}
    with EmbeddedValkey(valkey), _site(valkey, folder) as (url, scenery):
        yield lambda browser, watched: Place(url, browser, watched, signed_in, scenery)


@pytest.fixture
def place(shown: Callable[[Browser, Watched], Place], browser: Browser, watched: Watched) -> Iterator[Place]:
    """For tests that look, or add something: others look at it, too."""
    found = shown(browser, watched)
    found.scenery.report_workers()
    yield found
    _close_all(browser)


@pytest.fixture
def own_place(empty_valkey: Settings, browser: Browser, watched: Watched, tmp_path: Path) -> Iterator[Place]:
    """Of the test alone."""
    with _site(empty_valkey, tmp_path) as (url, scenery):
        yield Place(url, browser, watched, {}, scenery)
        _close_all(browser)


@contextmanager
def _served_office(valkey: Settings, folder: Path) -> Iterator[Callable[[Browser, Watched], Office]]:
    with ExitStack() as closing:
        with pytest.MonkeyPatch.context() as variables:  # no other site is to read them
            variables.chdir(folder)
            closing.enter_context(company_running(valkey, variables))
            settings = Settings(data_dir=valkey.data_dir, _env_file=None)
        url, ledger = closing.enter_context(serving(settings)), Ledger(settings)
        closing.callback(ledger.redis.close)
        keys, signed_in = ApiKeys(ledger), dict[str, StorageState]()
        operator = keys.create("hr", frozenset({Scope.READ, Scope.ANNOUNCE}), None, None, "test")[1]
        reader = keys.create("look", frozenset({Scope.READ}), None, None, "test")[1]
        yield lambda browser, watched: Office(url, browser, watched, signed_in, ledger, operator, reader)


@pytest.fixture(scope="session")
def shared_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Browser, Watched], Office]]:
    """One for all tests of this process, on a Valkey of its own."""
    folder = tmp_path_factory.mktemp("office")
    valkey = Settings(data_dir=folder / "data", _env_file=None)
    with EmbeddedValkey(valkey), _served_office(valkey, folder) as office:
        yield office


@pytest.fixture
def office(shared_office: Callable[[Browser, Watched], Office], browser: Browser, watched: Watched) -> Iterator[Office]:
    """For tests to which it does not matter what others have announced."""
    yield shared_office(browser, watched)
    _close_all(browser)


@pytest.fixture
def own_office(empty_valkey: Settings, browser: Browser, watched: Watched, tmp_path: Path) -> Iterator[Office]:
    """Of the test alone."""
    with _served_office(empty_valkey, tmp_path) as made:
        yield made(browser, watched)
        _close_all(browser)


def _close_all(browser: Browser) -> None:
    for context in browser.contexts:
        context.close()
