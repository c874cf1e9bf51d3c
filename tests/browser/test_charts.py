"""The charts of a desk: another span by a link, and the values by pointing, touch and keys."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from ledger.quarters import QUARTER_MS
from ledger.tally import MINUTE_MS
from tests.browser.conftest import Place
from tests.browser.test_pages import PHONE, serious_problems

__all__: list[str] = []

SPANS = {"1 h": ("1h", 60), "24 h": ("24h", 96), "7 d": ("7d", 168)}


def now_page(place: Place, span: str = "1h", **options: Any) -> Page:
    return place.visitor(place.scenery.operator, f"/console/?span={span}", timezone_id="UTC", **options)


def slider(page: Page, desk: str = "default") -> Locator:
    return page.locator(f"#moment-{desk}")


def told(page: Page, desk: str = "default") -> Locator:
    """What stands below the chart."""
    return page.locator(".chart", has=page.locator(f"#moment-{desk}")).locator(".at-moment")


def point(page: Page, share: float, how: str = "mouse") -> None:
    """At a place of the drawing, from 0 at its left to 1."""
    drawing = page.locator(".chart svg").first
    # Asked in one step, since the drawing is replaced once a second.
    width = page.evaluate("document.querySelector('.chart svg').getBoundingClientRect().width")
    act = drawing.tap if how == "touch" else drawing.hover
    act(position={"x": width * share, "y": 50})


def at(text: str) -> datetime:
    """The moment that a text of the longer spans begins with."""
    found = re.match(r"(\w+ \d+, \d{4}, \d\d:\d\d:\d\d [AP]M) UTC: ", text)
    assert found, text
    return datetime.strptime(found[1], "%b %d, %Y, %I:%M:%S %p").replace(tzinfo=UTC)


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_a_minute_is_read_by_pointing_and_by_touch(place: Place, how: str) -> None:
    page = now_page(place, has_touch=how == "touch")
    expect(told(page)).to_have_text("")
    point(page, 10.5 / 60, how)
    expect(slider(page)).to_have_value("10")
    expect(told(page)).to_have_text(
        re.compile(r"^\d\d:\d\d:00 [AP]M UTC: delivered \d+, rerouted \d+, deferred \d, failed")
    )
    first = told(page).inner_text()
    expect(slider(page)).to_have_attribute("aria-valuetext", first)
    point(page, 30.5 / 60, how)
    expect(slider(page)).to_have_value("30")
    assert told(page).inner_text() != first
    expect(told(page, "hr")).to_have_text("")


def test_what_is_told_of_a_minute_is_what_was_counted(place: Place) -> None:
    page = now_page(place)
    slider(page).focus()
    page.keyboard.press("Home")
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    expect(slider(page)).to_have_value("20")
    time, _, counts = told(page).inner_text().partition(" UTC: ")
    last = place.scenery.now_ms // MINUTE_MS
    [key] = [
        place.scenery.ledger.keys.tally_minute("default", str(minute))
        for minute in range(last - 59, last + 1)
        if f"{datetime.fromtimestamp(minute * 60, UTC):%I:%M:%S %p}" == time
    ]
    counted = {name.decode(): int(n) for name, n in place.scenery.ledger.redis.hgetall(key).items()}
    names = ("delivered", "rerouted", "deferred", "failed")
    assert counts == ", ".join(f"{name} {counted.get(name, 0)}" for name in names)


def test_the_arrow_keys_go_to_each_end_and_what_is_drawn_anew_keeps_the_moment(own_place: Place) -> None:
    page = now_page(own_place, "24h")
    slider(page).focus()
    page.keyboard.press("End")
    expect(slider(page)).to_have_value("95")
    page.keyboard.press("ArrowLeft")
    expect(slider(page)).to_have_value("94")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    expect(slider(page)).to_have_value("0")
    before = told(page).inner_text()
    page.evaluate("document.querySelector('.facts').dataset.old = 'true'")
    own_place.scenery.deliver(54)  # the desk's part is replaced
    expect(page.locator(".facts[data-old]")).to_have_count(0)
    expect(slider(page)).to_have_value("0")
    expect(slider(page)).to_be_focused()
    assert told(page).inner_text() == before


def test_the_span_is_switched_by_its_links_and_each_has_its_values(place: Place) -> None:
    page = now_page(place)
    spans = page.get_by_role("navigation", name="How long the charts look back")
    for name, (span, columns) in SPANS.items():
        spans.get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_url(re.compile(rf"/console/\?span={span}$"))
        expect(spans.locator("[aria-current=page]")).to_have_text(name)
        expect(slider(page)).to_have_attribute("max", str(columns - 1))
        expect(page.get_by_role("link", name="Now", exact=True)).to_have_attribute("aria-current", "page")
        point(page, 0.999)
        expect(slider(page)).to_have_value(str(columns - 1))
        expect(told(page)).to_contain_text("delivered")
        point(page, 0.001)
        expect(slider(page)).to_have_value("0")


def test_a_day_and_seven_days_tell_zeros_gaps_and_parts(place: Place) -> None:
    last = place.scenery.now_ms // QUARTER_MS - 1
    page = now_page(place, "24h")
    texts = texts_of(page, 96)
    by_quarter = {round(at(text).timestamp() * 1000) // QUARTER_MS: text.partition(" UTC: ")[2] for text in texts}
    assert {by_quarter[last - ago] for ago in range(30, 42)} == {"not known"}
    assert by_quarter[last - 29].startswith("delivered ")
    page.goto("/console/?span=7d")
    texts = texts_of(page, 168)
    assert texts[0].endswith("UTC: not known")
    assert [text for text in texts if text.endswith("(in part, the rest is not known)")]
    assert [text for text in texts if text.endswith("delivered 0, rerouted 0, deferred 0, failed 0")]


def texts_of(page: Page, columns: int) -> list[str]:
    """What is told of each column, from the first to the last. Keys and pointing have tests of their own."""
    texts = """columns => Array.from({ length: columns }, (_, at) => {
        const slider = document.querySelector("#moment-default");
        slider.value = at;
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        return slider.closest(".chart").querySelector(".at-moment").innerText;
    })"""
    return list(page.evaluate(texts, columns))


def test_the_span_is_switched_by_the_keyboard_and_without_scripts(place: Place) -> None:
    page = now_page(place, java_script_enabled=False)
    link = page.get_by_role("link", name="7 d", exact=True)
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator("figcaption").first).to_contain_text("Last 7 days")
    expect(slider(page)).to_be_hidden()
    expect(page.locator(".chart svg").first).to_have_attribute(
        "aria-label",
        re.compile(r"^Notifications by the hour in the last 7 days, [\d,]+ in total\. Not known, or only in part"),
    )


def test_another_language_keeps_the_span(place: Place) -> None:
    page = now_page(place, "7d")
    page.get_by_role("button", name="中文").click()
    expect(page).to_have_url(re.compile(r"\?span=7d"))
    expect(page.locator("figcaption").first).to_contain_text("最近 7 天")
    slider(page).focus()
    page.keyboard.press("Home")
    expect(told(page)).to_have_text(re.compile("：无数据$"))
    page.keyboard.press("End")
    expect(told(page)).to_have_text(re.compile(r"：已送达 \d+，已改发单聊 \d+，"))


SCREENS: list[dict[str, Any]] = [{}, {"color_scheme": "dark"}, PHONE]


@pytest.mark.parametrize(
    "options",
    [{**PHONE, "locale": "zh-CN"}, *(pytest.param(each, marks=pytest.mark.slow) for each in SCREENS)],
    ids=str,
)
def test_each_span_is_accessible_and_fits_the_screen(place: Place, options: dict[str, Any]) -> None:
    page = place.visitor(place.scenery.operator, "/console/needs", **{"timezone_id": "UTC", **options})
    problems, widths = [], {}
    for span, _ in SPANS.values():
        page.goto(f"/console/?span={span}")
        expect(page.locator(".spans a[aria-current]")).to_be_visible()
        problems += serious_problems(page)
        widths[span] = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert problems == []
    assert max(widths.values()) <= 0, widths
