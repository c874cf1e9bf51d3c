"""From a payload to notifications: who, what, under which key, and how much of it."""

from pathlib import Path
from typing import Any

import pytest

from ledger.errors import BadInput
from producers.hooks.hook import MOST_ITEMS, Hook
from tests.unit.producers.hooks.hook_cases import a_hook, hooks_of, incoming, text_of, with_headers

__all__: list[str] = []

SECRET = "what nobody may see"
A_CARD = '{msg_type = "interactive", content = {elements = [{tag = "markdown", content = "X"}]}}'
EACH = "{% for each in payload.list %}{{ each }}{% endfor %}"


def receivers(hook: Hook, body: dict[str, Any]) -> list[str]:
    return [each.address for each in hook.render(incoming(body)).notifications]


@pytest.mark.parametrize(
    ("to", "body", "found"),
    [
        ('"ou_ada"', {}, ["ou_ada"]),
        ('["ou_ada", "ou_bob", "ou_ada"]', {}, ["ou_ada", "ou_bob"]),
        ('"{{ payload.oncall }}"', {"oncall": "ou_eve"}, ["ou_eve"]),
        ('"{{ payload.oncall }}"', {"oncall": ["ou_eve", "ou_dan"]}, ["ou_eve", "ou_dan"]),
        ("\"{{ payload.oncall.split(',') }}\"", {"oncall": "ou_eve, ou_dan"}, ["ou_eve", "ou_dan"]),
        ('["ou_ada", "{{ payload.oncall }}"]', {"oncall": ["ou_eve"]}, ["ou_ada", "ou_eve"]),
        ("\"{{ ['ou_ada'] if payload.severity == 'critical' else [] }}\"", {"severity": "critical"}, ["ou_ada"]),
        ("\"{{ ['ou_ada'] if payload.severity == 'critical' else [] }}\"", {"severity": "info"}, []),
        ("\"{{ payload.oncall|default('ou_ada') }}\"", {"oncall": None}, ["ou_ada"]),
        ('["ann@corp.example", "mobile:138-0013-8000"]', {}, ["ann@corp.example", "13800138000"]),
        ('"{{ payload.oncall }}@corp.example"', {"oncall": "ann"}, ["ann@corp.example"]),
        ('"{{ payload.oncall }}-{{ payload.n }}@corp.example"', {"oncall": "ann", "n": 2}, ["ann-2@corp.example"]),
        (
            '"{{ payload.oncall }}"',
            {"oncall": ["ann@corp.example", "+86 138 0013 8000", "id:ou_a"]},
            ["ann@corp.example", "+8613800138000", "ou_a"],
        ),
        ('["ou_a", "{{ payload.oncall }}"]', {"oncall": "id:ou_a"}, ["ou_a"]),
        ('["Bea@corp.example", "{{ payload.oncall }}"]', {"oncall": "bea@Corp.example"}, ["Bea@corp.example"]),
        ('"{% if payload.oncall %}{{ payload.oncall }}{% endif %}"', {"oncall": ""}, []),
        ('"{{ payload.oncall|unique }}"', {"oncall": ["ou_eve", "ou_eve"]}, ["ou_eve"]),
    ],
)
def test_who_gets_it_is_fixed_or_comes_from_the_payload(
    tmp_path: Path, to: str, body: dict[str, Any], found: list[str]
) -> None:
    assert receivers(a_hook(tmp_path, f"to = {to}", 'text = "x"'), body) == found


@pytest.mark.parametrize(
    ("oncall", "problem"),
    [
        ({}, "hook.it.to: must be an address or a list of them, not an object"),
        (5, "hook.it.to: must be an address or a list of them, not a number"),
        ([["ou_a"]], "hook.it.to: must be an address or a list of them, not a list"),
        ("eve@x, dan@x", "hook.it.to: is not an e-mail address, such as ann@corp.example"),
        ("+12", "hook.it.to: is not a mobile number"),
        ("on_eve", "hook.it.to: begins with on_, so it cannot be open_id"),
        (SECRET, "hook.it.to: "),
        ([f"ou_{n}" for n in range(101)], "hook.it.to: has 101 receivers: at most 100 are allowed"),
        (None, "hook.it.to: uses the field 'oncall', which a value does not have"),
    ],
)
def test_a_receiver_that_is_none_is_refused(tmp_path: Path, oncall: Any, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        receivers(a_hook(tmp_path, 'to = "{{ payload.oncall }}"', 'text = "x"'), {"oncall": oncall})
    assert str(caught.value).startswith(problem)
    assert SECRET not in str(caught.value)


ALERTS = {"alerts": [{"id": "1", "level": "page"}, {"id": "2", "level": "info"}, {"id": "3", "level": "page"}]}


def test_each_item_becomes_a_message_of_the_first_case_that_holds(tmp_path: Path) -> None:
    toml = """
        [hook.it]
        to = "ou_ada"
        for_each = "payload.alerts"
        key = "{{ item.id }}"
        [[hook.it.case]]
        when = "item.level == 'page'"
        text = "Wake up: {{ item.id }}"
        [[hook.it.case]]
        when = "item.id != '2'"
        text = "never"
    """
    rendered = hooks_of(tmp_path, toml)["it"].render(incoming(ALERTS))
    assert [each.message.content["text"] for each in rendered.notifications] == ["Wake up: 1", "Wake up: 3"]
    assert [each.key for each in rendered.notifications] == ["hook/it/1/ou_ada", "hook/it/3/ou_ada"]
    assert (rendered.skipped, rendered.reason) == (1, "no condition is true, or there is no receiver")


@pytest.mark.parametrize(
    ("alerts", "problem"),
    [
        ("many", "hook.it.for_each: must be a list, not a string"),
        ({"a": 1}, "hook.it.for_each: must be a list, not an object"),
        ([5, 5], "hook.it.for_each: must be a list of objects or texts, not of a number"),
        ([None], "hook.it.for_each: must be a list of objects or texts, not of null"),
        (None, "hook.it.for_each: uses the field 'alerts', which a value does not have"),
    ],
)
def test_what_cannot_be_taken_item_by_item_is_refused(tmp_path: Path, alerts: Any, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        a_hook(tmp_path, 'text = "x"', 'for_each = "payload.alerts"').render(incoming({"alerts": alerts}))
    assert str(caught.value) == problem


def test_of_very_many_items_the_first_hundred_are_taken_and_the_answer_says_so(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'text = "{{ item }}"', 'for_each = "payload.names"')
    rendered = hook.render(incoming({"names": [f"n{number}" for number in range(250)]}))
    assert len(rendered.notifications) == MOST_ITEMS
    assert rendered.skipped == 150
    assert rendered.reason == "for_each has 250 items: only the first 100 were used"
    assert hook.render(incoming({"names": []})).reason == "for_each is empty"


def test_more_than_a_thousand_notifications_are_an_announcement(tmp_path: Path) -> None:
    ids = ", ".join(f'"ou_{number}"' for number in range(11))
    hook = a_hook(tmp_path, f"to = [{ids}]", 'text = "{{ item }}"', 'for_each = "payload.names"')
    with pytest.raises(BadInput, match=r"^hook.it: results in more than 1,000 notifications"):
        hook.render(incoming({"names": ["x"] * 100}))


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("payload.status == 'firing'", True),
        ("payload.status in ['resolved']", False),
        ("'severity' in payload.labels", True),
        ("'gone' in payload.labels", False),
        ("payload.nothing is defined", False),
        ("payload.gone|default('') == ''", True),
        ("payload.count > 2 and not payload.muted", True),
        ("payload.labels|length == 1", True),
        ("payload.values.keys == 'k'", True),
        ("headers['x-kind'] == 'alert'", True),
        ("payload.list", True),
        ("[]", False),
    ],
)
def test_a_condition_is_an_expression_over_payload_and_headers(tmp_path: Path, condition: str, holds: bool) -> None:
    hook = a_hook(tmp_path, 'text = "x"', f'when = "{condition}"')
    body = {
        "status": "firing",
        "labels": {"severity": "page", "empty": None},
        "nothing": None,
        "count": 3,
        "muted": False,
        "values": {"keys": "k"},
        "list": [0],
    }
    assert bool(hook.render(incoming(body, x_kind="alert")).notifications) is holds


@pytest.mark.parametrize(
    "value",
    ['<at user_id="all"></at>', "< at id=all>", "</at>", "<\u200bAT user_id='ou_a'>", "<a", "<"],
)
@pytest.mark.parametrize(
    "message",
    [
        'text = "{{ payload.x }}t user_id={{ payload.x }}"',
        'message = {msg_type = "post", content = {zh_cn = {content = [[{tag = "md", text = "{{ payload.x }}t"}]]}}}',
        f"message = {A_CARD.replace('X', '{{ payload.x }}t')}",
    ],
)
def test_a_payload_mentions_nobody(tmp_path: Path, message: str, value: str) -> None:
    [notification] = a_hook(tmp_path, message).render(incoming({"x": value})).notifications
    assert "<" not in notification.message.wire_content()


@pytest.mark.parametrize(
    ("message", "most_bytes"),
    [
        (f'text = "{EACH}"', 150 * 1024),
        (f"message = {A_CARD.replace('X', EACH)}", 30 * 1024),
    ],
)
def test_what_is_too_long_arrives_cut_with_an_ellipsis(tmp_path: Path, message: str, most_bytes: int) -> None:
    body = {"list": [f"{number} is " + "lång " * 900 for number in range(100)]}
    [notification] = a_hook(tmp_path, message).render(incoming(body)).notifications
    wire = notification.message.wire_content()
    assert all(f"{number} is lång" in wire for number in range(100))
    assert wire.count("…") == 100
    assert len(wire.encode()) < most_bytes


def test_a_long_text_that_fits_is_not_cut(tmp_path: Path) -> None:
    assert len(text_of(a_hook(tmp_path, 'text = "{{ payload.x }}"'), incoming({"x": "x" * 15_000}))) == 15_000


def test_a_long_key_becomes_a_hash_that_keeps_hook_and_receiver(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'text = "x"', 'key = "{{ payload.x }}"', 'to = ["ou_a", "ou_b"]')
    keys = [each.key for x in ("1" * 300, "2" * 300) for each in hook.render(incoming({"x": x})).notifications]
    assert len(set(keys)) == 4
    assert all(key and len(key) < 256 and key.startswith("hook/it/") for key in keys)
    assert [each.key for each in hook.render(incoming({"x": " "})).notifications] == [None, None]


def test_the_same_body_has_the_same_digest(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'text = "x"', 'key = "{{ digest }}"')
    keys = [hook.render(incoming(body)).notifications[0].key for body in ({"a": 1}, {"a": 1}, {"a": 2})]
    assert keys[0] == keys[1] != keys[2]


def test_templates_do_not_see_the_secrets_among_the_headers(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, "text = \"{{ headers|join(' ') }}\"")
    given = {"X-Api-Key": "s", "Authorization": "Bearer s", "Cookie": "s", "X-Gitlab-Token": "s", "X-Kind": "alert"}
    assert text_of(hook, with_headers({}, given)) == "x-kind"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "body: is empty"),
        (b" \n", "body: is empty"),
        (b"{", "body: is not JSON in UTF-8"),
        (b"[]", "body: must be a JSON object"),
        (b'"text"', "body: must be a JSON object"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "body: is nested more than 64 levels deep"),
        (b"[" * 100_000, "body: is not JSON in UTF-8"),
        (b'{"a": "' + b"x" * 25 * 1024 * 1024 + b'"}', "body: has 26,214,409 bytes: at most 26,214,400 are taken"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(tmp_path: Path, body: bytes, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        a_hook(tmp_path, 'text = "x"').render(incoming(body))
    assert str(caught.value).startswith(problem)
    assert caught.value.__context__ is None, "the parser's error holds the body"


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b'{"x": 1, "x": "last"}', "", "last"),
        (b'\xef\xbb\xbf{"x": "mark"}', "", "mark"),
        (b'{"x": "half \\ud83d"}', "", "half \ufffd"),
        (b'{"x": "\\ud83d\\ude00 and \\\\ud83d"}', "", "😀 and \\ud83d"),
        (b'{"x": "cut \xe7\xa3"}', "", "cut \ufffd"),
        ('{"x": "磁盘"}'.encode("gbk"), "application/json; charset=GBK", "磁盘"),
        ('{"x": "磁盘"}'.encode(), "application/json;charset=gbk", "磁盘"),
        ('{"x": "磁盘"}'.encode("utf-16"), "application/json", "磁盘"),
        (b'{"x": "caf\xe9"}', 'application/json; charset="iso-8859-1"; odata=verbose', "café"),
        (b'{"x": "caf\xe9"}', "application/json; charset=punycode", "caf\ufffd"),
        (b'{"x": "y", "n": NaN, "i": -Infinity, "l": 1e999}', "", "y"),
    ],
)
def test_a_body_is_taken_as_its_sender_means_it(tmp_path: Path, body: bytes, content_type: str, text: str) -> None:
    posted = with_headers(body, {"Content-Type": content_type})
    source = "{{ payload.x }}{{ payload.n|default(payload.i|default(payload.l|default(''))) }}"
    assert text_of(a_hook(tmp_path, f'text = "{source}"'), posted) == text


def test_a_form_is_told_to_be_json(tmp_path: Path) -> None:
    posted = with_headers(b"payload=%7B%7D", {"Content-Type": "application/x-www-form-urlencoded"})
    with pytest.raises(BadInput, match="set the content type of the webhook to application/json"):
        a_hook(tmp_path, 'text = "x"').render(posted)


@pytest.mark.parametrize(
    "source",
    [
        "{{ payload.__class__.__mro__ }}",
        "{{ payload._members }}",
        "{{ payload.cut_at(5) }}",
        "{{ ''.__class__ }}",
        "{{ payload['__init__'].__globals__ }}",
        "{{ headers.__getitem__ }}",
        "{{ payload.x.format(payload) }}",
    ],
)
def test_templates_reach_nothing_but_the_payload(tmp_path: Path, source: str) -> None:
    with pytest.raises(BadInput) as caught:
        a_hook(tmp_path, f'text = "{source}"').render(incoming({"x": SECRET}))
    assert SECRET not in str(caught.value)


def test_jinja_in_a_payload_is_text(tmp_path: Path) -> None:
    assert text_of(a_hook(tmp_path, 'text = "{{ payload.x }}"'), incoming({"x": "{{ 7 * 7 }}"})) == "{{ 7 * 7 }}"


def test_nothing_that_was_posted_stands_in_a_repr(tmp_path: Path) -> None:
    posted = incoming({"x": SECRET}, x_kind=SECRET)
    assert SECRET not in repr(posted)
    assert SECRET not in repr(a_hook(tmp_path, 'text = "{{ payload.x }}"').render(posted))


def test_the_type_of_ids_does_not_concern_addresses(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'to = ["u_ann", "bob@corp.example"]', 'user_id_type = "user_id"', 'text = "x"')
    by_id, by_mail = hook.render(incoming({})).notifications
    assert (by_id.user_id_type, by_id.receiver_id) == ("user_id", "u_ann")
    assert (by_mail.user_id_type, by_mail.email) == ("open_id", "bob@corp.example")
