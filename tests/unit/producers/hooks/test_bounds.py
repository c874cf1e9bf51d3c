"""What one post to a hook may cost: work, notifications and bytes are bounded for all of its items together."""

import gzip
import zlib
from pathlib import Path

import pytest

from ledger.errors import BadInput
from producers.hooks.hook import MOST_ITEMS
from producers.hooks.payload import Cut, JsonObject
from producers.hooks.template_context import TemplateContext
from tests.unit.producers.hooks.hook_cases import a_hook, incoming, with_headers

EACH = 'for_each = "payload.items"'


def test_the_items_of_one_post_share_the_work_of_a_few_texts(tmp_path: Path) -> None:
    """Each text alone would be allowed."""
    hook = a_hook(tmp_path, EACH, 'text = "{{ payload.text|upper|lower|title|capitalize|upper|lower }}"')
    body = {"items": [{}], "text": "é" * 20_000}
    assert len(hook.render(incoming(body)).notifications) == 1
    with pytest.raises(BadInput, match="needs too much work for one request"):
        hook.render(incoming({**body, "items": [{}] * MOST_ITEMS}))


def test_a_post_before_that_took_too_much_takes_nothing_from_the_next(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, EACH, 'text = "{{ payload.text|upper|lower|title|capitalize|upper|lower }}"')
    for _ in range(2):
        with pytest.raises(BadInput):
            hook.render(incoming({"items": [{}] * MOST_ITEMS, "text": "é" * 20_000}))
    assert len(hook.render(incoming({"items": [{}], "text": "é" * 20_000})).notifications) == 1


def test_a_small_post_does_not_become_large_messages_to_many(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, EACH, 'to = "{{ payload.to }}"', 'text = "{{ payload.text }}"')
    body = {"items": [{}], "text": "é" * 20_000, "to": [f"ou_{number}" for number in range(100)]}
    assert len(hook.render(incoming(body)).notifications) == 100
    with pytest.raises(BadInput, match=r"hook.it: results in more than 8,388,608 bytes of messages"):
        hook.render(incoming({**body, "items": [{}] * 3}))


def test_what_is_behind_the_hundredth_item_is_not_looked_at(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, EACH, 'text = "x"')
    rendered = hook.render(incoming({"items": [*([{}] * MOST_ITEMS), 5]}))
    assert (len(rendered.notifications), rendered.skipped) == (MOST_ITEMS, 1)


def test_all_items_see_one_and_the_same_payload() -> None:
    posted = TemplateContext("it", "", {"list": [1, 2]}, {})
    first, second = (each.values()["payload"] for each in (posted.about("a"), posted.about("b")))
    assert first is second
    assert isinstance(first, JsonObject)
    assert posted.values(Cut(10))["payload"] is not first


def test_more_objects_than_a_template_can_need_are_refused_before_it_sees_them(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'text = "{{ payload.items|length }}"')
    assert len(hook.render(incoming({"items": [{}] * 990_000})).notifications) == 1
    assert len(hook.render(incoming({"items": ["[{" * 600_000]})).notifications) == 1
    for items in ([{}] * 1_000_001, [[[]]] * 500_000):
        with pytest.raises(BadInput, match="contains more than 1,000,000 objects and lists"):
            hook.render(incoming({"items": items}))
    with pytest.raises(BadInput, match="contains more than 2,500,000 values"):
        hook.render(incoming({"items": [1] * 2_500_002}))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (gzip.compress(b'{"text": "hi"}', mtime=0), "body: is compressed: switch compression off in its sender"),
        (zlib.compress(b'{"text": "hi"}'), "body: is compressed: switch"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><a>hi</a>', "body: is XML or HTML: have its sender post JSON"),
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--', "body: is a form with parts: set the"),
        (b'{"text": "h', "body: is not JSON in UTF-8 (line 1, column 10"),
    ],
)
def test_what_is_no_json_is_told_as_what_it_is(tmp_path: Path, body: bytes, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        a_hook(tmp_path, 'use = "generic"').render(with_headers(body, {"Content-Type": "application/json"}))
    assert str(caught.value).startswith(said)
