"""The charts of a desk over an hour, a day and seven days: what is drawn, told and refused, in both languages."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ledger.ledger import Ledger
from ledger.quarters import QUARTER_MS
from ledger.redis_clock import time_ms
from ledger.settings import Settings
from tests.browser.scenery import Scenery
from tests.integration.console.console_visitor import Visitor
from tests.integration.console.test_live import stream
from tests.integration.producers.web.serving import serving

__all__: list[str] = []

CAPTIONS = {
    ("en", "1h"): "Last hour",
    ("en", "24h"): "Last 24 hours",
    ("en", "7d"): "Last 7 days",
    ("zh-CN", "1h"): "最近一小时",
    ("zh-CN", "24h"): "最近 24 小时",
    ("zh-CN", "7d"): "最近 7 天",
}
COLUMNS = {"1h": 60, "24h": 96, "7d": 168}
HOUR_MS = 4 * QUARTER_MS


@pytest.fixture
def url(scenery: Scenery) -> Iterator[str]:
    with serving(scenery.ledger.settings) as served:
        yield served


class Charts:
    """Of one page: the columns by when they began, and the texts."""

    def __init__(self, page: str) -> None:
        self.page = page

    def of(self, desk: str) -> dict[int, tuple[list[int] | None, bool]]:
        found = re.search(rf'id="moment-{desk}".*?data-values="(.*?)" data-names', self.page, re.DOTALL)
        assert found, "no chart"
        values: list[tuple[int, list[int] | None, bool]] = json.loads(html.unescape(found[1]))
        return {at_ms: (counts, is_partial) for at_ms, counts, is_partial in values}

    def label(self, desk: str) -> str:
        """What a screen reader says of the drawing."""
        before = self.page.partition(f'id="moment-{desk}"')[0]
        return re.findall(r'role="img" aria-label="([^"]*)"', before)[-1]


def charts(visitor: Visitor, span: str) -> Charts:
    visitor.look(f"/?span={span}")
    return Charts(visitor.page.text)


def keep(ledger: Ledger, desk: str, quarters: dict[int, dict[str, int]]) -> None:
    ledger.redis.hset(
        ledger.keys.quarters(desk), mapping={str(number): json.dumps(counts) for number, counts in quarters.items()}
    )


def last_over(ledger: Ledger) -> int:
    return time_ms(ledger.redis.time()) // QUARTER_MS - 1


@pytest.mark.parametrize(("language", "span"), CAPTIONS)
def test_each_span_has_its_columns_and_says_so_in_both_languages(
    url: str, scenery: Scenery, language: str, span: str
) -> None:
    visitor = Visitor(url, language).sign_in(scenery.operator)
    found = charts(visitor, span)
    assert len(found.of("default")) == len(found.of("hr")) == COLUMNS[span]
    assert f"<span>{CAPTIONS[language, span]}</span>" in found.page
    assert [other for other in CAPTIONS.values() if f"<span>{other}</span>" in found.page] == [CAPTIONS[language, span]]
    links = re.findall(r'<a href="/console/\?span=(\w+)"( aria-current="page")?>', found.page)
    assert links == [(each, ' aria-current="page"' if each == span else "") for each in COLUMNS]
    assert len(found.page) < 60_000


def test_without_a_span_it_is_the_last_hour(url: str, scenery: Scenery) -> None:
    visitor = Visitor(url).sign_in(scenery.operator)
    visitor.look("/")
    assert len(Charts(visitor.page.text).of("default")) == 60
    assert '<a href="/console/" aria-current="page">Now</a>' in visitor.page.text
    assert '<a href="/console/" aria-current="page">Now</a>' in visitor.look("/?span=24h")


@pytest.mark.parametrize("wrong", ["2h", "24H", "1h,7d", "span"])
def test_a_span_that_there_is_not_is_refused_in_the_language_of_the_page(
    url: str, scenery: Scenery, wrong: str
) -> None:
    for language, said in (("en", "span: must be one of 1h, 24h, 7d"), ("zh-CN", "span：应为 1h, 24h, 7d 之一")):
        visitor = Visitor(url, language).sign_in(scenery.operator)
        for path in ("/", "/live/now"):
            answer = visitor.session.get(f"{visitor.url}{path}", params={"span": wrong}, timeout=60)
            assert (answer.status_code, said in html.unescape(answer.text)) == (422, True), answer.text


def test_a_day_tells_a_zero_from_what_is_not_known_and_ends_with_the_minutes(url: str, scenery: Scenery) -> None:
    last = last_over(scenery.ledger)
    keep(scenery.ledger, "default", {last - 5: {"delivered": 40, "failed": 2, "expired": 3}, last - 6: {}})
    found = charts(Visitor(url).sign_in(scenery.operator), "24h")
    columns = found.of("default")
    assert columns[(last - 5) * QUARTER_MS] == ([40, 0, 0, 2], False)
    assert columns[(last - 6) * QUARTER_MS] == ([0, 0, 0, 0], False)
    assert columns[(last - 7) * QUARTER_MS] == (None, False)
    *_, (latest_ms, (latest, _)) = columns.items()
    minutes = (scenery.now_ms - latest_ms) // 60_000 + 1
    assert latest is not None
    assert latest[0] >= 80 * min(minutes, 1), "the quarter that is not over comes from its minutes"
    unknown = sum(counts is None for counts, _ in columns.values())
    assert unknown in (92, 93)  # the one before may not be added up yet
    assert f"Not known: {unknown} of 96 quarter-hours" in found.label("default")
    assert 'class="unknown-time"' in found.page


def test_seven_days_tell_which_hours_are_known_in_part(url: str, scenery: Scenery) -> None:
    ledger = scenery.ledger
    first = time_ms(ledger.redis.time()) // HOUR_MS * 4 - 4 * 48  # of an hour two days ago
    keep(ledger, "default", {first + n: {"delivered": 10, "rerouted": n} for n in range(4)})
    keep(ledger, "default", {first + 4: {"deferred": 1}, first + 6: {}})
    found = charts(Visitor(url, "zh-CN").sign_in(scenery.operator), "7d")
    columns = found.of("default")
    assert columns[first * QUARTER_MS] == ([40, 6, 0, 0], False)
    assert columns[(first + 4) * QUARTER_MS] == ([0, 0, 1, 0], True)
    assert columns[(first + 8) * QUARTER_MS] == (None, False)
    assert "无数据或只有部分数据：" in found.label("default")
    assert 'data-unknown="无数据"' in found.page


def test_a_damaged_quarter_is_a_gap_and_the_page_is_there(url: str, scenery: Scenery) -> None:
    ledger, last = scenery.ledger, last_over(scenery.ledger)
    ledger.redis.hset(ledger.keys.quarters("default"), mapping={str(last - 9): "{", "x": "{}", str(last - 8): "{}"})
    columns = charts(Visitor(url).sign_in(scenery.operator), "24h").of("default")
    assert columns[(last - 9) * QUARTER_MS] == (None, False)
    assert columns[(last - 8) * QUARTER_MS] == ([0, 0, 0, 0], False)


def test_what_is_known_of_the_hour_is_whole(url: str, scenery: Scenery) -> None:
    found = charts(Visitor(url).sign_in(scenery.operator), "1h")
    assert "unknown-time" not in found.page
    assert "Not known" not in found.label("default")


def test_each_span_is_kept_up_to_date_as_it_was_opened(url: str, scenery: Scenery) -> None:
    last = last_over(scenery.ledger)
    keep(scenery.ledger, "default", {last - 5: {"failed": 123}})
    visitor = Visitor(url).sign_in(scenery.operator)
    [path] = re.findall(r'sse-connect="/console/live/([^"]+)"', visitor.look("/?span=24h"))
    with stream(visitor, path) as day, stream(visitor, "now") as hour, stream(visitor, "now?span=7d") as week:
        assert ",[0,0,0,123],false]" in day.until("desks", "Last 24 hours")
        assert "[0,0,0,123]" not in hour.until("desks", "Last hour")
        assert "[0,0,0,123]" in week.until("desks", "Last 7 days")


@pytest.mark.parametrize("span", COLUMNS)
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_desk_of_which_nothing_is_known_has_its_chart(empty_valkey: Settings, span: str, language: str) -> None:
    with serving(empty_valkey) as url:
        found = charts(Visitor(url, language), span)
    columns = found.of("default")
    known: list[Any] = [counts for counts, _ in columns.values() if counts is not None]
    assert known == [[0, 0, 0, 0]] * len(known)
    assert len(known) == 60 if span == "1h" else len(known) in (1, 2)
    assert '<path class="delivered"' not in found.page
