"""The command line without a Redis: usage, exit codes, and what is told on which stream."""

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Protocol

import pytest
import typer

from ledger.errors import BadInput, DeskbellError, KeyReused, LedgerUnreachable, NotAllowed, NotDurable, NotFound
from producers.cli.command_line import GROUPS, VERBS, run
from producers.cli.output import ExitCode
from tests.all_of import all_of
from tests.english import english_in

__all__: list[str] = []

Output = pytest.CaptureFixture[str]
SEND = ("send", "--to", "ou_ada", "--text", "hi")


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 1 is reserved, and nobody listens there.
    monkeypatch.setenv("DESKBELL_REDIS_URL", "redis://:hush@127.0.0.1:1/0")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput("text", "must not be blank"), 2),
        (KeyReused("k", "n_1"), 2),
        (LedgerUnreachable("gone"), 3),
        (NotFound("n_1"), 5),
        (NotAllowed("n_1", "cancel", "delivered"), 2),
        (NotDurable("slow"), 1),
        (DeskbellError("else"), 1),
    ],
)
def test_each_error_has_its_exit_code(error: DeskbellError, code: int) -> None:
    assert error.exit_code == ExitCode(code) == code


def test_the_exit_codes_are_those_of_the_contract() -> None:
    assert [code.value for code in ExitCode] == [0, 1, 2, 3, 4, 5, 130]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sned",), "Did you mean 'send'?"),
        (("send", "--text", "hi"), "'--to'"),
        (("send", "--to", "ou_ada"), "give one of --text, --message, --markdown, --markdown-text and --template"),
        ((*SEND, "--message", "m.yaml"), "give one of --text, --message, --markdown, --markdown-text and --template"),
        (("send", "--to", "ou_ada", "--message", "m.yaml"), "message: 'm.yaml' cannot be read"),
        ((*SEND, "--bogus"), "--bogus"),
        ((*SEND, "--receive-type", "fax"), "'fax'"),
        ((*SEND, "--wait", "soon"), "'--wait'"),
        ((*SEND, "--wait", "-1"), "-1"),
        ((*SEND, "--expires", "never"), "expires: 'never' is not a valid time"),
        ((*SEND, "--desk", "hr"), "there is no desk 'hr'"),
        (("send", "--to", ", ,", "--text", "hi"), "to: give at least one receiver"),
        (("send", "--to", "ou_ada", "--text", " "), "must not be blank"),
        (("list", "--state", "lost"), "'lost'"),
        (("list", "--limit", "0"), "'--limit'"),
        (("show",), "'ID'"),
        (("resolve", "n_1"), "'--as'"),
        (("resume",), "give either the ID of an announcement or --desk default"),
    ],
)
def test_bad_usage_and_bad_input_are_one_line_and_exit_2(
    no_redis: None, capsys: Output, arguments: tuple[str, ...], said: str
) -> None:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("deskbell: ")
    assert err.count("\n") == 1
    assert said in err


@pytest.mark.parametrize(
    "arguments",
    [
        SEND,
        ("show", "n_1"),
        ("list", "--notifications"),
        ("watch", "n_1"),
        ("retry", "n_1"),
        ("cancel", "n_1"),
        ("resolve", "n_1", "--as", "failed"),
        ("desks",),
        ("resume", "--desk", "default"),
        ("up",),
    ],
)
def test_without_redis_each_verb_says_which_url_and_what_to_do_and_exits_3(
    no_redis: None, capsys: Output, arguments: tuple[str, ...]
) -> None:
    assert run(arguments) == 3
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "redis://127.0.0.1:1/0 is not reached (Connection refused)" in err
    assert "check DESKBELL_REDIS_URL" in err
    assert "hush" not in err


def test_without_the_embedded_valkey_the_hint_is_deskbell_up(capsys: Output) -> None:
    assert run(SEND) == 3
    assert "`deskbell up`" in capsys.readouterr().err


def test_doctor_goes_on_without_redis_and_exits_3(no_redis: None, capsys: Output) -> None:
    assert run(["doctor"]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["fail redis", "fail desk default"]
    assert "DESKBELL_HELPDESK_TOKEN" in lines[1]


def test_a_wrong_setting_is_told_by_its_variable(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("DESKBELL_RATE", "5")
    assert run(["desks"]) == 2
    assert "DESKBELL_RATE: '5' is not a valid rate" in capsys.readouterr().err


def test_dotenv_is_read(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / ".env").write_text("DESKBELL_REDIS_URL=redis://127.0.0.1:1/7\n")
    assert run(SEND) == 3
    assert "127.0.0.1:1/7" in capsys.readouterr().err


def test_brackets_and_control_characters_of_others_are_told_as_they_are_or_not_at_all(capsys: Output) -> None:
    assert run(["send", "--to", "ou_ada", "--text", "hi", "--at", "[bold]x\x1b[2J[/]"]) == 2
    err = capsys.readouterr().err
    assert "[bold]x" in err
    assert "[/]" in err
    assert "\x1b" not in err


def test_the_help_lists_every_verb_with_its_summary(capsys: Output) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"{name} " in shown and verb.summary in shown for name, verb in VERBS.items())


@pytest.mark.parametrize("name", [name for name in VERBS if name != "sandbox"])
def test_each_verb_has_a_help_with_json_in_it(name: str, capsys: Output) -> None:
    assert run([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--json" in shown
    assert f"deskbell {name}" in shown


@all_of("name", VERBS)
def test_each_verb_is_registered_by_the_module_of_the_table(name: str) -> None:
    app = typer.Typer()
    import_module(f"producers.cli.{VERBS[name].module}").register(app)
    found: dict[str | None, object] = {command.name: command.callback for command in app.registered_commands}
    found |= {group.name: group.typer_instance for group in app.registered_groups}
    assert found[name] is not None


def deskbell(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("deskbell"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
def test_the_installed_command_passes_arguments_and_help_on_to_the_sandbox() -> None:
    assert "--ticket-open-answer" in deskbell("sandbox", "--help").stdout
    assert deskbell("sandbox", "--rate", "often").returncode == 2


@pytest.mark.slow
def test_the_installed_command_exits_with_the_code_and_without_a_traceback() -> None:
    done = deskbell(*SEND)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)


@pytest.mark.slow
def test_a_parent_that_ignores_the_ends_of_its_processes_hides_no_exit_code(tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("deskbell"), "feishu", "subscribe"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "not set: app_id" in done.stderr


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_traceback() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "from producers.cli import main; main(['list', '--json'])"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        if process.stdout is not None:
            process.stdout.close()
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()


def test_deskbell_alone_and_help_say_what_there_is_under_headings(capsys: Output) -> None:
    said = []
    for arguments in ((), ("help",), ("-h",), ("--help",)):
        assert run(arguments) == 0
        said.append(capsys.readouterr().out)
    assert len(set(said)) == 1
    for heading in GROUPS:
        assert f"\n{heading}:\n" in said[0]
    assert max(map(len, said[0].splitlines())) <= 80


def test_help_of_a_verb_in_each_way(capsys: Output) -> None:
    said = []
    for arguments in (("help", "show"), ("show", "-h"), ("show", "--help")):
        assert run(arguments) == 0
        said.append(capsys.readouterr().out)
    assert len(set(said)) == 1
    assert said[0].startswith("Usage: deskbell show")


class Completed(Protocol):
    def __call__(self, line: str) -> list[str]: ...


def of_bash(line: str) -> dict[str, str]:
    """The variables by which it asks."""
    word = len(line.split()) - (not line.endswith(" "))
    return {"COMP_WORDS": line, "COMP_CWORD": str(word), "_DESKBELL_COMPLETE": "complete_bash"}


@pytest.fixture
def completed(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> Completed:
    def ask(line: str) -> list[str]:
        for name, value in of_bash(line).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit):
            run([])
        told = capsys.readouterr()
        assert told.err == ""
        return told.out.split()

    return ask


@pytest.mark.slow
def test_the_installed_command_completes() -> None:
    environment = {**os.environ, **of_bash("deskbell send --des")}
    command = [Path(sys.executable).with_name("deskbell")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout.split(), done.stderr) == (["--desk"], "")


@pytest.mark.usefixtures("no_redis")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("deskbell re", {"resume", "retry", "resolve", "repair", "reschedule", "reject"}),
        ("deskbell send --des", {"--desk"}),
    ],
)
def test_the_shell_completes_verbs_and_options(completed: Completed, line: str, offered: set[str]) -> None:
    assert set(completed(line)) == offered


@pytest.mark.parametrize(
    ("line", "beside"),
    [
        ("deskbell re", '"resume":"继续已暂停的公告，或恢复停发的服务台。"'),
        ("deskbell send --des", '"--desk":"用哪个服务台发送。默认为 default。"'),
        ("deskbell key li", '"link":"生成登录控制台的链接。"'),
    ],
)
def test_what_the_shell_shows_beside_its_offers_is_in_the_language_of_the_reader(
    monkeypatch: pytest.MonkeyPatch, capsys: Output, line: str, beside: str
) -> None:
    for name, value in (
        ("_TYPER_COMPLETE_ARGS", line),
        ("_DESKBELL_COMPLETE", "complete_zsh"),
        ("DESKBELL_LANG", "zh-CN"),
    ):
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        run([])
    told = capsys.readouterr().out
    assert beside in told.replace("\\`", "")
    assert english_in(told) == []


@pytest.mark.usefixtures("no_redis")
def test_ids_are_not_completed_without_redis_and_no_word_is_said(completed: Completed) -> None:
    assert completed("deskbell show a") == []


@pytest.mark.usefixtures("no_redis")
def test_desks_are_completed_from_the_settings(completed: Completed) -> None:
    assert completed("deskbell send --desk d") == ["default"]


def test_config_says_what_is_in_force_and_where_it_is_set(
    monkeypatch: pytest.MonkeyPatch, capsys: Output, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("DESKBELL_RATE=5/second\nDESKBELL_APP_ID=cli_file\n")
    monkeypatch.setenv("DESKBELL_APP_ID", "cli_mine")
    monkeypatch.setenv("DESKBELL_APP_SECRET", "hush-hush")
    monkeypatch.setenv("DESKBELL_REDIS_URL", "redis://:hush@127.0.0.1:1/0")
    assert run(["config"]) == 0
    out = capsys.readouterr().out
    found = {variable: rest for variable, *rest in (line.split("\t") for line in out.splitlines())}
    assert found["DESKBELL_RATE"] == ["5/second", ".env"]
    assert found["DESKBELL_APP_ID"] == ["cli_mine", "environment"]
    assert found["DESKBELL_APP_SECRET"] == ["(set)", "environment"]
    assert found["DESKBELL_RETRY_FOR"] == ["24h", "default"]
    assert "hush" not in out
    assert run(["config", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0].keys() == {"variable", "value", "set_in"}


@pytest.mark.usefixtures("no_redis")
def test_a_misspelt_variable_is_told_with_the_one_that_is_meant(
    monkeypatch: pytest.MonkeyPatch, capsys: Output, tmp_path: Path
) -> None:
    hooks = tmp_path / "hooks.toml"
    hooks.write_text('[hook.a]\nuse = "generic"\nto = "ou_1"\nsecret_env = "DESKBELL_HOOK_A"\n')
    for name in ("DESKBELL_RTE", "DESKBELL_HOOK_A", "DESKBELL_ZZZZ"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("DESKBELL_HOOKS", str(hooks))
    assert run(["config"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "deskbell: DESKBELL_RTE is not a variable of Deskbell: did you mean DESKBELL_RATE?",
        "deskbell: DESKBELL_ZZZZ is not a variable of Deskbell, and has no effect",
    ]
