"""What the command line prints in Chinese: usage errors, words on a terminal, lines by their width."""

import ast
from pathlib import Path

import pytest

import producers.cli
from console.i18n import language
from ledger.phrases import Phrase
from ledger.record import NotificationJson
from ledger.states import AnnouncementState, Outcome, State
from producers.cli.columns import width_of, wrapped
from producers.cli.command_line import run
from producers.cli.language import catalogue, in_sequence, translated, word
from producers.cli.output import confirmed, note
from producers.cli.tables import spoken
from producers.cli.usage_phrases import heard
from tests.english import english_in
from tests.unit.source_tree import nodes

__all__: list[str] = []

Output = pytest.CaptureFixture[str]


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKBELL_LANG", "zh-CN")


def columns() -> set[str]:
    """The heads of tables, and the names that `word` is asked for."""
    found: set[str] = set()
    for path in Path(producers.cli.__file__).parent.glob("*.py"):
        for node in nodes(path):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Tuple()) if name.lower().endswith("columns"):
                    found |= set(ast.literal_eval(node.value))
                case ast.Call(func=ast.Name(id="show_list" | "show_table"), args=args):
                    tuples = [arg for arg in args if isinstance(arg, ast.Tuple)]
                    found |= {name for each in tuples for name in ast.literal_eval(each)}
                case ast.Call(func=ast.Name(id="word"), args=[ast.Constant(value=str(name))]):
                    found.add(name)
    return found - {""}


def test_columns_and_fields_have_chinese_names() -> None:
    fields = {*NotificationJson.__annotations__, *columns()} - {"attempts", "acts", "open_id", "url", "summary"}
    assert sorted(fields - catalogue("words").keys()) == []


def test_states_and_outcomes_have_the_names_of_the_console() -> None:
    words, texts = catalogue("words"), language("zh-CN").texts
    states = {*State, *AnnouncementState, "complete", "partial"} - {AnnouncementState.LOADING}
    assert {state: words[state] for state in states} == {state: texts[f"state.{state}"] for state in states}
    outcomes = set(Outcome) - {Outcome.UNKNOWN, Outcome.DELIVERED}
    assert {each: words[each] for each in outcomes} == {each: texts[f"outcome.{each}"] for each in outcomes}


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sned"], "没有命令 'sned'（是不是 'send'）"),
        (["send"], "send：缺少选项 '--to'"),
        (["show"], "show：缺少参数 'ID'"),
        (["resolve", "n_1"], "resolve：缺少选项 '--as'，可选：delivered, failed, resend"),
        (["key"], "key：缺少命令"),
        (["key", "mint"], "key：没有命令 'mint'"),
        (["list", "--limit", "0"], "list：'--limit' 的值无效：不能小于 1"),
        (["list", "--limit", "few"], "list：'--limit' 的值无效：应为整数"),
        (["web", "--port", "99999"], "web：'--port' 的值无效：不能大于 65535"),
        (["send", "--to", "a", "--text", "x", "--wait", "soon"], "send：'--wait' 的值无效：应为数字"),
        (
            ["send", "--to", "a", "--receive-type", "fax"],
            "'--receive-type' 的值无效：'fax' 不在可选值之中：'chat', 'user'",
        ),
        (["send", "--bogus"], "send：没有选项 --bogus"),
        (["send", "--tex"], "send：没有选项 --tex（可能是 --at, --text, --to）"),
        (["send", "--to"], "选项 '--to' 需要一个值"),
        (["show", "n_1", "--json=1"], "选项 '--json' 不带值"),
        (["audit", "all"], "audit：多余的参数：all"),
        (["repair", "nowhere"], "repair：'DIRECTORY' 的值无效：文件 'nowhere' 不存在（path）"),
        (["up", "--sandbox-directory", "."], "up：'--sandbox-directory' 的值无效：'.' 是目录（file）"),
    ],
)
def test_bad_usage_is_told_in_chinese(arguments: list[str], told: str, capsys: Output) -> None:
    assert run(arguments) == 2
    err = capsys.readouterr().err
    assert told in err
    assert not english_in(err, ["delivered, failed, resend"])


def test_what_typer_says_is_told_as_it_is_in_english() -> None:
    for text in ("Missing option '--to'.", "Something new.", "Invalid value for '--at': Something new"):
        assert heard(text) == text


@pytest.mark.usefixtures("chinese")
def test_what_is_no_phrase_stands_as_it_is() -> None:
    assert translated("failed") == "failed"
    assert translated(Phrase("{command}: {problem}", command="key", problem="x")) == "key：x"


@pytest.mark.usefixtures("chinese")
def test_lengths_of_time_and_sequences_are_said_in_chinese() -> None:
    assert translated(spoken(6_000)) == "1 小时 40 分钟"
    assert (
        translated(in_sequence([Phrase("starts at once"), Phrase("{span} left", span=spoken(5))]))
        == "立即开始；还需 5 秒"
    )


def test_words_are_english_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert word("delivered") == "delivered"
    monkeypatch.setenv("DESKBELL_LANG", "zh")
    assert (word("delivered"), word("od-1")) == ("已送达", "od-1")


@pytest.mark.parametrize(
    ("typed", "default", "meant"),
    [
        ("y", False, True),
        ("", False, False),
        ("", True, True),
        ("no", True, False),
        ("是", False, True),
        ("否", True, False),
    ],
)
def test_a_question_takes_an_answer_in_both_languages(
    typed: str, default: bool, meant: bool, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    answers = iter(["perhaps", typed])
    monkeypatch.setattr("builtins.input", lambda: next(answers))
    assert confirmed(Phrase("Send it to {n:,} receiver? | Send it to {n:,} receivers?", n=2), default=default) is meant
    assert capsys.readouterr().err.count("Send it to 2 receivers?") == 2


@pytest.mark.usefixtures("chinese")
def test_a_note_in_chinese_keeps_control_characters_out(capsys: Output) -> None:
    note(Phrase("{id} is {state}", id="n_1\x1b[2J", state="failed"))
    assert capsys.readouterr().err == "deskbell: n_1�[2J：失败\n"


def test_a_line_below_the_first_begins_with_the_indent() -> None:
    lines = wrapped("共 12 行，其中有 3 行无效，因此什么都没有受理。", 20, "  ")
    assert all(line.startswith("  ") for line in lines[1:])
    assert max(map(width_of, lines)) <= 20
