"""An empty page says what to do first. Its link leads there, or its command does it: then the page is not empty."""

import html
import json
import re
import shlex
from pathlib import Path

import pytest

from ledger.api_key import Scope
from ledger.settings import Settings
from producers.cli.command_line import run
from tests.acceptance.installation import eventually
from tests.integration.console.console_visitor import Visitor
from tests.integration.producers.cli.announcing_desk import Output, people
from tests.integration.producers.web.serving import serving
from tests.integration.producers.web.web_thread import WebThread

__all__: list[str] = []

#: The paragraphs that stand in the place of a list.
PLACE = re.compile(r'<p class="(?:panel )?(?:empty|quiet)">(.*?)</p>', re.DOTALL)
MESSAGE = {"msg_type": "text", "content": {"text": "Dear {{ name }}"}}


@pytest.fixture(autouse=True)
def by_command_line(empty_valkey: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of the same machine, in a folder with what the commands name."""
    monkeypatch.setenv("DESKBELL_DATA_DIR", str(empty_valkey.data_dir))
    monkeypatch.chdir(tmp_path)
    people()
    Path("message.json").write_text(json.dumps(MESSAGE), "utf-8")
    Path("payload.json").write_text('{"text": "Disk full on db-3"}', "utf-8")


@pytest.fixture(params=["en", "zh-CN"])
def visitor(web: WebThread, request: pytest.FixtureRequest) -> Visitor:
    """Without any key, so that this machine may do everything."""
    return Visitor(web.url, request.param)


def step(visitor: Visitor, path: str, contains: str) -> str:
    """What stands in the place of a list on this page, and contains this."""
    visitor.look(path)
    [found] = [each for each in PLACE.findall(visitor.page.text) if contains in html.unescape(each)]
    return str(found)


def follow(visitor: Visitor, path: str, target: str) -> str:
    """The page that the link of the empty place leads to."""
    place = step(visitor, path, f'href="{target}"')
    assert re.sub(r"<a .*?</a>", "", place).strip(), "it says what it is empty of"
    return visitor.look(target.removeprefix("/console"))


def carry_out(visitor: Visitor, path: str, command: str, capsys: Output) -> str:
    """Runs the command of the empty place, as it stands there. Returns what it printed."""
    place = html.unescape(step(visitor, path, f"<code>{command}"))
    [line] = re.findall(r"<code>deskbell (.*?)</code>", place)
    assert place.partition("<code>")[0].strip(), "it says what the command is for"
    assert run(shlex.split(line.replace("NAME", "first"))) == 0, line
    return capsys.readouterr().out


def test_no_announcements_lead_to_the_first_one(visitor: Visitor) -> None:
    page = follow(visitor, "/announcements", "/console/announcements/new")
    assert 'name="recipients"' in page


def test_a_key_that_may_not_announce_gets_the_command_for_it(web: WebThread, capsys: Output) -> None:
    reader = Visitor(web.url).sign_in(web.secret(Scope.READ))
    assert "/console/announcements/new" not in reader.look("/announcements")
    carry_out(reader, "/announcements", 'deskbell announce people.csv --text "…"', capsys)
    [id] = web.context.ledger.announcements.ids(10)
    eventually(lambda: f'href="/console/announcements/{id}"' in reader.look("/announcements"), 20, "it is listed")


def test_no_events_lead_to_the_first_one(visitor: Visitor, capsys: Output) -> None:
    id = carry_out(visitor, "/notifications", "deskbell send ", capsys).split()[0]
    page = visitor.look("/notifications")
    assert id in page
    assert not [each for each in PLACE.findall(page) if "deskbell send" in each]
    assert "deskbell send" not in visitor.look("/notifications?key=none"), (
        "a search that finds nothing is another thing"
    )


def test_nothing_that_needs_somebody_leads_to_what_is_sent_now(visitor: Visitor) -> None:
    page = follow(visitor, "/needs", "/console/")
    assert 'class="desks"' in page


def test_no_keys_lead_to_the_form_that_makes_one(visitor: Visitor) -> None:
    assert re.sub(r"<a .*?</a>", "", step(visitor, "/keys", 'href="#create"')).strip()
    place = visitor.page.text.partition('id="create"')[2]
    assert '<form class="stack" method="post" action="/console/keys">' in place
    answer = visitor.act("/keys", name="mia", scope=["operate", "read", "admin"])
    assert answer.status_code == 201, answer.text[:300]
    assert 'href="#create"' not in answer.text


def test_no_hooks_lead_to_the_first_one(
    visitor: Visitor, empty_valkey: Settings, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out(visitor, "/hooks", "deskbell hook new ", capsys)
    assert Path("hooks.toml").exists()
    with serving(empty_valkey.model_copy(update={"hooks": Path("hooks.toml").absolute()})) as url:
        upgraded = Visitor(url)
        assert 'href="/console/hooks/grafana"' in upgraded.look("/hooks")
        monkeypatch.setenv("DESKBELL_HOOKS", "hooks.toml")
        place = html.unescape(step(upgraded, "/hooks", "<code>deskbell hook test "))
        [line] = re.findall(r"<code>deskbell (.*?)</code>", place)
        assert run(shlex.split(line.replace("NAME", "grafana"))) == 0


def test_no_acts_lead_to_the_audit_log(visitor: Visitor, capsys: Output) -> None:
    assert carry_out(visitor, "/hooks", "deskbell audit ", capsys) == ""


def test_no_templates_lead_to_the_first_one(visitor: Visitor, capsys: Output) -> None:
    carry_out(visitor, "/announcements/new", "deskbell template save ", capsys)
    page = visitor.look("/announcements/new")
    assert "<option>first</option>" in page
    assert "deskbell template save" not in page
