"""An operator's day, in a real browser, over real workers and the sandbox."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.rate import parse_rate
from ledger.settings import Settings
from tests.acceptance.installation import Installation
from tests.browser.conftest import Watched, sign_in, start
from tests.integration.producers.web.serving import serving

__all__: list[str] = []

#: Calls a second: enough to be over soon, few enough to be stopped on the way.
RATE = "30/second"
ROWS = 240
PEOPLE = "receiver_id,name\n" + "".join(f"ou_{n},Person {n}\n" for n in range(ROWS - 1)) + "ou_cut1,Cut\n"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    options = ("--demo", "--rate", "unlimited")
    with Installation(tmp_path_factory.mktemp("site"), sandbox=options, workers=1, DESKBELL_RATE=RATE) as running:
        yield running


@pytest.fixture
def url(installation: Installation) -> Iterator[str]:
    settings = Settings(data_dir=installation.folder / "data", rate=parse_rate(RATE), _env_file=None)
    with serving(settings) as served:
        yield served


@pytest.fixture
def page(url: str, browser: Browser, watched: Watched) -> Iterator[Page]:
    context = browser.new_context(base_url=url, locale="en", accept_downloads=True)
    context.set_default_timeout(20_000)
    expect.set_options(timeout=20_000)
    watched.watch(context)
    yield context.new_page()
    context.close()


def test_an_operator_announces_steers_settles_and_leaves(installation: Installation, page: Page) -> None:
    _, secret = ApiKeys(installation.ledger).create(
        "mia", frozenset({Scope.OPERATE, Scope.ANNOUNCE}), None, None, "test"
    )
    page.goto("/console/announcements/new")
    sign_in(page, secret)

    propose(page, "Office move", "Dear {{ name }}, we move on Friday.")
    expect(page.locator(".samples")).to_contain_text("Dear Person 0, we move on Friday.")
    assert list(installation.ledger.announcements.newest()) == []
    start(page, ROWS)
    expect(page.locator("#count-delivered, .how-far").first).to_be_visible()

    [move] = installation.ledger.announcements.newest()
    assert [did for _, _, did in move.acts] == ["draft", "start"]
    watch_the_bar_move(page)
    confirm(page, "Pause")
    expect(page.locator("#do-resume")).to_be_visible()
    confirm(page, "Resume")
    expect(page.locator(".how-far")).to_contain_text("100 %")
    expect(page.locator("#count-unknown")).to_contain_text("1")

    resolve_the_unknown_one(page)
    assert installation.ledger.announcements.get(move.id).ended == "complete"
    assert states_in(export_of(page, move.id)) == {"delivered"}

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/console/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    acts = [(act[1], act[2]) for act in installation.ledger.announcements.get(move.id).acts]
    assert acts == [("key mia", did) for did in ("draft", "start", "pause", "resume")]


def propose(page: Page, name: str, text: str) -> None:
    page.get_by_label("Recipients").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": PEOPLE.encode()}
    )
    page.get_by_label("Name").fill(name)
    page.get_by_label("Text").fill(text)
    page.get_by_role("button", name="Preview").click()


def watch_the_bar_move(page: Page) -> None:
    """Nobody reloads the page: its stream does it."""
    bar = page.locator(".standing + .progress .fill.delivered")
    bar.wait_for(state="attached")
    before = bar.get_attribute("width")
    expect(bar).not_to_have_attribute("width", before or "")


def confirm(page: Page, verb: str) -> None:
    page.get_by_role("button", name=f"{verb}…", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name=verb, exact=True).click()


def resolve_the_unknown_one(page: Page) -> None:
    page.get_by_role("navigation").get_by_role("link", name="Needs you").click()
    settle_ticked(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Taken back: 1 maybe sent, as before.")).to_be_visible()
    settle_ticked(page)
    expect(page.get_by_text("Nothing needs you.")).to_be_visible()
    expect(page.locator(".settlement")).to_have_count(0, timeout=60_000)
    expect(page.get_by_text("This page has changed.")).to_be_hidden()


def settle_ticked(page: Page) -> None:
    """By the keyboard."""
    button = page.locator("[data-needs-ticks]")
    expect(button).to_be_disabled()
    page.locator(".settle input[name=id]").focus()
    page.keyboard.press("Space")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Settle what is ticked: 1")
    dialog.get_by_role("button", name="It arrived").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 maybe sent: it arrived.")).to_be_visible()


def export_of(page: Page, id: str) -> list[dict[str, str]]:
    page.goto(f"/console/announcements/{id}")
    with page.expect_download() as download:
        page.locator("#do-more").click()
        page.get_by_role("link", name="Export CSV").click()
    content = Path(download.value.path()).read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert len(rows) == ROWS
    return rows


def states_in(rows: list[dict[str, str]]) -> set[str]:
    return {row["state"] for row in rows}
