"""A key and a sign-in link are made in a real browser; whoever gets the link signs in with it, once."""

import pytest
from playwright.sync_api import Browser, expect

from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.browser.conftest import Watched
from tests.integration.producers.web.serving import serving

__all__: list[str] = []


@pytest.mark.parametrize("language", ["zh-CN", pytest.param("en", marks=pytest.mark.slow)])
def test_a_key_is_made_and_its_link_signs_somebody_in(
    empty_valkey: Settings, browser: Browser, watched: Watched, language: str
) -> None:
    _, secret = ApiKeys(Ledger(empty_valkey)).create("boss", frozenset(Scope), None, None, "test")
    with serving(empty_valkey) as url:
        admins, guests = (browser.new_context(base_url=url, locale=language) for _ in range(2))
        watched.watch(admins)
        watched.watch(guests)
        page, guest = admins.new_page(), guests.new_page()
        page.goto("/console/sign-in?next=/keys")
        page.locator("input[name=key]").fill(secret)
        page.locator("main button.primary").click()
        page.locator("input[name=name]").fill("hr-team")
        page.locator("input[value=read]").check()
        page.locator("main form.stack button.primary").click()
        expect(page.locator("#made code")).to_contain_text("dbk_")
        page.locator("tr", has_text="hr-team").locator("form button").click()
        expect(page.locator("#made code")).to_contain_text(f"{url}/console/sign-in/link?token=")
        link = page.locator("#made code").inner_text()
        guest.goto(link)
        expect(guest.locator("main")).to_contain_text("hr-team")
        guest.locator("main button.primary").click()
        expect(guest.locator(".who")).to_contain_text("hr-team")
        admins.close()
        guests.close()
    assert watched.complaints == []
