"""A payload with an odd part: the rest of it still arrives, and what was left out is told."""

from pathlib import Path
from typing import Any

import pytest

from ledger.errors import BadInput
from producers.hooks.hook import Hook, Rendered
from tests.few import few
from tests.unit.producers.hooks.hook_cases import a_hook, hooks_of, incoming, payload, text_of

__all__: list[str] = []

EACH = ('for_each = "payload.alerts"', 'text = "{{ item.labels.name }}"')


def made(hook: Hook, body: dict[str, Any]) -> tuple[Rendered, list[tuple[str, Any]]]:
    rendered = hook.render(incoming(body))
    return rendered, [(each.receiver_id, each.message.content["text"]) for each in rendered.notifications]


def alerts(*labels: object) -> dict[str, Any]:
    return {"alerts": [{"labels": each} if isinstance(each, dict) else each for each in labels]}


@pytest.mark.parametrize(
    ("odd", "problem"),
    [
        ({"name": "b", "owner": "team infra"}, "hook.it.to: "),
        ({"name": "b", "owner": 5}, "hook.it.to: must be an address or a list of them, not a number"),
        ({"owner": "ou_b"}, "hook.it.text.content.text: uses the field 'name', which a value does not have"),
        ({"name": "b"}, "hook.it.to: uses the field 'owner', which a value does not have"),
        (7, "hook.it.for_each: must be a list of objects or texts, not of a number"),
        (None, "hook.it.for_each: must be a list of objects or texts, not of null"),
    ],
)
def test_an_item_that_fails_is_skipped_and_told(tmp_path: Path, odd: object, problem: str) -> None:
    hook = a_hook(tmp_path, 'to = "{{ item.labels.owner }}"', *EACH)
    good = {"name": "a", "owner": "ou_a"}
    rendered, found = made(hook, alerts(good, odd, {**good, "name": "c"}))
    assert found == [("ou_a", "a"), ("ou_a", "c")]
    assert (rendered.skipped, rendered.lost) == (1, 1)
    assert (rendered.reason or "").startswith(problem)
    with pytest.raises(BadInput) as caught:
        hook.render(incoming(alerts(odd)))
    assert str(caught.value).startswith(problem)


def test_how_many_parts_failed_is_told(tmp_path: Path) -> None:
    rendered, _ = made(a_hook(tmp_path, *EACH), alerts({"name": "a"}, {}, {}))
    assert (rendered.reason or "").endswith("which a value does not have (and 1 more)")


def test_a_receiver_who_is_not_named_takes_nothing_from_the_others(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'to = ["ou_a", "{{ payload.guard }}", "{{ payload.list }}"]', 'text = "x"')
    rendered, found = made(hook, {"list": ["ou_b", "on the roof", "ou_c"]})
    assert [id for id, _ in found] == ["ou_a", "ou_b", "ou_c"]
    assert (rendered.reason or "").startswith("hook.it.to[1]: uses the field 'guard'")
    assert rendered.lost == 2
    assert (rendered.reason or "").endswith("(and 1 more)")


def test_a_condition_on_a_part_that_is_not_there_does_not_hold(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, "when = \"payload.repository.full_name == 'acme/lifts'\"", 'text = "x"')
    assert not hook.render(incoming({"zen": "calm", "organization": {"login": "acme"}})).notifications
    assert not hook.render(incoming({"repository": "odd"})).notifications
    assert hook.render(incoming({"repository": {"full_name": "acme/lifts"}})).notifications


def test_a_key_that_cannot_be_worked_out_keeps_no_message_back(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'key = "{{ payload.id }}"', 'text = "{{ payload.text }}"')
    first, again, other = (hook.render(incoming({"text": text})) for text in ("a", "a", "b"))
    assert first.notifications[0].key == again.notifications[0].key != other.notifications[0].key
    assert (first.reason or "").startswith("hook.it.key: uses the field 'id'")
    assert first.lost == 0
    items = a_hook(tmp_path, 'key = "{{ item.id }}"', *EACH)
    keys = {each.key for each in items.render(incoming(alerts({"name": "a"}, {"name": "b"}))).notifications}
    assert len(keys) == 2


def test_the_key_of_a_group_is_not_the_key_of_each_of_its_alerts(tmp_path: Path) -> None:
    """Else all of them but the first would be duplicates of it."""
    hook = a_hook(tmp_path, 'use = "alertmanager"', 'for_each = "payload.alerts"', 'text = "{{ item.status }}"')
    firing = payload("alertmanager_firing")
    keys = [each.key for each in hook.render(incoming(firing)).notifications]
    assert len(set(keys)) == 2
    assert keys == [each.key for each in hook.render(incoming(firing)).notifications]


def test_a_key_is_made_of_the_whole_of_a_long_text(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'key = "{{ payload.x }}"', 'text = "x"')
    keys = {hook.render(incoming({"x": "x" * 30_000 + end})).notifications[0].key for end in "ab"}
    assert len(keys) == 2


@pytest.mark.parametrize(
    "use", ["alertmanager", "grafana", "github", "gitlab", "sentry", "generic", "gitea", "forgejo"]
)
@pytest.mark.parametrize(
    ("body", "text"),
    few(
        [
            ({"ruleX": {"title": "Latency"}}, "it: Latency"),
            ({"title": " ", "text": "", "name": "Queue", "state": "down"}, "it: Queue (down)"),
            ({"deep": [{"er": {"summary": "Full", "html_url": "http://u"}}]}, "it: Full\nhttp://u"),
            ({"n": [True, None, 5]}, 'it: {"n":[true,null,5]}'),
            ({}, "it: {}"),
        ],
        one_in=5,
    ),
)
def test_what_a_ready_made_hook_cannot_read_arrives_as_a_plain_text(
    tmp_path: Path, use: str, body: dict[str, Any], text: str
) -> None:
    headers = {"x_github_event": "release", "sentry_hook_resource": "metric_alert"}
    change: dict[str, Any] = {"action": "published"} if use in ("github", "gitea", "forgejo") else {}
    change |= {"object_kind": "pipeline", "object_attributes": {"status": "failed"}} if use == "gitlab" else {}
    told = text_of(a_hook(tmp_path, f'use = "{use}"'), incoming({**body, **change}, **headers))
    if not change and use != "generic":
        assert told == text
    assert told.startswith("it: ") or use == "generic"


def test_an_own_text_of_a_ready_made_hook_falls_back_too_and_says_so(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'use = "alertmanager"', 'text = "{{ payload.commonAnnotations.summary }}"')
    rendered, found = made(hook, {"status": "firing", "alerts": [], "commonLabels": {"alertname": "DiskFull"}})
    assert found == [("ou_ada", "it: DiskFull (firing)")]
    assert (rendered.reason or "").endswith("a plain text was sent instead")
    not_ready = a_hook(tmp_path, 'text = "{{ payload.gone }}"')
    with pytest.raises(BadInput, match="uses the field 'gone'"):
        not_ready.render(incoming({}))


def test_a_plain_text_mentions_nobody_and_is_bounded(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'text = "{{ plain }}"')
    told = text_of(hook, incoming({"title": '<at user_id="all"></at>' + "x" * 100_000, "message": "y" * 100_000}))
    assert "<at" not in told
    assert len(told) < 2_000


def test_a_list_of_too_many_alerts_for_a_card_is_cut_and_told(tmp_path: Path) -> None:
    toml = """
        [hook.it]
        to = "ou_ada"
        [hook.it.message]
        msg_type = "interactive"
        [hook.it.message.content]
        elements = [{tag = "markdown", content = "{% for each in payload.alerts %}{{ each.s }}{% endfor %}"}]
    """
    rendered = hooks_of(tmp_path, toml)["it"].render(incoming({"alerts": [{"s": "磁盘空间不足" * 20}] * 400}))
    [notification] = rendered.notifications
    assert len(notification.message.wire_content().encode()) <= 30 * 1024
    assert "only the first 100 are shown" in (rendered.reason or "")


def test_a_loop_over_very_many_alerts_is_cut_and_told(tmp_path: Path) -> None:
    hook = a_hook(
        tmp_path, 'text = "{% for each in payload.alerts %}{{ each }},{% endfor %}{{ payload.alerts|length }}"'
    )
    rendered = hook.render(incoming({"alerts": list(range(3000))}))
    text = str(rendered.notifications[0].message.content["text"])
    assert text.endswith("3000")
    assert "only the first 100 are shown" in (rendered.reason or "")
