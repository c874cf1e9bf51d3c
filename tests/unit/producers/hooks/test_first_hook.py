"""`deskbell hook new`: from a sample it writes a hook that makes a message of it, and leaves the rest alone."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from producers.cli.command_line import run
from producers.cli.output import ExitCode
from producers.hooks.first_hook import first_hook, likely_use
from tests.few import few
from tests.unit.producers.hooks.hook_cases import PAYLOADS, hooks_of, incoming, payload
from tests.unit.producers.hooks.test_ready import CARDS, POSTED

__all__: list[str] = []


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No Redis, and no file yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESKBELL_HOOKS", str(tmp_path / "hooks.toml"))
    monkeypatch.setenv("DESKBELL_REDIS_URL", "redis://127.0.0.1:1/0")
    return tmp_path / "hooks.toml"


def given(headers: dict[str, str]) -> list[str]:
    return [word for name, value in headers.items() for word in ("--header", f"{name}:{value}")]


SAMPLES = [*POSTED, *((name, dict[str, str]()) for name in CARDS)]


@pytest.mark.parametrize(("name", "headers"), few(SAMPLES, one_in=5), ids=[f"{n} {'+'.join(h)}" for n, h in SAMPLES])
def test_a_hook_from_a_sample_makes_a_message_of_it(
    file: Path, capsys: pytest.CaptureFixture[str], name: str, headers: dict[str, str]
) -> None:
    sample = str(PAYLOADS / f"{name}.json")
    assert run(["hook", "new", "first", sample, "--to", "ann@corp.example", "--json", *given(headers)]) == ExitCode.DONE
    written = json.loads(capsys.readouterr().out)
    others = {"forgejo": "github", "gitea": "github", "sentry": "generic"}  # as good, where nothing tells them apart
    tool = name.partition("_")[0]
    assert written["use"] in (tool, others.get(tool))
    assert written["path"] == "/v1/hooks/first"
    assert run(["hook", "test", "first", sample, "--json", *given(headers)]) == ExitCode.DONE
    tried = json.loads(capsys.readouterr().out)
    assert {each["email"] for each in tried["notifications"]} == {"ann@corp.example"}


@pytest.mark.parametrize(("name", "headers"), few(SAMPLES[::4], one_in=4))
def test_each_line_that_is_a_comment_may_be_made_one_of_the_hook(
    tmp_path: Path, name: str, headers: dict[str, str]
) -> None:
    posted = incoming(payload(name), **{each.replace("-", "_"): value for each, value in headers.items()})
    text = first_hook("it", "ou_ada", posted, likely_use(posted), is_first=True)
    choices = re.findall(r"^# ((?:when|text|expires) = .*)$", text, re.MULTILINE)
    assert len(choices) == 3
    for choice in choices:
        assert hooks_of(tmp_path, text.replace(f"# {choice}", choice))


def test_other_hooks_of_the_file_stay(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = '# ours\n[hook.mine]\nuse = "generic"\nto = "ou_bob"\nsecret_env = "NOT_SET_HERE"\n'
    file.write_text(before, "utf-8")
    file.chmod(0o600)
    sample = str(PAYLOADS / "generic.json")
    assert run(["hook", "new", "second", sample]) == ExitCode.DONE
    assert file.read_text("utf-8").startswith(before + "\n[hook.second]\n")
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]
    printed = capsys.readouterr()
    assert printed.out == f'{file}: hook second, use = "generic"\n'
    assert f"deskbell hook test second {sample}" in printed.err
    after = file.read_bytes()
    assert run(["hook", "new", "second", sample]) == ExitCode.BAD_INPUT
    assert "has a hook second already" in capsys.readouterr().err
    assert file.read_bytes() == after


def test_stdin_is_read_and_stdout_written(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    odd: dict[str, Any] = {"weird": {"a-b": [1, 2], "api_key": "s3cr3t", "deep": {"x\u202e\x7f\n": 'y"'}}}
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(odd).encode())))
    assert run(["hook", "new", "odd", "-o", "-"]) == ExitCode.DONE
    text = capsys.readouterr().out
    assert 'text = "{{ plain }}"' in text
    assert 'payload.weird["a-b"]' in text
    assert "s3cr3t" not in text
    assert not file.exists()
    assert hooks_of(file.parent, text)


@pytest.mark.parametrize(
    ("arguments", "body", "problem"),
    [
        (["Odd Name"], "{}", "is not a valid hook name"),
        (["odd"], "[1]", "body: must be a JSON object"),
        (["odd"], "", "body: is empty"),
        (["odd", "--to", "no one"], '{"text": "x"}', "hook.odd.to"),
        (["odd", "--header", "x"], '{"text": "x"}', "header: must be written as NAME:VALUE"),
        (["odd", "-o", "/nowhere/hooks.toml"], '{"text": "x"}', "cannot be written: No such file"),
    ],
)
def test_what_cannot_be_written_is_told_and_nothing_is(
    file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    body: str,
    problem: str,
) -> None:
    sample = file.with_name("sample.json")
    sample.write_text(body, "utf-8")
    assert run(["hook", "new", arguments[0], str(sample), *arguments[1:]]) == ExitCode.BAD_INPUT
    assert problem in capsys.readouterr().err
    assert list(file.parent.iterdir()) == [sample]


def test_a_file_that_is_no_toml_stays(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("[hook", "utf-8")
    assert run(["hook", "new", "it", str(PAYLOADS / "generic.json")]) == ExitCode.BAD_INPUT
    assert "is not TOML: " in capsys.readouterr().err
    assert file.read_text("utf-8") == "[hook"
