"""The ready-made hooks: what each makes of what its tool posts."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadInput
from producers.hooks.hook import Hook
from producers.hooks.hook_file import ready_made
from producers.hooks.hook_request import HookRequest
from tests.unit.producers.hooks.hook_cases import PAYLOADS, a_hook, incoming, payload, text_of, with_headers

__all__: list[str] = []


def ready(folder: Path, use: str) -> Hook:
    return a_hook(folder, f'use = "{use}"')


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Hook]:
    """All of them, compiled once rather than for each example."""
    return {use: ready(tmp_path_factory.mktemp(use), use) for use in ready_made()}


#: Payloads with the fields that the tools document, and the headers that come with them.
POSTED: list[tuple[str, dict[str, str]]] = [
    ("alertmanager_firing", {}),
    ("alertmanager_resolved", {}),
    ("alertmanager_changed", {}),
    ("grafana_firing", {}),
    ("grafana_error", {}),
    ("grafana_legacy", {}),
    ("gitea_push", {"X-GitHub-Event": "push", "X-Gitea-Event": "push"}),
    ("forgejo_pull_request", {"X-GitHub-Event": "pull_request", "X-Forgejo-Event": "pull_request"}),
    ("github_review_requested", {"X-GitHub-Event": "pull_request"}),
    ("gitea_push", {"X-Gitea-Event": "push"}),
    ("forgejo_pull_request", {"X-Forgejo-Event": "pull_request", "X-Gitea-Event": "pull_request"}),
    ("gitlab_work_item", {"X-Gitlab-Event": "Issue Hook"}),
    ("sentry_assigned", {"Sentry-Hook-Resource": "issue"}),
    ("sentry_legacy", {}),
    ("cloudevents_bytes", {"Content-Type": "application/cloudevents+json"}),
    ("github_issues", {"X-GitHub-Event": "issues"}),
    ("github_pull_request", {"X-GitHub-Event": "pull_request"}),
    ("github_push", {"X-GitHub-Event": "push"}),
    ("github_workflow_run", {"X-GitHub-Event": "workflow_run"}),
    ("github_release", {"X-GitHub-Event": "release"}),
    ("gitlab_push", {"X-Gitlab-Event": "Push Hook"}),
    ("gitlab_merge_request", {"X-Gitlab-Event": "Merge Request Hook"}),
    ("gitlab_issue", {"X-Gitlab-Event": "Issue Hook"}),
    ("gitlab_pipeline", {"X-Gitlab-Event": "Pipeline Hook"}),
    ("sentry_issue", {"Sentry-Hook-Resource": "issue"}),
    ("sentry_event_alert", {"Sentry-Hook-Resource": "event_alert"}),
    ("sentry_metric_alert", {"Sentry-Hook-Resource": "metric_alert"}),
    ("cloudevents_structured", {"Content-Type": "application/cloudevents+json; charset=utf-8"}),
    ("generic", {}),
    ("pagerduty_triggered", {}),
    ("pagerduty_annotated", {}),
    ("jira_updated", {}),
    ("jira_comment", {}),
    ("feishu-bot_text", {}),
    ("slack_text", {"Content-Type": "application/json"}),
]
#: The same, of which cards are made.
CARDS = ("slack_alertmanager", "slack_blocks", "slack_grafana")


@pytest.mark.parametrize(("name", "headers"), POSTED)
def test_a_payload_reads_as_in_the_text_beside_it(hooks: dict[str, Hook], name: str, headers: dict[str, str]) -> None:
    posted = with_headers(payload(name), {"X-GitHub-Delivery": "b5a1", **headers})
    expected = (PAYLOADS / f"{name}.txt").read_text("utf-8")
    assert text_of(hooks[name.partition("_")[0]], posted) + "\n" == expected


@pytest.mark.parametrize("name", CARDS)
def test_a_payload_is_the_card_beside_it(hooks: dict[str, Hook], name: str) -> None:
    [notification] = hooks[name.partition("_")[0]].render(incoming(payload(name))).notifications
    assert notification.message.content == payload(f"{name}.card")


def test_every_ready_made_hook_says_what_it_is_for_and_has_a_payload_here() -> None:
    assert all(fields.summary for fields in ready_made().values())
    assert {path.stem.partition("_")[0] for path in PAYLOADS.iterdir()} == set(ready_made())


@pytest.mark.parametrize(
    ("name", "headers", "change"),
    [
        ("github_ping", {"X-GitHub-Event": "ping"}, {}),
        ("github_issues", {"X-GitHub-Event": "issues"}, {"action": "labeled"}),
        ("github_issues", {"X-GitHub-Event": "issue_comment"}, {"action": "created"}),
        ("github_push", {"X-GitHub-Event": "push"}, {"commits": [], "deleted": True}),
        ("github_release", {"X-GitHub-Event": "release"}, {"action": "edited"}),
        ("gitlab_push", {"X-Gitlab-Event": "Push Hook"}, {"commits": [], "total_commits_count": 0}),
        ("gitlab_push", {"X-Gitlab-Event": "Note Hook"}, {"object_kind": "note"}),
        ("sentry_issue", {"Sentry-Hook-Resource": "installation"}, {}),
        ("sentry_issue", {"Sentry-Hook-Resource": "issue"}, {"action": "ignored"}),
        ("pagerduty_triggered", {}, {"event": {"id": "1", "event_type": "pagey.ping", "data": {"message": "Hello"}}}),
        ("jira_updated", {}, {"webhookEvent": "jira:version_released"}),
    ],
)
def test_what_nobody_must_know_becomes_no_message(
    tmp_path: Path, name: str, headers: dict[str, str], change: dict[str, Any]
) -> None:
    posted = with_headers(payload(name) | change, {"X-GitHub-Delivery": "b5a1", **headers})
    rendered = ready(tmp_path, name.partition("_")[0]).render(posted)
    assert (rendered.notifications, rendered.skipped) == ((), 1)


def key_of(hook: Hook, body: object, **headers: str) -> str | None:
    return hook.render(incoming(body, **headers)).notifications[0].key


@pytest.mark.parametrize("use", ["alertmanager", "grafana"])
def test_a_group_of_alerts_has_one_key_for_each_of_its_states(tmp_path: Path, use: str) -> None:
    hook, firing = ready(tmp_path, use), payload("alertmanager_firing")
    first = key_of(hook, firing)
    again = {**firing, "alerts": list(reversed(firing["alerts"])), "externalURL": "http://other.example.net"}
    assert key_of(hook, again) == first
    [one, other] = firing["alerts"]
    assert key_of(hook, {**firing, "alerts": [one]}) != first, "one of them is no longer there"
    assert key_of(hook, {**firing, "alerts": [one, {**other, "status": "resolved"}]}) != first
    assert key_of(hook, {**firing, "alerts": [one, {**other, "startsAt": "2026-11-23T01:00:00Z"}]}) != first
    assert key_of(hook, payload("alertmanager_resolved")) != first


def test_a_group_of_three_hundred_alerts_is_one_message_with_the_first_ten(tmp_path: Path) -> None:
    firing = payload("alertmanager_firing")
    many = [{**firing["alerts"][0], "fingerprint": f"{number:016x}"} for number in range(300)]
    text = text_of(ready(tmp_path, "alertmanager"), incoming({**firing, "alerts": many, "truncatedAlerts": 12}))
    assert text.count("db-3:9100 has less") == 10
    assert "… and 302 more" in text


def test_a_redelivery_of_github_or_gitlab_has_the_key_of_the_first(tmp_path: Path) -> None:
    github, gitlab = ready(tmp_path, "github"), ready(tmp_path, "gitlab")
    posted = incoming(payload("github_push"), x_github_event="push", x_github_delivery="72d3162e")
    assert github.render(posted).notifications[0].key == f"hook/it/{posted.digest}/ou_ada"
    both = {"idempotency_key": "f1d2", "x_gitlab_event_uuid": "9c8b"}
    assert key_of(gitlab, payload("gitlab_push"), **both) == "hook/it/f1d2/ou_ada"


def test_a_cloud_event_is_known_by_its_source_and_id_in_either_mode(tmp_path: Path) -> None:
    hook, event = ready(tmp_path, "cloudevents"), payload("cloudevents_structured")
    structured = with_headers(event, {"Content-Type": "application/cloudevents+json"})
    attributes = {f"ce-{name}": value for name, value in event.items() if isinstance(value, str)}
    binary = with_headers(event["data"], {**attributes, "Content-Type": "application/json"})
    assert text_of(hook, binary) == text_of(hook, structured)
    assert [hook.render(each).notifications[0].key for each in (binary, structured)] == [
        "hook/it//lifts/2 A-2291/ou_ada"
    ] * 2


@pytest.mark.parametrize(
    ("content_type", "body", "shown"),
    [
        ("text/plain", "Stuck: 3½".encode(), "Stuck: 3½"),
        ("application/vnd.lift+json", b'{"floor":3}', '{"floor":3}'),
        ("application/json", b"[1,2]", "[1,2]"),
        ("application/octet-stream", b"\xff\x00", ""),
        ("text/plain", b"", ""),
    ],
)
def test_the_data_of_a_binary_cloud_event_may_be_anything(
    tmp_path: Path, content_type: str, body: bytes, shown: str
) -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "/l%C3%BCft",
        "ce-type": "t",
        "Content-Type": content_type,
    }
    text = text_of(ready(tmp_path, "cloudevents"), with_headers(body, headers))
    assert text == "\n".join(filter(None, ["t", "/lüft", shown]))


@pytest.mark.parametrize(
    ("headers", "body", "problem"),
    [
        ({"Content-Type": "application/json"}, b"{}", "body: is not a CloudEvent"),
        ({"Content-Type": "application/cloudevents-batch+json"}, b"{}", "body: must be a list of at most 1,000 events"),
        ({"Content-Type": "application/cloudevents+json"}, b"[]", "body: must be a JSON object"),
        ({"Content-Type": "application/cloudevents+json"}, b'{"specversion":"0.3"}', "specversion: must be 1.0"),
        ({"ce-specversion": "1.0", "ce-id": "1", "ce-type": "t"}, b"", "source: must be a text"),
    ],
)
def test_what_is_no_cloud_event_is_refused(tmp_path: Path, headers: dict[str, str], body: bytes, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        ready(tmp_path, "cloudevents").render(with_headers(body, headers))
    assert str(caught.value).startswith(problem)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
    | st.just('<at user_id="all"></at>')
    | st.just("x" * 30_000),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def told_of(hook: Hook, posted: HookRequest) -> str:
    """The messages, or the refusal."""
    try:
        return "\n".join(each.message.wire_content() for each in hook.render(posted).notifications)
    except BadInput as refusal:
        return str(refusal)


def spoiled(draw: st.DrawFn, value: Any) -> Any:
    """A payload in which some part is missing, or is something else."""
    match draw(st.integers(0, 7)):
        case 0:
            return draw(VALUES)
        case 1 if isinstance(value, dict) and value:
            gone = draw(st.sampled_from(sorted(value)))
            return {name: inner for name, inner in value.items() if name != gone}
    if isinstance(value, dict) and value:
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: spoiled(draw, value[name])}
    if isinstance(value, list) and value:
        return [spoiled(draw, value[0]), *value[1:]]
    return value


@pytest.mark.slow
@pytest.mark.parametrize(("name", "headers"), [*POSTED, *((name, {}) for name in CARDS)])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_posted_becomes_messages_or_a_refusal(
    hooks: dict[str, Hook], name: str, headers: dict[str, str], data: st.DataObject
) -> None:
    body = data.draw(st.composite(spoiled)(payload(name)))
    hook = hooks[name.partition("_")[0]]
    told = told_of(hook, with_headers(json.dumps(body).encode(), {"X-GitHub-Delivery": "b5a1", **headers}))
    assert "<at" not in told


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=200), content_type=st.sampled_from(["", "application/json", "text/plain", "x"]))
def test_whatever_bytes_are_posted_become_messages_or_a_refusal(
    hooks: dict[str, Hook], body: bytes, content_type: str
) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t", "Content-Type": content_type}
    for hook in hooks.values():
        told_of(hook, with_headers(body, headers))
