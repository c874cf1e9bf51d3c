"""Whatever a tool leaves out of its payload: the post is taken, and the text names what it is about."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from producers.hooks.hook import Hook
from producers.hooks.hook_file import ready_made
from producers.hooks.hook_request import HookRequest
from tests.few import TIMES
from tests.unit.producers.hooks.generated import TOOLS, Tool, without
from tests.unit.producers.hooks.hook_cases import a_hook, with_headers

__all__: list[str] = []

#: What Feishu takes for a text.
MOST_BYTES = 150 * 1024
TOKEN = "whsec_" + base64.b64encode(b"k" * 32).decode()
OF_TOOLS = pytest.mark.parametrize("tool", TOOLS, ids=[f"{tool.name} {at}" for at, tool in enumerate(TOOLS)])


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Hook]:
    return {use: a_hook(tmp_path_factory.mktemp(use), f'use = "{use}"') for use in ready_made()}


def texts_of(hook: Hook, posted: HookRequest) -> list[str]:
    texts = [str(each.message.content["text"]) for each in hook.render(posted).notifications]
    assert all(len(text.encode()) <= MOST_BYTES for text in texts)
    return texts


def assert_named(hooks: dict[str, Hook], tool: Tool, payload: dict[str, Any]) -> None:
    [text] = texts_of(hooks[tool.use], with_headers(payload, tool.headers))
    names = tool.names_in(payload)
    assert text.strip()
    assert not names or any(name in text for name in names), (names, text)
    assert not any(word in text for word in ("JsonObject", "JsonList", "None", "True", "False", "Undefined", "Absent"))


@pytest.mark.slow
@OF_TOOLS
def test_any_one_part_may_be_missing_null_or_empty(hooks: dict[str, Hook], tool: Tool) -> None:
    assert_named(hooks, tool, tool.payload)
    for path in tool.paths():
        for value in (..., None, "", [], {}):
            assert_named(hooks, tool, without(tool.payload, [(path, value)]))


@pytest.mark.slow
@OF_TOOLS
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_parts_may_be_missing_null_or_empty(hooks: dict[str, Hook], tool: Tool, data: st.DataObject) -> None:
    assert_named(hooks, tool, data.draw(tool.spoiled()))


@given(data=st.data())
def test_an_event_reads_alike_in_each_mode(hooks: dict[str, Hook], data: st.DataObject) -> None:
    [tool] = [each for each in TOOLS if each.use == "cloudevents"]
    event = data.draw(tool.spoiled())
    content = event.pop("data", ...)
    event = {name: value for name, value in event.items() if isinstance(value, str) and value.strip()}
    event["datacontenttype"] = "application/json"
    raw = b"" if content is ... else json.dumps(content).encode()
    binary = {f"ce-{name}": value for name, value in event.items() if name != "datacontenttype"}
    given = {} if content is ... else {"data": content}
    encoded = {} if content is ... else {"data_base64": base64.b64encode(raw).decode()}
    structured, batched = "application/cloudevents+json", "application/cloudevents-batch+json"
    [text] = texts_of(hooks["cloudevents"], with_headers({**event, **given}, {"Content-Type": structured}))
    assert texts_of(hooks["cloudevents"], with_headers({**event, **encoded}, {"Content-Type": structured})) == [text]
    assert texts_of(hooks["cloudevents"], with_headers(raw, {**binary, "Content-Type": "application/json"})) == [text]
    batch = [{**event, **given, "id": id} for id in ("1", "2", "3")]
    assert texts_of(hooks["cloudevents"], with_headers(batch, {"Content-Type": batched})) == [text] * 3


@pytest.mark.parametrize("family", ["webhook", "svix"])
@settings(max_examples=10 * TIMES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_svix_signs_is_taken(tmp_path: Path, family: str, data: st.DataObject) -> None:
    tool = data.draw(st.sampled_from([each for each in TOOLS if each.use in ("generic", "alertmanager")]))
    hook = a_hook(tmp_path, f'use = "{tool.use}"', 'signature = "standard-webhooks"', f'secret = "{TOKEN}"')
    payload = data.draw(tool.spoiled())
    now, raw = datetime.now(UTC), json.dumps(payload)
    signature = Webhook(TOKEN).sign("msg_1", now, raw)
    stamps = {"id": "msg_1", "timestamp": str(int(now.timestamp())), "signature": signature}
    posted = with_headers(raw.encode(), {f"{family}-{name}": value for name, value in stamps.items()})
    assert hook.signature_check is not None
    hook.signature_check.check(posted, now.timestamp())
    assert_named({tool.use: hook}, tool, payload)
