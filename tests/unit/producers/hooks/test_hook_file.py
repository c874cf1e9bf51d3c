"""The hooks file: what may stand in it, and the error that names what is wrong."""

import base64
from pathlib import Path

import pytest

from ledger.delivery_options import OnOpenTicket, OnUnknown, ReceiveType, UserIdType
from ledger.errors import BadInput
from ledger.settings import Settings
from producers.hooks.hook_file import load_hooks
from producers.hooks.signature import Signature
from tests.unit.producers.hooks.hook_cases import a_hook, hooks_of, incoming, payload, text_of

__all__: list[str] = []


def problem_of(folder: Path, toml: str, **environment: str) -> str:
    with pytest.raises(BadInput) as caught:
        hooks_of(folder, toml, **environment)
    return str(caught.value)


def test_without_a_file_there_are_no_hooks() -> None:
    assert dict(load_hooks(Settings(_env_file=None))) == {}


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ("[hook", "DESKBELL_HOOKS: "),
        ("hooks = 1", "must contain only tables [hook.NAME], not 'hooks'"),
        ("hook = 1", "must contain only tables [hook.NAME]"),
        ("[hook]\nit = 1", "hook.it: must be a table"),
        ('[hook."../etc"]\nto = "ou_a"', "DESKBELL_HOOKS: '../etc' is not a valid hook name"),
        ('[hook.It]\nto = "ou_a"', "'It' is not a valid hook name"),
        ('[hook.it]\nto = "ou_a"\ntext = "x"\ncolour = "red"', "hook.it.colour: is not a known field"),
        ('[hook.it]\nto = "ou_a"\ntext = "x"\nsummary = "x"', "hook.it.summary: is not a known field"),
        ('[hook.it]\nto = "ou_a"\ntext = 5', "hook.it.text: must be a string, not a number"),
        ('[hook.it]\nto = "ou_a"\ntext = 2026-11-22', "hook.it.text: is a Python date"),
        ('[hook.it]\nto = "ou_a"\nuse = "trello"', "hook.it.use: is not a ready-made hook: use one of alertmanager, "),
        ('[hook.it]\nto = "ou_a"\nuse = "../x"', "hook.it.use: is not a ready-made hook"),
        ('[hook.it]\ntext = "x"', "hook.it.to: is missing"),
        ('[hook.it]\nto = []\ntext = "x"', "hook.it.to: is missing"),
        ('[hook.it]\nuse = "generic"', "hook.it.to: is missing"),
        ('[hook.it]\nto = "ou_a"', "hook.it.text: is missing: give either text or message"),
        ('[hook.it]\nto = "ou_a"\ntext = "x"\nmessage = "m.yaml"', "hook.it.message: cannot be combined with text"),
        ('[hook.it]\nto = "ou_a"\nmessage = "m.yaml"', "hook.it.message: 'm.yaml' cannot be read"),
        ('[hook.it]\nto = "ou_a"\nmessage = {msg_type = "text"}', "hook.it.message.content: is missing"),
        ('[hook.it]\nto = "on_a"\ntext = "x"', "hook.it.to: begins with on_, so it cannot be open_id"),
        ('[hook.it]\nto = ["ou_a", "ou b"]\ntext = "x"', "hook.it.to: "),
        ('[hook.it]\nto = "x {{ paylod.to }}"\ntext = "x"', "hook.it.to: uses the unknown variable 'paylod'"),
        ('[hook.it]\nto = "ann@x, bob@x"\ntext = "x"', "hook.it.to: is not an e-mail address"),
        ('[hook.it]\nto = "+12"\ntext = "x"', "hook.it.to: is not a mobile number"),
        ('[hook.it]\nto = ["{{ payload. }}"]\ntext = "x"', "hook.it.to[0]: is not a valid template"),
        ('[hook.it]\nto = "ou_a"\ntext = "{{ paylod.x }}"', "hook.it.text: uses the unknown variable 'paylod'"),
        (
            '[hook.it]\nto = "ou_a"\ntext = "x"\nkey = "{{ id }}"',
            "hook.it.key: uses the unknown variable 'id': use one of brief",
        ),
        (
            '[hook.it]\nto = "ou_a"\ntext = "x"\nwhen = "status == 1"',
            "hook.it.when: uses the unknown variable 'status'",
        ),
        ('[hook.it]\nto = "ou_a"\ntext = "x"\nwhen = "{{ payload.x }}"', "hook.it.when: "),
        (
            '[hook.it]\nto = "ou_a"\ntext = "x"\nfor_each = "payload.x }} {{ 1"',
            "hook.it.for_each: must be one expression",
        ),
        ('[hook.it]\nto = "ou_a"\ntext = "{% set x = 1 %}"', "hook.it.text.content.text: uses {% set %}"),
        ('[hook.it]\nto = "ou_a"\ntext = "x"\nexpires = "soon"', "hook.it.expires: 'soon' is not a valid time"),
        ('[hook.it]\nto = "ou_a"\ntext = "x"\ndesk = "hr"', "desk: there is no desk 'hr'"),
        (
            '[hook.it]\nto = "ou_a"\ntext = "x"\nreceive_type = "group"',
            "hook.it.receive_type: must be 'chat' or 'user'",
        ),
        ('[hook.it]\nto = "ou_a"\ntext = "x"\nsignature = "rsa"', "hook.it.signature: must be 'github', "),
        ('[hook.it]\nto = "ou_a"\ntext = "x"\nsignature = "github"', "hook.it.signature: also needs secret"),
        ('[hook.it]\nto = "ou_a"\ntext = "x"\nsecret = "s"', "hook.it.secret: also needs signature"),
        (
            '[hook.it]\nto = "ou_a"\nuse = "grafana"\ntimestamp_header = "X"',
            "hook.it.timestamp_header: also needs secret",
        ),
        ('[hook.it]\nto = "ou_a"\nuse = "github"\nsecret = ""', "hook.it.secret: is empty"),
        ('[hook.it]\nto = "ou_a"\nuse = "github"\nsecret_env = "GONE"', "hook.it.secret_env: names the variable GONE"),
        ('[hook.it]\nto = "ou_a"\nuse = "github"\nsecret_file = "gone"', "hook.it.secret_file: names "),
        (
            '[hook.it]\nto = "ou_a"\nuse = "github"\nsecret = "s"\nsecret_env = "S"',
            "hook.it.secret_env: cannot be combined with secret",
        ),
        (
            '[hook.it]\nto = "ou_a"\ntext = "x"\nsignature = "standard-webhooks"\nsecret = "not base64!"',
            "hook.it.secret: must be whsec_ and the base64 of 24 to 64 random bytes",
        ),
        (
            '[hook.it]\nto = "ou_a"\n[[hook.it.case]]\ntext = "x"\n[[hook.it.case]]\ntext = "{{ x }}"',
            "hook.it.case[1].text: uses the unknown variable 'x'",
        ),
        (
            '[hook.it]\nto = "ou_a"\n[[hook.it.case]]\ntext = "x"\nfor_each = "payload.x"',
            "hook.it.case[0].for_each: is not a known field",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, toml: str, problem: str) -> None:
    assert problem in problem_of(tmp_path, toml)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^DESKBELL_HOOKS: .*gone.toml cannot be read"):
        load_hooks(Settings(hooks=tmp_path / "gone.toml", _env_file=None))


def test_no_error_repeats_a_secret(tmp_path: Path) -> None:
    for line in (
        'signature = "standard-webhooks"\nsecret = "hunter2!"',
        'secret = ["hunter2!"]',
        'use = "x"\nsecret = "hunter2!"',
    ):
        assert "hunter2" not in problem_of(tmp_path, f'[hook.it]\nto = "ou_a"\ntext = "x"\n{line}')


def test_a_secret_comes_from_the_file_a_variable_or_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the file\n", "utf-8")
    toml = "\n".join(
        f'[hook.{name}]\nto = "ou_a"\nuse = "github"\n{line}'
        for name, line in (
            ("plain", 'secret = "written"'),
            ("variable", 'secret_env = "GITHUB_SECRET"'),
            ("file", 'secret_file = "secret"'),
            ("key", ""),
        )
    )
    hooks = hooks_of(tmp_path, toml, GITHUB_SECRET="of the variable")
    found = {
        name: hook.signature_check and hook.signature_check.secret.get_secret_value() for name, hook in hooks.items()
    }
    assert found == {"plain": "written", "variable": "of the variable", "file": "of the file", "key": None}
    assert "written" not in repr(hooks["plain"].signature_check)


def test_a_ready_made_hook_brings_its_signature_and_another_may_be_chosen(tmp_path: Path) -> None:
    assert a_hook(tmp_path, 'use = "sentry"', 'secret = "s"').signature_check.signature is Signature.SENTRY  # type: ignore[union-attr]
    secret = "whsec_" + base64.b64encode(b"s" * 32).decode()
    signature_check = a_hook(
        tmp_path, 'use = "generic"', 'signature = "standard-webhooks"', f'secret = "{secret}"'
    ).signature_check
    assert signature_check is not None
    assert signature_check.stops_replays


def test_the_options_of_a_hook_are_those_of_its_notifications(tmp_path: Path) -> None:
    hook = a_hook(
        tmp_path,
        'to = "on_ada"',
        'text = "x"',
        'user_id_type = "union_id"',
        'receive_type = "user"',
        'expires = "1h"',
        'on_unknown = "hold"',
        'on_open_ticket = "wait"',
    )
    [notification] = hook.render(incoming({})).notifications
    assert (notification.user_id_type, notification.receive_type) == (UserIdType.UNION_ID, ReceiveType.USER)
    assert (notification.on_unknown, notification.on_open_ticket) == (OnUnknown.HOLD, OnOpenTicket.WAIT)
    assert notification.expires_ms


def test_what_a_hook_says_itself_replaces_what_the_ready_made_one_says(tmp_path: Path) -> None:
    own = a_hook(tmp_path, 'use = "github"', 'text = "{{ payload.action }}"', 'key = "k"')
    posted = incoming(payload("github_issues"), x_github_event="issues", x_github_delivery="1")
    assert text_of(own, posted) == "opened"
    assert own.render(posted).notifications[0].key == "hook/it/k/ou_ada"


def test_the_condition_of_a_hook_stands_beside_that_of_the_ready_made_one(tmp_path: Path) -> None:
    mine = a_hook(tmp_path, 'use = "github"', "when = \"payload.repository.full_name == 'acme/lifts'\"")
    issues = payload("github_issues")
    other = {**issues, "repository": {**issues["repository"], "full_name": "acme/doors"}}
    headers = {"x_github_event": "issues", "x_github_delivery": "1"}
    assert len(mine.render(incoming(issues, **headers)).notifications) == 1
    assert not mine.render(incoming(other, **headers)).notifications
    assert not mine.render(incoming({**issues, "action": "labeled"}, **headers)).notifications


def test_the_cases_of_a_hook_take_the_place_of_the_ready_made_ones(tmp_path: Path) -> None:
    toml = """
        [hook.it]
        use = "github"
        to = "ou_ada"
        [[hook.it.case]]
        when = "headers['x-github-event'] == 'star'"
        text = "Starred by {{ payload.sender.login }}"
        to = "ou_bob"
    """
    hook = hooks_of(tmp_path, toml)["it"]
    posted = incoming({"sender": {"login": "eve"}}, x_github_event="star", x_github_delivery="d1")
    [notification] = hook.render(posted).notifications
    assert (notification.receiver_id, notification.key) == ("ou_bob", f"hook/it/{posted.digest}/ou_bob")
    assert not hook.render(incoming(payload("github_issues"), x_github_event="issues")).notifications


def test_a_message_may_be_a_table_or_a_file_beside_the_hooks_file(tmp_path: Path) -> None:
    (tmp_path / "card.yaml").write_text(
        "msg_type: interactive\n"
        "content: {elements: [{tag: div, text: {tag: plain_text, content: '{{ payload.x }}'}}]}\n",
        "utf-8",
    )
    element = "{tag = 'div', text = {tag = 'plain_text', content = '{{ payload.x }}'}}"
    table = f"{{msg_type = 'interactive', content = {{elements = [{element}]}}}}"
    for line in ('message = "card.yaml"', f"message = {table}"):
        [notification] = a_hook(tmp_path, line).render(incoming({"x": "Hi"})).notifications
        assert notification.message.content == {
            "elements": [{"tag": "div", "text": {"tag": "plain_text", "content": "Hi"}}]
        }


def test_a_token_is_of_one_hook_and_is_no_name_of_one(tmp_path: Path) -> None:
    token, other = "0123456789abcdef", "fedcba9876543210"
    lines = '[hook.{}]\nuse = "feishu-bot"\nto = "ou_ada"\ntokens = ["{}"]\n'
    found = hooks_of(tmp_path, lines.format("one", token) + lines.format("two", other))
    assert found["one"].token_digests.isdisjoint(found["two"].token_digests)
    assert token not in repr(found["one"].recipe)
    for text in (lines.format("one", token) + lines.format("two", token), lines.format(token, token)):
        with pytest.raises(BadInput, match="has the token of another hook, or the name of one") as caught:
            hooks_of(tmp_path, text)
        assert caught.value.field is not None
        assert caught.value.field.endswith(".tokens")
