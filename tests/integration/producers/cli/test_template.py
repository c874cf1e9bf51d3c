"""`deskbell template`, and what is sent by a template from the command line and Celery, over a real Valkey."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from ledger.dropped_messages import DroppedMessages
from ledger.ledger import Ledger
from ledger.settings import Settings
from producers.cli.command_line import run
from tests.integration.producers.cli.announcing_desk import Output, asked, people
from worker.celery import tasks
from worker.runtime import Runtime

__all__: list[str] = []


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, empty_valkey: Settings, tmp_path: Path) -> Settings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESKBELL_REDIS_URL", str(empty_valkey.redis))
    return Settings.from_env()


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with redis.Redis.from_url(str(settings.redis)) as client:
        yield Ledger(settings, client)


def saved(capsys: Output, name: str, content: str, template: str = "disk") -> Any:
    Path(name).write_text(content, "utf-8")
    return asked(capsys, "template", "save", template, name)


def told(capsys: Output, *arguments: str, code: int = 0) -> tuple[str, str]:
    assert run(arguments) == code
    return capsys.readouterr()


def sent(capsys: Output, ledger: Ledger, *options: str) -> Any:
    return ledger.get(asked(capsys, "send", "--to", "ou_ada", *options)["id"]).notification.message.content


def test_each_kind_of_file_can_be_a_template(settings: Settings, capsys: Output) -> None:
    assert saved(capsys, "a.txt", "Disk {{ host }}\n")["variables"] == ["host"]
    assert told(capsys, "template", "show", "disk@1")[0] == "Disk {{ host }}\n"
    assert saved(capsys, "b.md", "# Disk\n\n**{{ host }}**\n")["version"] == 2
    assert told(capsys, "template", "show", "disk")[0] == "# Disk\n\n**{{ host }}**\n\n"
    assert saved(capsys, "c.yaml", 'msg_type: text\ncontent: {text: "{{ host }}"}\n')["version"] == 3
    assert json.loads(told(capsys, "template", "show", "disk", "--json")[0])["versions"] == [1, 2, 3]
    out, err = told(capsys, "template", "save", "disk", "c.yaml")
    assert (out, err) == ("disk@3\n", "deskbell: it has the same message as before, so there is no new version\n")
    [listed] = asked(capsys, "template", "list")
    assert (listed["name"], listed["version"], listed["message"]) == ("disk", 3, None)
    assert told(capsys, "template", "list")[0].split("\t")[:2] == ["disk", "3"]
    assert told(capsys, "template", "delete", "disk")[0] == "disk\n"
    assert "desk default has no templates" in told(capsys, "template", "show", "disk", code=2)[1]


def test_it_is_sent_by_its_name_and_a_dropped_variable_is_told(
    settings: Settings, ledger: Ledger, capsys: Output
) -> None:
    saved(capsys, "a.txt", "{{ host }}: {{ free }}")
    options = ("--template", "disk", "--var", "host=db-3", "--var", "free=2% = little")
    assert sent(capsys, ledger, *options) == {"text": "db-3: 2% = little"}
    Path("a.txt").write_text("{{ host }} is full", "utf-8")
    out, err = told(capsys, "template", "save", "disk", "a.txt")
    assert out == "disk@2\n"
    assert "disk@2 does not use free, which callers sent until 20" in err
    assert 'disk@2 does not use "free": it uses "host"' in told(capsys, "send", "--to", "ou_ada", *options, code=2)[1]
    assert sent(capsys, ledger, "--template", "disk@1", *options[2:]) == {"text": "db-3: 2% = little"}
    assert (
        "must be written as NAME=VALUE"
        in told(capsys, "send", "--to", "ou_ada", "--template", "disk", "--var", "host", code=2)[1]
    )


def test_it_is_announced_by_its_name(settings: Settings, ledger: Ledger, capsys: Output) -> None:
    saved(capsys, "a.md", "# Move\n\nDear **{{ name }}**")
    announced = asked(capsys, "announce", str(people()), "--template", "disk")
    spec = ledger.announcements.get(announced["id"]).spec
    assert spec.message["content"]["header"]["title"]["content"] == "Move"
    assert "did you mean" in told(capsys, "announce", str(people()), "--template", "dsik", code=2)[1]


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("a.txt", "{{ host", "is not a valid template"),
        ("a.md", "a\n\n```\nb\n```", "line 3: a card cannot show a block of code"),
        ("a.doc", "x", "must end in .json, .yaml or .yml"),
        ("a.txt", " ", "blank"),
    ],
)
def test_what_cannot_be_a_template_is_told(
    settings: Settings, capsys: Output, file: str, content: str, said: str
) -> None:
    Path(file).write_text(content, "utf-8")
    assert said in told(capsys, "template", "save", "disk", file, code=2)[1]


def test_a_celery_task_sends_by_template(
    settings: Settings, ledger: Ledger, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(capsys, "a.txt", "{{ host }}")
    runtime = Runtime(settings)
    monkeypatch.setattr(tasks, "runtime", lambda: runtime)
    tasks.send.run(receiver_id="ou_ada", template="disk", variables={"host": "db-3"})
    [id] = ledger.redis.zrange(ledger.keys.events, 0, -1)
    assert ledger.get(id.decode()).notification.message.content == {"text": "db-3"}
    tasks.send.run(receiver_id="ou_ada", template="disk", variables={"hots": "db-3"}, key="k")
    [dropped] = DroppedMessages(ledger.redis, ledger.keys).summary().latest
    assert 'disk@1 does not use "hots": it uses "host"' in str(dropped.reason)
    assert saved(capsys, "a.txt", "full")["dropped"][0]["name"] == "host"
