"""The command line of the sandbox in Chinese: its help, its errors and what it prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from producers.cli.columns import width_of
from sandbox.options import _parser, parse_options
from sandbox.speech import LANGUAGES, said
from tests.english import english_in
from tests.few import few

__all__: list[str] = []

Output = pytest.CaptureFixture[str]
ENGLISH, CHINESE = LANGUAGES
FILES = {
    "broken.toml": "[[person]\n",
    "torn.toml": "[[person",
    "broken.json": "{,}",
    "odd.toml": "[span]\nx = 1\n",
    "untold.toml": '[[person]]\nname = "Ada"\n',
    "twice.toml": '[[person]]\nid = "a"\n[[person]]\nid = "a"\n',
    "asleep.toml": '[[person]]\nid = "a"\nstatus = "asleep"\n',
    "lost.toml": '[[person]]\nid = "a"\ndepartments = ["nowhere"]\n',
    "ring.toml": '[[department]]\nid = "a"\nparent = "a"\n',
    "table.toml": '[person]\nid = "a"\n',
    "kind.toml": '[[group]]\nid = "g"\nkind = "odd"\n',
    "key.toml": '[[group]]\nid = "g"\nsize = 3\n',
}


def test_the_help_is_in_chinese_and_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = _parser(CHINESE).format_help()
    assert english_in(told.partition("\n\n")[2]) == []
    assert [line for line in told.splitlines() if width_of(line) > 80] == []
    assert "--bot-stage-passes    没有客服接入的工单" in told
    assert "address to listen on" in _parser(ENGLISH).format_help()


@pytest.mark.parametrize(
    "line",
    [
        *("--port x", "--nope", "--port", "--people x", "--rate often", "--latency-ms x", "--keep-calls 0", "--seed x"),
        *("--tokens-live-seconds x", "--app x", "--events-url x", "--ticket-open-answer x", "--check=1", "--p 1"),
        *("--fault {}", "--fault 1", '--fault {"do":{"cut":"x"}}', '--fault {"do":{"code":"x"}}', "--fault {"),
        *('--fault {"do":{"code":1}}', '--fault {"do":{"cut":"after"},"match":{"path":"x"}}', '--fault {"do":{"x":1}}'),
        *("--directory nowhere.toml", "--directory .", *(f"--directory {name}" for name in FILES)),
    ],
)
def test_errors_are_in_chinese(line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Output) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        Path(name).write_text(content, "utf-8")
    for language in LANGUAGES:
        with pytest.raises(SystemExit) as end:
            parse_options(["--lang", language, *line.split(" ")])
        assert end.value.code == 2
    usage, _, problem = capsys.readouterr().err.rpartition("\nsandbox: ")
    assert "用法：" in usage
    assert english_in(problem) == [], problem
    assert any("一" <= character <= "鿿" for character in problem), problem


def test_what_it_prints_is_in_chinese() -> None:
    for text in (
        "sandbox listening on http://h:1 for app a with secret b, helpdesk c with token d at http://h:1",
        "sandbox listening on http://h:1 for app a with secret b, app e with secret f, helpdesk c with token d at x",
        "sandbox: cannot listen on 127.0.0.1:80: Permission denied",
    ):
        assert english_in(said(text, CHINESE)) == []
        assert said(text, ENGLISH) == text
    assert said("something else", CHINESE) == "something else"


@pytest.mark.parametrize(
    ("language", "told"),
    few(
        [("zh-CN", "sandbox: 参数 --port：'x' 应为端口"), ("en", "argument --port: 'x' must be a port")],
        one_in=2,
    ),
)
def test_the_command_passes_the_language_of_its_reader_on(language: str, told: str) -> None:
    command = [Path(sys.executable).with_name("deskbell"), "sandbox", "--port", "x"]
    environment = {**os.environ, "DESKBELL_LANG": language}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, told in done.stderr) == (2, True)
