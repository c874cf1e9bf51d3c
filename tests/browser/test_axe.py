"""axe finds nothing on any page of the router: in the light and the dark, on a desk and a phone, in both languages."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import redis
from playwright.sync_api import Browser, Page
from starlette.routing import Route

from console.app import page_routes
from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.ledger import Ledger
from ledger.settings import Settings
from ledger.sign_in_links import SignInLinks
from ledger.states import State
from tests.browser.conftest import Watched
from tests.browser.scenery import CARD, DESKS, Scenery
from tests.browser.test_pages import violations
from tests.integration.producers.web.serving import serving
from tests.integration.producers.web.web_thread import with_files

__all__: list[str] = []

HOOKS = '[hook.grafana]\nuse = "grafana"\nto = "ou_ada"\n'
#: Each value of a pair stands with each of the others, in four visits instead of eight.
VISITS = [("en", "light", 1440), ("zh-CN", "dark", 1440), ("en", "dark", 390), ("zh-CN", "light", 390)]
#: Answers that are no pages: streams, files, and parts of pages, which are looked at within them.
NO_PAGES = ("/live/", "/export.", "/failures", "/tests")


@dataclass
class Site:
    url: str
    scenery: Scenery
    admin: str
    link: str


@pytest.fixture
def site(empty_valkey: Settings, tmp_path: Path) -> Iterator[Site]:
    settings = Settings(data_dir=empty_valkey.data_dir, feishu_url="http://127.0.0.1:9", _env_file=None)
    settings = with_files(settings, tmp_path, desks=DESKS, hooks=HOOKS)
    ledger = Ledger(settings)
    scenery = Scenery(ledger, scale=10)
    scenery.build()
    keys = ApiKeys(ledger)
    boss, secret = keys.create("boss", frozenset(Scope), None, None, "test")
    link = SignInLinks(ledger, keys).make(boss.id, "test", None)
    with serving(settings) as url:
        yield Site(url, scenery, secret, link.url(""))
    ledger.redis.close()


def findings(page: Page, path: str) -> list[str]:
    return [
        f"{path} {each['id']} ({each['impact']}): {node['html'][:160]}"
        for each in violations(page)
        for node in each["nodes"][:3]
    ]


def make_draft(page: Page) -> str:
    page.goto("/console/announcements/new")
    page.locator("input[name=recipients]").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": b"receiver_id,name,desk\nou_1,Ada,6-1\nou_2,Bob,6-2\n"}
    )
    page.locator("input[name=message]").set_input_files(
        {"name": "move.json", "mimeType": "application/json", "buffer": json.dumps(CARD).encode()}
    )
    page.locator("form.panel button.primary").click()
    page.locator("#do-start").wait_for()
    return page.url.rpartition("/")[2].partition("?")[0]


def is_page(route: Route) -> bool:
    return "GET" in (route.methods or ()) and not any(part in route.path for part in NO_PAGES)


def paths_of(site: Site, draft: str) -> dict[str, list[str]]:
    """Pages for each route; a route that is not here fails the test."""
    ledger, move = site.scenery.ledger, site.scenery.move
    [unknown, *_] = ledger.announcements.numbers_in(move, State.UNKNOWN)
    rerouted = next(row.id for row in ledger.announcements.rows(move) if len(row.progress.attempts) > 1)
    return {
        "/": ["/", "/?span=24h", "/?span=7d"],
        "/announcements/people": ["/announcements/people"],
        "/announcements/new": ["/announcements/new"],
        "/announcements/{id}/edit": [f"/announcements/{draft}/edit"],
        "/announcements": ["/announcements"],
        "/announcements/{id}": [f"/announcements/{move}", f"/announcements/{draft}", "/announcements/a_none"],
        "/announcements/{id}/rows": [f"/announcements/{move}/rows", f"/announcements/{move}/rows?state=unknown"],
        "/notifications": ["/notifications", "/notifications?state=unknown", "/notifications?key=nobody"],
        "/find": ["/find", "/find?text=Person"],
        "/notifications/{id}": [f"/notifications/{unknown}", f"/notifications/{rerouted}", "/notifications/n_none"],
        "/needs": ["/needs"],
        "/hooks": ["/hooks"],
        "/hooks/{name}": ["/hooks/grafana"],
        "/keys": ["/keys"],
        "/runbook": ["/runbook"],
        "/docs/{name}": ["/docs/console", "/docs/for-hr", "/docs/http", "/docs/drafts"],
    }


@contextmanager
def visiting(
    site: Site, browser: Browser, watched: Watched, language: str, scheme: Any, width: int
) -> Iterator[tuple[Page, dict[str, list[str]]]]:
    """A page that is signed in, and what there is to see, by route."""
    context = browser.new_context(
        base_url=site.url, locale=language, color_scheme=scheme, viewport={"width": width, "height": 900}
    )
    context.set_default_timeout(30_000)
    watched.watch(context)
    page = context.new_page()
    page.goto("/console/sign-in")
    page.locator("input[name=key]").fill(site.admin)
    page.locator("main button.primary").click()
    page.locator(".who").wait_for()
    paths = paths_of(site, make_draft(page))
    routes = {route.path for route in page_routes() if is_page(route)}
    assert routes == paths.keys() | {"/sign-in", "/sign-in/link"}
    yield page, paths
    context.close()


def before_signing_in(site: Site, browser: Browser, watched: Watched, **options: Any) -> list[str]:
    context = browser.new_context(base_url=site.url, **options)
    watched.watch(context)
    page = context.new_page()
    found: list[str] = []
    for path in ("/console/sign-in", site.link, "/console/sign-in/link?token=none", "/console/nowhere"):
        page.goto(path)
        found += findings(page, path)
    context.close()
    return found


def found_on(page: Page, paths: Iterable[str], width: int, looks: Callable[[Page, str], list[str]]) -> list[str]:
    """By a look at each page, and by its width."""
    found: list[str] = []
    for path in paths:
        page.goto(f"/console{path}")
        found += looks(page, path)
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            found.append(f"{path} is {wide} wide")
    return found


def found_in_menus(page: Page, site: Site) -> list[str]:
    found = []
    for opener in ("#do-settle", "#do-more"):
        page.goto(f"/console/announcements/{site.scenery.move}")
        page.locator(opener).click()
        found += findings(page, opener)
    return found


def test_axe_finds_nothing_on_a_page_of_each_route(site: Site, browser: Browser, watched: Watched) -> None:
    with visiting(site, browser, watched, "en", "light", 1440) as (page, paths):
        found = found_on(page, (of_route[0] for of_route in paths.values()), 1440, findings)
        found += found_in_menus(page, site)
    found += before_signing_in(site, browser, watched, locale="en")
    assert not found, "\n".join(found)


def test_each_page_is_silent_and_fits_a_phone_in_chinese(site: Site, browser: Browser, watched: Watched) -> None:
    with visiting(site, browser, watched, "zh-CN", "light", 390) as (page, paths):
        found = found_on(page, chain.from_iterable(paths.values()), 390, lambda page, path: [])
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("language", "scheme", "width"), VISITS)
def test_axe_finds_nothing_on_any_page(
    site: Site, browser: Browser, watched: Watched, language: str, scheme: Any, width: int
) -> None:
    screen: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    with visiting(site, browser, watched, language, scheme, width) as (page, paths):
        found = found_on(page, chain.from_iterable(paths.values()), width, findings)
        found += found_in_menus(page, site)
    found += before_signing_in(site, browser, watched, locale=language, **screen)
    assert not found, "\n".join(found)


def test_axe_finds_nothing_where_redis_is_away(browser: Browser, watched: Watched) -> None:
    settings = Settings(redis_url="redis://127.0.0.1:9/0", _env_file=None)
    with pytest.raises(redis.ConnectionError):
        Ledger(settings).redis.ping()
    with serving(settings) as url:
        context = browser.new_context(base_url=url, locale="en")
        watched.watch(context)
        page = context.new_page()
        page.goto("/console/")
        assert re.search("503", page.locator("h1").inner_text())
        found = findings(page, "503")
        context.close()
    assert found == []
