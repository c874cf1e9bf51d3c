"""`/v1/templates`, and what is sent by a template over HTTP and by hooks, over a real socket and a real Valkey."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from ledger.api_key import Scope
from ledger.ledger import Ledger
from ledger.settings import Settings
from producers.client.http_backend import HttpBackend
from producers.client.notifier import Notifier
from producers.web import notification_parser
from tests.integration.producers.web.web_thread import WebThread, with_files

__all__: list[str] = []

PATH = "/v1/templates"
HOOKS = """
[hook.disk]
to = "ou_ada"
template = "disk"
variables = {host = "{{ payload.host }}", free = "{{ payload.free|default('?') }}"}

[hook.gone]
to = "ou_ada"
template = "gone@3"
"""


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    with WebThread(
        with_files(valkey, tmp_path_factory.mktemp("templates"), hooks=HOOKS, desks="[desk.hr]\n")
    ) as running:
        yield running


def put(web: WebThread, name: str = "disk", query: str = "", **body: Any) -> requests.Response:
    given = body.pop("headers", {})
    return requests.put(f"{web.url}{PATH}/{name}{query}", json=body, headers=given, timeout=60)


def saved(web: WebThread, text: str = "{{ host }}: {{ free }} free", **more: Any) -> dict[str, Any]:
    answer = put(web, text=text, **more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def key_for(web: WebThread, *scopes: Scope, desks: frozenset[str] | None = None) -> dict[str, str]:
    return {"X-Api-Key": web.secret(*scopes, desks=desks)}


def text_of(ledger: Ledger, id: str) -> object:
    return ledger.get(id).notification.message.content["text"]


# -- the templates


def test_a_template_is_saved_listed_shown_and_deleted(web: WebThread) -> None:
    assert saved(web) == {
        "desk": "default",
        "name": "disk",
        "version": 1,
        "is_new": True,
        "variables": ["free", "host"],
        "dropped": [],
    }
    assert put(web, markdown="# Disk\n\n**{{ host }}**").json()["version"] == 2
    [listed] = web.get(PATH).json()["templates"]
    assert (listed["name"], listed["version"], listed["variables"], listed["message"]) == ("disk", 2, ["host"], None)
    shown = web.get(f"{PATH}/disk").json()
    assert (shown["versions"], shown["markdown"], shown["saved_by"]) == ([1, 2], "# Disk\n\n**{{ host }}**", "loopback")
    assert web.get(f"{PATH}/disk@1").json()["message"]["content"] == {"text": "{{ host }}: {{ free }} free"}
    assert requests.delete(f"{web.url}{PATH}/disk", timeout=60).status_code == 204
    for answer in (web.get(f"{PATH}/disk"), requests.delete(f"{web.url}{PATH}/disk", timeout=60)):
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:deskbell:problem:not-found")
        assert answer.json()["detail"] == 'desk default has no templates: save "disk" first'


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({}, "message", "give one of text, markdown and message"),
        ({"text": "x", "markdown": "x"}, "message", "give one of text, markdown and message"),
        ({"text": "x", "message": None}, "message", "give one of text, markdown and message"),
        ({"text": 7}, "text", "must be a string, not a number"),
        ({"text": "{{ host"}, "message.content.text", "is not a valid template"),
        ({"markdown": "a\n\n```\nb\n```"}, "markdown", "line 3: a card cannot show a block of code"),
        ({"message": {"msg_type": "image", "content": {"file": "/etc/passwd"}}}, "message.content.file", "a file on"),
        ({"message": "x"}, "message", "must be an object with msg_type and content"),
        ({"txet": "x"}, "txet", "is not a known field"),
    ],
)
def test_what_cannot_be_saved_is_told_by_its_field(web: WebThread, body: Any, field: str, detail: str) -> None:
    answer = put(web, **body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert detail in answer.json()["detail"]


def test_each_scope_may_do_its_part_alone(web: WebThread) -> None:
    saved(web)
    read, announce, send = (key_for(web, each) for each in (Scope.READ, Scope.ANNOUNCE, Scope.SEND))
    assert web.get(f"{PATH}/disk", headers=read).json()["message"] is None
    both = key_for(web, Scope.READ, Scope.OPERATE)
    assert web.get(f"{PATH}/disk", headers=both).json()["message"]["msg_type"] == "text"
    for headers in (read, send, both):
        assert put(web, text="x", headers=headers).status_code == 403
        assert requests.delete(f"{web.url}{PATH}/disk", headers=headers, timeout=60).status_code == 403
    assert put(web, text="x", headers=announce).status_code == 200
    assert web.get(PATH, headers=announce).status_code == web.get(PATH, headers=send).status_code == 403


def test_a_key_of_other_desks_sees_and_sends_nothing_of_a_desk(web: WebThread) -> None:
    saved(web)
    saved(web, "of hr", query="?desk=hr")
    hr = key_for(web, Scope.READ, Scope.SEND, Scope.ANNOUNCE, desks=frozenset({"hr"}))
    assert [each["desk"] for each in web.get(PATH, headers=hr).json()["templates"]] == ["hr"]
    answers = [
        web.get(f"{PATH}?desk=default", headers=hr),
        web.get(f"{PATH}/disk", headers=hr),
        put(web, text="x", headers=hr),
        requests.delete(f"{web.url}{PATH}/disk", headers=hr, timeout=60),
        web.post("/v1/notifications", {"receiver_id": "ou_ada", "template": "disk"}, headers=hr),
        web.post("/v1/notifications", {"receiver_id": "ou_ada", "template": "none"}, headers=hr),
        web.post("/v1/announcements", {"name": "n", "rows": [{"receiver_id": "o"}], "template": "x"}, headers=hr),
    ]
    assert [answer.status_code for answer in answers] == [403] * 7
    sent = {"receiver_id": "ou_ada", "template": "disk", "desk": "hr"}
    assert web.post("/v1/notifications", sent, headers=hr).status_code == 202


# -- sending


def test_a_notification_is_sent_by_its_template(web: WebThread, ledger: Ledger) -> None:
    saved(web)
    body = {"receiver_id": "ou_ada", "template": "disk", "variables": {"host": "db-3", "free": 2}}
    answer = web.post("/v1/notifications", body)
    assert text_of(ledger, answer.json()["id"]) == "db-3: 2 free"
    saving = put(web, text="{{ host }} is full").json()
    assert [each["name"] for each in saving["dropped"]] == ["free"]
    refused = web.post("/v1/notifications", body)
    assert (refused.status_code, refused.json()["field"]) == (422, "variables")
    assert refused.json()["detail"] == 'disk@2 does not use "free": it uses "host"'
    assert web.post("/v1/notifications", body | {"template": "disk@1"}).status_code == 202


def test_a_repeat_with_its_key_is_a_duplicate_also_after_another_version(web: WebThread) -> None:
    saved(web, "1: {{ host }}")
    body = {"receiver_id": "ou_ada", "template": "disk", "variables": {"host": "db-3"}, "key": "k"}
    first = web.post("/v1/notifications", body).json()
    saved(web, "2: {{ host }}")
    assert web.post("/v1/notifications", body).json() == first | {"duplicate": True}
    assert web.post("/v1/notifications", body | {"template": "disk@2"}).status_code == 422


def test_each_item_of_a_batch_has_its_own_result(web: WebThread, ledger: Ledger) -> None:
    saved(web, "{{ host }}")
    items = [
        {"receiver_id": "ou_ada", "template": "disk", "variables": {"host": "db-1"}},
        {"receiver_id": "ou_ada", "template": "none"},
        {"receiver_id": "ou_ada", "template": "disk"},
        {"receiver_id": "ou_ada", "text": "plain"},
    ]
    results = web.post("/v1/notifications", {"notifications": items}).json()["results"]
    assert [text_of(ledger, results[at]["id"]) for at in (0, 3)] == ["db-1", "plain"]
    assert results[1]["problem"]["detail"] == 'desk default has no template "none": it has "disk"'
    assert results[2]["problem"]["detail"] == 'disk@1 needs "host": it uses "host"'


def test_a_request_names_and_works_with_so_many_templates_at_most(
    web: WebThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = [{"receiver_id": "ou_ada", "template": f"t{number}"} for number in range(21)]
    answer = web.post("/v1/notifications", {"notifications": named})
    assert (answer.status_code, answer.json()["field"]) == (422, "notifications")
    saved(web, "{% for i in range(400) %}{{ host|upper }}{% endfor %}")
    monkeypatch.setattr(notification_parser, "_WORK", 20_000)
    items = [{"receiver_id": "ou_ada", "template": "disk", "variables": {"host": "x" * 30}}] * 10
    told = web.post("/v1/notifications", {"notifications": items}).json()
    assert 0 < told["accepted"] < 10
    assert "needs too much work for one request" in told["results"][-1]["problem"]["detail"]


@pytest.mark.parametrize("as_form", [False, True])
def test_an_announcement_takes_the_template_of_its_moment(web: WebThread, ledger: Ledger, as_form: bool) -> None:
    saved(web, "1: {{ host }}")
    rows = [{"receiver_id": "ou_ada", "host": "db-3"}]

    def announced(**more: str) -> requests.Response:
        fields = {"name": "n", "template": "disk", **more}
        if not as_form:
            return web.post("/v1/announcements", fields | {"rows": rows})
        files = {"recipients": ("r.csv", b"receiver_id,host\nou_ada,db-3\n")}
        return requests.post(f"{web.url}/v1/announcements", data=fields, files=files, timeout=60)

    first, keyed = announced().json(), announced(key="k").json()
    saved(web, "2: {{ host }}")
    assert announced(key="k").json() == keyed | {"duplicate": True}, "what was asked for is the same"
    second = announced().json()
    assert not second["duplicate"], "without a key the message counts"
    messages = [ledger.announcements.get(each["id"]).spec.message["content"] for each in (first, second)]
    assert messages == [{"text": "1: {{ host }}"}, {"text": "2: {{ host }}"}]
    assert announced(template="disk@3").json()["detail"] == '"disk" has no version 3: it has 1 to 2'
    assert [each["name"] for each in put(web, text="full").json()["dropped"]] == ["host"]


def test_a_program_sends_by_template_over_http_and_redis_alike(
    web: WebThread, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(web, "{{ host }}")
    monkeypatch.setenv("DESKBELL_REDIS_URL", str(ledger.settings.redis))
    for notifier in (Notifier(HttpBackend(web.url)), Notifier.from_env()):
        with notifier:
            sent = notifier.send(receiver_id="ou_ada", template="disk", variables={"host": "db-3"})
            assert text_of(ledger, sent.id) == "db-3"
            several = notifier.send_many([{"receiver_id": "ou_b", "template": "disk@1", "variables": {"host": "x"}}])
            assert text_of(ledger, several[0].id) == "x"
            announced = notifier.announce(
                [{"receiver_id": "ou_ada", "host": "h"}], template="disk", name=repr(notifier)
            )
            assert ledger.announcements.get(announced.id).spec.message["content"] == {"text": "{{ host }}"}
    assert [each["name"] for each in put(web, text="full").json()["dropped"]] == ["host"]


# -- hooks


def test_a_hook_makes_the_variables_of_its_template(web: WebThread, ledger: Ledger) -> None:
    saved(web)
    answer = web.post("/v1/hooks/disk", {"host": "db-3"})
    assert text_of(ledger, answer.json()["accepted"][0]["id"]) == "db-3: ? free"
    missing = web.post("/v1/hooks/disk", {"free": "2%"})
    assert missing.status_code == 422
    saved(web, "{{ host }}")
    surplus = web.post("/v1/hooks/disk", {"host": "db-3"})
    assert (surplus.status_code, surplus.json()["field"]) == (422, "hook.disk.variables")
    assert surplus.json()["detail"] == 'disk@2 does not use "free": it uses "host"'


def test_a_large_payload_reaches_the_template_too(web: WebThread, ledger: Ledger) -> None:
    saved(web)
    body = json.dumps({"host": "db-3", "free": "2%", "more": "x" * 2**21}).encode()
    headers = {"Content-Type": "application/json"}
    answer = requests.post(f"{web.url}/v1/hooks/disk", body, headers=headers, timeout=60)
    assert text_of(ledger, answer.json()["accepted"][0]["id"]) == "db-3: 2% free"


def test_a_template_that_is_gone_is_told(web: WebThread) -> None:
    answer = web.post("/v1/hooks/gone", {})
    assert (answer.status_code, answer.json()["field"]) == (422, "hook.gone.template")
    assert answer.json()["detail"] == 'desk default has no templates: save "gone" first'


def test_the_hooks_file_is_checked_when_it_is_read(tmp_path: Path) -> None:
    for fields, problem in (
        ('template = "a b"', r"hook\.x\.template: must be the name of a template"),
        ('template = "a"\ntext = "x"', r"hook\.x\.template: cannot be combined"),
        ('text = "x"\nvariables = {a = "b"}', r"hook\.x\.variables: can only be given with template"),
        ('template = "a"\nvariables = {a = "{{ paylaod }}"}', r"hook\.x\.variables\.a: uses the unknown variable"),
    ):
        (tmp_path / "hooks.toml").write_text(f'[hook.x]\nto = "ou_ada"\n{fields}\n', "utf-8")
        with pytest.raises(Exception, match=problem):
            WebThread(Settings(hooks=tmp_path / "hooks.toml", _env_file=None))
