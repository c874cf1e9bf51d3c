"""`--help` in Chinese: every text has its translation, none is left over, and both languages fit 80 columns."""

import re
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import dotenv
import pytest
import typer

from producers.cli.chinese_help import paragraphs
from producers.cli.columns import width_of, wrapped
from producers.cli.command_line import GROUPS, VERBS, command_for, run
from producers.cli.language import catalogue, is_chinese, word

__all__: list[str] = []

Output = pytest.CaptureFixture[str]
#: Texts that Typer writes, and the words of the pages themselves.
OF_PAGES = {"[OPTIONS]", "COMMAND", "[ARGS]...", "Options", "Arguments", "Commands", "default", "required", "Example:"}
#: `sandbox` passes its arguments on, to a program that stands for itself.
PAGES = [[], *([name] for name in VERBS if name != "sandbox")]
BELOW = {
    "key": ("create", "list", "revoke", "link"),
    "hook": ("list", "test", "new"),
    "template": ("save", "list", "show", "delete"),
}
PAGES += [[group, verb] for group, verbs in BELOW.items() for verb in verbs]
#: An example with a text in English.
ENGLISH = re.compile(r'"[A-Za-z][^"]* ?[a-z}][^"]*"')


def commands(command: Any) -> Iterator[Any]:
    yield command
    for each in getattr(command, "commands", {}).values():
        yield from commands(each)


def texts_of(command: Any) -> Iterator[str]:
    """What a page says of a command: its help, its options, its examples as far as they hold an English text."""
    for is_fixed, lines in (each for text in (command.help, command.epilog) if text for each in paragraphs(text)):
        for line in lines:
            told = line.removeprefix("Example: ")
            if line == "Examples:" or not (is_fixed or told != line) or ENGLISH.search(told):
                yield told
    yield from filter(None, [command.short_help, *(getattr(param, "help", None) for param in command.params)])
    if getattr(command, "commands", None):
        yield from (each.get_short_help_str(80) for each in command.commands.values())


def texts() -> set[str]:
    root = command_for([])
    found = {*GROUPS, *(verb.summary for verb in VERBS.values()), *texts_of(root)}
    help_option = root.get_help_option(typer.Context(root))
    found.add(help_option.help)
    for name in VERBS:
        found |= {text for command in commands(command_for([name]).commands[name]) for text in texts_of(command)}
    return found


def test_every_text_has_its_chinese_and_no_text_is_left_over() -> None:
    assert catalogue("help").keys() == texts() | OF_PAGES


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_each_page_fits_80_columns(
    page: list[str], language: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("DESKBELL_LANG", language)
    assert run([*page, "--help"]) == 0
    for line in capsys.readouterr().out.splitlines():
        assert width_of(line) <= 80, line


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_no_page_in_chinese_has_an_english_sentence(
    page: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("DESKBELL_LANG", "zh-CN")
    assert run([*page, "-h"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("用法：deskbell")
    for line in out.splitlines():
        assert not re.search(r"\b[a-z']{2,} [a-z']{2,} [a-z']{2,}\b", re.sub(r"deskbell( [a-z]+)+", "", line)), line


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({}, False),
        ({"DESKBELL_LANG": "zh-CN"}, True),
        ({"DESKBELL_LANG": "zh"}, True),
        ({"DESKBELL_LANG": "en", "LANG": "zh_CN.UTF-8"}, False),
        ({"DESKBELL_LANG": "", "LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LC_MESSAGES": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, True),
        ({"LC_ALL": "C.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, False),
        ({"LC_ALL": "zh_TW.UTF-8", "LANG": "C"}, True),
    ],
)
def test_the_language_is_that_of_the_variable_or_else_of_the_locale(
    variables: dict[str, str], found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_chinese() is found


def test_the_language_may_be_set_in_dotenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / ".env").write_text("DESKBELL_LANG=zh-CN\n")
    assert is_chinese()
    monkeypatch.setenv("DESKBELL_LANG", "en")
    assert not is_chinese()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("发给所有人，可重复。", ["发给所有", "人，可重", "复。"]),
        ("见 a_06hzb2k1c9f3。", ["见", "a_06hzb2k1c9f3。"]),
        ("共（十）行", ["共（十）", "行"]),
    ],
)
def test_a_line_breaks_by_its_width_and_never_before_a_mark(text: str, lines: list[str]) -> None:
    assert wrapped(text, 9) == lines


def test_the_env_file_is_read_once_for_all_texts(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / ".env").write_text("DESKBELL_LANG=zh-CN\n")
    reading = Mock(wraps=dotenv.dotenv_values)
    monkeypatch.setattr(dotenv, "dotenv_values", reading)
    assert {word("delivered") for _ in range(3)} == {"已送达"}
    assert reading.call_count == 1
