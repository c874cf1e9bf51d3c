"""An open page: it greys when there is no news, says why, and goes on by itself."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ledger.vitals import UNSERVED_MS
from tests.acceptance.installation import Installation
from tests.acceptance.web_process import WebProcess
from tests.browser.conftest import Watched

__all__: list[str] = []

#: A page greys after 3 s, and its stream ends after the 4 s of one answer; others need the processor too, ms.
PATIENCE_MS = 30_000


@pytest.fixture
def shown(tmp_path: Path, browser: Browser, watched: Watched) -> Iterator[tuple[Installation, Page]]:
    with Installation(tmp_path, workers=0) as installation, WebProcess(tmp_path, installation.environment) as web:
        context = browser.new_context(base_url=web.url, locale="en")
        watched.watch(context)
        page = context.new_page()
        page.goto("/console/")
        expect(page.locator(".live")).to_have_text("Live", timeout=PATIENCE_MS)
        yield installation, page
        context.close()
    # htmx says so of a stream that was cut.
    watched.complaints = [each for each in watched.complaints if each != "error: [object Event]"]


def test_a_page_whose_redis_is_frozen_says_since_when_it_knows_nothing(shown: tuple[Installation, Page]) -> None:
    installation, page = shown
    pid = installation.valkey.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        expect(page.locator("body")).to_have_class("stale", timeout=PATIENCE_MS)
        assert page.locator(".live").inner_text().startswith("No data since ")
        expect(page.locator('[data-condition="redis_away"]')).to_be_visible(timeout=PATIENCE_MS)
    finally:
        os.kill(pid, signal.SIGCONT)
    expect(page.locator(".live")).to_have_text("Live", timeout=PATIENCE_MS)
    expect(page.locator("body")).not_to_have_class("stale")
    expect(page.locator('[data-condition="redis_away"]')).to_have_count(0)


def test_a_condition_comes_and_goes_on_an_open_page(shown: tuple[Installation, Page]) -> None:
    installation, page = shown
    keys, redis = installation.ledger.keys, installation.ledger.redis
    installation.accept("ou_ada")
    redis.zincrby(keys.desks, -UNSERVED_MS, "default")
    expect(page.locator('[data-condition="no_worker"]')).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(".badge")).to_have_text("1")
    page.get_by_role("link", name="Runbook").click()
    expect(page.locator("#deskbellnoworkers")).to_be_in_viewport()
    page.go_back()
    installation.start_worker()
    expect(page.locator('[data-condition="no_worker"]')).to_have_count(0, timeout=4 * PATIENCE_MS)
