"""Each verb and each error of the command line in Chinese, in a pipe and on a terminal: no English sentence is left."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

import sandbox
from feishu.verdict import Verdict
from ledger.endings import HAD_LEFT, Ending
from ledger.ledger import Ledger
from ledger.settings import Settings
from ledger.states import Outcome, State
from producers.cli.columns import width_of
from producers.cli.command_line import VERBS, run
from producers.cli.output import COLUMNS
from tests.acceptance.chinese_scene import ChineseScene, refused, unanswered
from tests.english import english_in
from tests.integration.producers.cli.test_doctor import CREDENTIALS
from tests.integration.producers.cli.test_verbs import Worker

__all__: list[str] = []

pytestmark = pytest.mark.timeout(300)

Output = pytest.CaptureFixture[str]
#: What Feishu, or the sandbox in its place, says; values that programs read; names of fields and acts in a pipe.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ALLOWED = [
    *("not sending because", "ok desk default", "warn desk default", "ok feishu default", "ok contacts default"),
    "resolve as failed",
]
HOOKS = """
[hook.oncall]
use = "generic"
to = "ou_ada"
"""
PEOPLE = "receiver_id,name\nou_ada,安妮\nou_bob,鲍勃\n"


@pytest.fixture(scope="module")
def feishu() -> Iterator[str]:
    with sandbox.running() as base_url:
        yield base_url


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch, empty_valkey: Settings, feishu: str, tmp_path: Path) -> Iterator[Ledger]:
    (tmp_path / "people.csv").write_text(PEOPLE, "utf-8")
    (tmp_path / "bad.csv").write_text(PEOPLE + "not an id,卡尔\nou_ada,\n", "utf-8")
    (tmp_path / "hooks.toml").write_text(HOOKS, "utf-8")
    (tmp_path / "alert.json").write_text('{"text": "磁盘已满"}', "utf-8")
    (tmp_path / "move.md").write_text("# 搬家\n\n{{ name }}，周五搬家\n", "utf-8")
    variables = {"REDIS_URL": str(empty_valkey.redis), "FEISHU_URL": feishu, "LANG": "zh-CN", "HOOKS": "hooks.toml"}
    for name, value in {**CREDENTIALS, **variables}.items():
        monkeypatch.setenv(f"DESKBELL_{name}", value)
    with redis.Redis.from_url(str(empty_valkey.redis)) as client:
        yield Ledger(Settings.from_env(), client)


class Tongue:
    """Runs command lines, and judges what they print."""

    def __init__(self, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch
        self.used: set[str] = set()

    def __call__(self, *arguments: str, allowed: tuple[str, ...] = ()) -> str:
        """What it printed on stdout."""
        self.used.add(arguments[0])
        run(arguments)
        out, err = self._capsys.readouterr()
        self.err = err
        found = english_in(f"{out}\n{err}", [*ALLOWED, *allowed])
        assert not found, (arguments, found, out, err)
        return out.strip()

    def on_a_terminal(self, *arguments: str, allowed: tuple[str, ...] = ()) -> str:
        self._capsys.readouterr()
        with self._monkeypatch.context() as patch:
            patch.setenv("COLUMNS", "80")
            for stream in (sys.stdout, sys.stderr):
                patch.setattr(stream, "isatty", lambda: True)
            out = self(*arguments, allowed=allowed)
        for line in _ESCAPES.sub("", self.err).splitlines():
            assert width_of(line) <= COLUMNS, (arguments, line)
        return out


@pytest.fixture
def tongue(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> Tongue:
    return Tongue(capsys, monkeypatch)


def test_every_verb(ledger: Ledger, tongue: Tongue) -> None:
    worker = Worker(ledger)
    event = _sends(tongue)
    running = tongue("announce", "people.csv", *TEXT, "--yes", "--stop-at", "5%", "--first", "1")
    draft = tongue("announce", "people.csv", "--markdown", "move.md", "--draft")
    _announces(tongue, draft)
    for show in (tongue, tongue.on_a_terminal):
        for arguments in ((), ("--drafts",), ("--notifications",)):
            show("list", *arguments)
        for what in (event, running, draft, "default"):
            show("show", what)
    assert "ou_ada (test)\t" in tongue("list", "--notifications"), "a pipe has the same in every language"
    worker.lose_all()
    _decides(tongue, event, running)
    tongue("start", draft)
    tongue("discard", draft)
    for show in (tongue, tongue.on_a_terminal):
        _shows(show, event, running)
    _keeps(tongue)
    assert VERBS.keys() - tongue.used == {"up", "web", "sandbox", "watch"}
    tongue("watch")
    tongue("watch", event)


@pytest.mark.parametrize(
    "verdict", [refused(154001, 401, "拒绝"), unanswered()], ids=["with an answer of Feishu's", "without an answer"]
)
def test_a_held_desk(ledger: Ledger, tongue: Tongue, verdict: Verdict) -> None:
    event = tongue("send", "--to", "ou_ada", "--text", "磁盘已满")
    scene = ChineseScene(ledger)
    scene.hold("credentials", verdict)
    for show in (tongue, tongue.on_a_terminal):
        for arguments in (("desks",), ("show", "default"), ("doctor",)):
            show(*arguments)
    for receiver in ("ou_bob", "wang@corp.example"):
        tongue("send", "--to", receiver, "--text", "磁盘已满", "--wait", "0.3")
    tongue("watch")
    assert json.loads(tongue("show", event, "--json"))["state"] == "queued"


@pytest.mark.parametrize("ending", Ending)
def test_a_call_without_an_answer(ledger: Ledger, tongue: Tongue, ending: Ending) -> None:
    event, said = tongue("send", "--to", "ou_ada", "--text", "磁盘已满"), HAD_LEFT + ending
    Worker(ledger).end_all(State.UNKNOWN, Outcome.UNKNOWN, msg=said)
    for show in (tongue, tongue.on_a_terminal):
        show("show", event)
    assert json.loads(tongue("show", event, "--json", allowed=(said,)))["error"]["msg"] == said


def test_a_damaged_record(ledger: Ledger, tongue: Tongue) -> None:
    event = tongue("send", "--to", "ou_ada", "--text", "磁盘已满")
    ledger.redis.hset(ledger.keys.notification(event), mapping={"progress": "{", "input": "{"})
    for show in (tongue, tongue.on_a_terminal):
        show("show", event)
        show("list", "--notifications")
        show("doctor")


def test_a_broken_ledger(ledger: Ledger, tongue: Tongue) -> None:
    tongue("send", "--to", "ou_ada", "--text", "磁盘已满")
    ledger.redis.delete(ledger.keys.waiting("e_default"), ledger.keys.desks)
    for show in (tongue, tongue.on_a_terminal):
        show("doctor", "--ledger")


TEXT = ("--text", "{{ name }}，你好")


def _sends(tongue: Tongue) -> str:
    event = tongue("send", "--to", "ou_ada", "--text", "磁盘已满", "--key", "k")
    tongue("send", "--to", "ou_ada,ou_ada", "--text", "磁盘已满", "--key", "k")
    tongue("send", "--to", "ou_bob", "--text", "磁盘已满", "--wait", "0.3")
    tongue("send", "--to", "ou_bob", "--text", "磁盘已满", "--at", "2h", "--wait", "0.3")
    return event


def _announces(tongue: Tongue, draft: str) -> None:
    tongue("announce", "people.csv", *TEXT, "--dry-run")
    tongue("announce", "people.csv", *TEXT, "--yes", "--stop-at", "5%", "--first", "1")
    tongue("announce", "bad.csv", *TEXT, "--dry-run")
    tongue("announce", "bad.csv", *TEXT, "--skip-invalid", "--yes", "--name", "二")
    tongue("test", draft, "--to", "ou_ada")
    tongue("submit", draft)
    tongue("approve", draft)
    tongue("reject", draft, "--why", "日期不对")


def _decides(tongue: Tongue, event: str, running: str) -> None:
    tongue("list", "--notifications", "--find", "ada")
    tongue("resolve", running, "--as", "failed")
    tongue("retry", running)
    tongue("retry", "--code", "154004")
    tongue("pause", running)
    tongue("resume", running)
    tongue("resume", "--desk", "default")
    tongue("reschedule", event, "--at", "3h")
    tongue("again", running)
    tongue("correct", running, "--text", "{{ name }}，改为周一", "--yes")
    tongue("cancel", running)
    tongue("export", running, "-o", "out.csv")


def _shows(show: Callable[..., str], event: str, running: str) -> None:
    show("show", event)
    show("show", running)
    show("list", "--notifications", "--state", "unknown")
    show("audit")
    for verb in ("desks", "config", "departments", "groups", "doctor", "dropped"):
        show(verb)
    for group in ("template", "hook", "key"):
        show(group, "list")
    show("hook", "list", "--ready")
    show("people", "ou_ada", "nobody@corp.example", "+8613800138000")
    show("doctor", "--ledger")


def _keeps(tongue: Tongue) -> None:
    tongue("template", "save", "move", "move.md")
    tongue("template", "save", "move", "move.md")
    tongue("template", "list")
    tongue("template", "show", "move")
    tongue("template", "delete", "move")
    tongue("hook", "test", "oncall", "alert.json")
    tongue("hook", "new", "second", "alert.json", "--to", "ou_ada")
    tongue("key", "create", "--name", "grafana", "--scope", "send")
    tongue("key", "link", "grafana")
    tongue("key", "revoke", "grafana")
    tongue("feishu", "subscribe")
    tongue("probe", "--to", "ou_ada")
    tongue("probe", "--forget-codes")
    tongue("repair", ".")


@pytest.mark.parametrize(
    "line",
    [
        "send --to ou_a",
        "send --to , --text x",
        "send --to ou_a --text x --at never",
        "send --to ou_a --text x --expires 25:00",
        "send --to ou_a --text x --desk hr",
        "send --to ou_a --text x --throttle soon",
        "send --to ou_a --text x --digest 5m --throttle 5m",
        "send --to ou_a --text x --callback-url ftp://x",
        "send --to ou_a --template gone",
        "send --to ou_a --text x --var a",
        "send --to ou_a --message nowhere.yaml",
        "announce nowhere.csv --text x",
        "announce people.csv",
        "announce people.csv --text {{",
        "announce people.csv --text {{nam}}",
        "announce bad.csv --text {{name}} --yes",
        "announce people.csv --text x --between 9-18",
        "announce people.csv --text x --stop-at 200",
        "announce people.csv --text x --draft --watch",
        "announce people.csv --text x --row 2",
        "announce --text x --everyone --direct",
        "announce --department od-gone --text x",
        "announce people.csv --text x --new-since n_1",
        "announce people.csv --text x --encoding klingon",
        "list --state lost",
        "list --find x",
        "list --drafts --notifications",
        "show n_nowhere",
        "show a_nowhere",
        "watch n_nowhere",
        "export n_1",
        "export a_nowhere",
        "pause n_1",
        "pause a_nowhere",
        "cancel n_nowhere",
        "retry",
        "retry n_1 --code 5",
        "retry --since 1h --until 2h",
        "resolve --as failed",
        "resume",
        "resume --desk hr",
        "reschedule a_nowhere --at 1h",
        "submit a_nowhere",
        "approve a_nowhere",
        "reject a_nowhere --why x",
        "start a_nowhere",
        "correct a_nowhere --text x --yes",
        "again a_nowhere",
        "test a_nowhere --to ou_a",
        "template show gone",
        "template save 1/2 move.md",
        "template delete gone",
        "hook test gone alert.json",
        "hook test oncall nowhere.json",
        "hook new oncall alert.json",
        "key create --name x --scope send --rate often",
        "key revoke gone",
        "key link gone",
        "people ou_a --desk hr",
        "probe",
        "probe --to ou_a --human",
        "up --sandbox-port 5",
        "feishu subscribe --desk hr",
        "departments --desk hr",
    ],
)
def test_every_error(ledger: Ledger, tongue: Tongue, line: str) -> None:
    assert tongue(*line.split()) == ""
