"""The pages about hooks: what came to each, what was refused and why, and a payload that is tried and not sent."""

import json
from collections.abc import Iterator

import pytest

from ledger.api_key import Scope
from ledger.hook_log import HookLog
from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.integration.console.console_visitor import Visitor
from tests.integration.producers.web.web_thread import WebThread, with_files
from tests.unit.producers.hooks.hook_cases import payload

__all__: list[str] = []

HOOKS = """
[hook.chat]
use = "slack"
to = ["ou_ada", "ann@corp.example"]

[hook.github]
use = "github"
to = "ou_bob"
secret = "hush-hush"

[hook.quiet]
use = "generic"
to = "ou_ada"

[hook.calm]
use = "generic"
to = "ou_ada"
throttle = "30m"

[hook.daily]
use = "generic"
to = "ou_ada"
digest = "5m"

[hook.many]
for_each = "payload.items"
to = "ou_ada"
text = "{{ item.name }}"

[hook.disk]
to = "ou_ada"
template = "disk"
variables = { host = "{{ payload.host }}" }
"""


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    with WebThread(with_files(valkey, tmp_path_factory.mktemp("hooks"), hooks=HOOKS)) as running:
        yield running


def visitor_of(web: WebThread, *scopes: Scope, desks: frozenset[str] | None = None) -> Visitor:
    return Visitor(web.url).sign_in(web.secret(*scopes, desks=desks))


@pytest.fixture
def operator(web: WebThread) -> Visitor:
    return visitor_of(web, Scope.READ, Scope.OPERATE)


def events(ledger: Ledger) -> int:
    return sum(1 for _ in ledger.events())


def test_the_page_says_of_each_hook_what_came_in_and_what_was_refused(web: WebThread, operator: Visitor) -> None:
    key = web.secret(Scope.SEND)
    for number in range(3):
        web.post(f"/v1/hooks/chat?key={key}", {"text": f"Disk {number}"})
    web.post(f"/v1/hooks/chat?key={key}", {})
    web.post("/v1/hooks/github", {"action": "opened"})
    page = operator.look("/hooks")
    row = page.partition('href="/console/hooks/chat"')[2].partition("</tr>")[0]
    assert [part.partition("<")[0] for part in row.split("<td>")[3:8]] == ["6", "0", "0", "0", "1"]
    assert "there are neither a text, nor blocks, nor attachments to show" in row
    signed = page.partition('href="/console/hooks/github"')[2].partition("</tr>")[0]
    assert "signature of github" in signed
    assert "the header X-Hub-Signature-256 is missing" in signed
    assert "never" in page.partition('href="/console/hooks/quiet"')[2].partition("</tr>")[0]
    assert "the header X-Hub" not in operator.look("/hooks/chat")
    assert "the header X-Hub" in operator.look("/hooks/github")


@pytest.mark.parametrize(("hook", "counts"), [("calm", ["3", "2", "0"]), ("daily", ["3", "0", "3"])])
def test_what_joined_another_message_is_counted_by_throttles_and_by_digests(
    web: WebThread, operator: Visitor, hook: str, counts: list[str]
) -> None:
    for number in range(3):
        web.post(f"/v1/hooks/{hook}?key={web.secret(Scope.SEND)}", {"text": f"Disk {number}", "key": str(number)})
    web.post(f"/v1/hooks/{hook}?key={web.secret(Scope.SEND)}", {"text": "Disk 2", "key": "2"})
    row = operator.look("/hooks").partition(f'href="/console/hooks/{hook}"')[2].partition("</tr>")[0]
    assert [part.partition("<")[0].strip() for part in row.split("<td>")[3:6]] == counts


def test_a_hook_that_left_the_file_keeps_its_line(web: WebThread, operator: Visitor) -> None:
    log = HookLog(web.context.ledger.redis, web.context.ledger.keys)
    web.post("/v1/hooks/github", {})
    [entry] = log.latest()
    log.add(type(entry)(entry.at_ms, "former", entry.outcome, reason="x"))
    page = operator.look("/hooks")
    assert "former <small>no longer in the hooks file</small>" in page
    assert operator.status("/hooks/former") == 404


def test_a_payload_is_tried_and_nothing_of_it_is_sent_or_kept(web: WebThread, operator: Visitor) -> None:
    operator.look("/hooks/chat")
    answer = operator.act("/hooks/chat", payload=json.dumps(payload("slack_alertmanager")))
    assert answer.status_code == 200
    for text in ("ou_ada, ann@corp.example", "DiskAlmostFull", "<b>Less than 5 %</b>", "/var/lib_a", "No key"):
        assert text in answer.text
    ledger = web.context.ledger
    assert events(ledger) == 0
    assert HookLog(ledger.redis, ledger.keys).latest() == []
    assert "DiskAlmostFull" not in operator.look("/hooks/chat")


def test_a_saved_template_is_shown_with_its_variables(web: WebThread, operator: Visitor) -> None:
    operator.look("/hooks/disk")
    missing = operator.act("/hooks/disk", payload='{"host": "db-3"}')
    assert "desk default has no templates" in missing.text
    message = {"msg_type": "text", "content": {"text": "Disk full on {{ host }}"}}
    web.context.templates.save("default", "disk", message, None, "test")
    assert "Disk full on db-3" in operator.act("/hooks/disk", payload='{"host": "db-3"}').text


def test_headers_choose_the_case_and_a_signature_is_not_needed(operator: Visitor) -> None:
    operator.look("/hooks/github")
    body = json.dumps(payload("github_push"))
    without = operator.act("/hooks/github", payload=body, sent_headers="X-GitHub-Event: ping")
    assert "This becomes no message." in without.text
    tried = operator.act("/hooks/github", payload=body, sent_headers="X-GitHub-Event: push\nX-GitHub-Delivery: d1")
    assert "acme/lifts: bob pushed 2 commits" in tried.text
    assert "hook/github/" in tried.text


@pytest.mark.parametrize(
    ("name", "fields", "status", "said"),
    [
        ("chat", {"payload": "{"}, 422, "is not JSON"),
        ("chat", {"payload": ""}, 422, "is empty"),
        ("chat", {"payload": '{"text": "x"}', "sent_headers": "no colon"}, 422, "must have one header on each line"),
        ("gone", {"payload": "{}"}, 404, "gone"),
        ("chat", {"payload": "x" * 70_000}, 413, ""),
        ("many", {"payload": json.dumps({"items": [{"name": f"<script>{n}"} for n in range(99)]})}, 200, "and 79 more"),
    ],
)
def test_what_cannot_be_tried_is_told_and_shown_as_text(
    operator: Visitor, name: str, fields: dict[str, str], status: int, said: str
) -> None:
    operator.look("/hooks/chat")
    answer = operator.act(f"/hooks/{name}", **fields)
    assert (answer.status_code, said in answer.text) == (status, True)
    assert "<script>1" not in answer.text


def test_a_try_takes_the_scope_operate_and_all_desks(web: WebThread) -> None:
    reader = visitor_of(web, Scope.READ)
    assert "operate" in reader.look("/hooks/chat")
    reader.look("/")
    assert reader.act("/hooks/chat", payload='{"text": "x"}').status_code == 403
    limited = visitor_of(web, Scope.READ, Scope.OPERATE, desks=frozenset({"default"}))
    assert "limited to some desks" in limited.look("/hooks/chat")
    limited.look("/")
    assert "limited to some desks" in limited.act("/hooks/chat", payload='{"text": "x"}').text


def test_the_page_of_a_hook_is_there_in_chinese(operator: Visitor) -> None:
    operator.session.cookies.set("deskbell_language", "zh-CN", path="/console")
    assert "试一试" in operator.look("/hooks/chat")
    assert "github 的签名" in operator.look("/hooks")
