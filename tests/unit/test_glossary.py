"""`docs/glossary.md` has the words of the code, and words that were given up do not come back."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.i18n import language
from ledger.states import Outcome, State
from ledger.store import NAMES
from tests.all_of import all_of
from tests.unit.source_tree import ROOT, files, nodes

__all__: list[str] = []

#: Words that stood for several things, or for none that a newcomer could guess.
RETIRED_WORDS = {"door", "holding", "incoming", "lookout", "outward", "scene", "site", "tallying"}
#: Modules whose names said too little; the words themselves are in use for other things.
RETIRED_MODULES = {
    "acceptance", "acts", "asking", "case", "collector", "dropped", "elsewhere", "expressions", "fields", "findings",
    "full", "gate", "gathering", "head", "hours", "leaf", "measuring", "message_look", "needs", "now", "patience",
    "posted", "printing", "seal", "shapes", "slow", "tally_sheet", "wire", "work",
}  # fmt: skip


def parts() -> dict[str, list[tuple[str, str]]]:
    """The parts of the page by their headings, each with its rows: the word, and the names in the code."""
    text = (ROOT / "docs/glossary.md").read_text("utf-8")
    return {
        part.partition("\n")[0]: re.findall(r"^\| (?!word|---)([^|]+) \|[^|]+\| ([^|]+) \|$", part, re.MULTILINE)
        for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    }


@pytest.mark.parametrize(
    ("heading", "words"), [("States", State), ("Outcomes of an attempt", Outcome), ("Verbs", NAMES)]
)
def test_every_state_outcome_and_verb_has_its_line_and_no_other(
    heading: str, words: type[State] | tuple[str, ...]
) -> None:
    assert sorted(word.strip("`") for word, _ in parts()[heading]) == sorted(words)


def test_every_word_names_what_it_is_in_the_code() -> None:
    """That these names exist is looked at with all names of all pages, in `test_named_paths.py`."""
    rows = [row for part in parts().values() for row in part]
    assert len(rows) > 60
    assert [word for word, code in rows if not re.fullmatch(r"`[a-z_]+[./]?[\w./]*`(, `[\w./]+`)*", code)] == []


@pytest.mark.parametrize(
    ("page", "heading"), [("glossary.md", "## In Chinese"), ("zh-CN/glossary.md", '## <a id="in-chinese"></a>')]
)
def test_the_chinese_words_are_those_of_the_console(page: str, heading: str) -> None:
    part = (ROOT / "docs" / page).read_text("utf-8").partition(heading)[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| `(\w+\.\w+)` \|$", part, re.MULTILINE)
    texts = language("zh-CN").texts
    assert len(rows) > 20
    assert [(word, texts[key]) for word, chinese, key in rows if chinese not in texts[key]] == []


#: Of these one is used, and stands in the glossary.
GIVEN_UP = ("收件人", "收信人", "接收者", "Worker", "workers", "worker")
CHINESE = [
    path
    for path in (*ROOT.glob("*.zh-CN.md"), *ROOT.glob("docs/zh-CN/*.md"), *ROOT.glob("[cfps]*/**/*zh-CN.toml"))
    if not path.is_relative_to(ROOT / "tests") and path.name != "glossary.md"
]


@all_of("path", CHINESE, ids=lambda path: path.name)
def test_one_thing_has_one_name_in_chinese(path: Path) -> None:
    text = path.read_text("utf-8")
    if path.suffix == ".toml":
        text = "\n".join(_texts(tomllib.loads(text)))
    code = r"""```.*?```|`[^`]*`|"[^"\n]*"|\{[^{}]*\}|\]\([^)]*\)|<[^>]*>|\w*[/-]\w+"""
    told = re.sub(code, "", text, flags=re.DOTALL)
    assert [word for word in GIVEN_UP if re.search(rf"(?<![A-Za-z]){word}(?![A-Za-z])", told)] == []


def _texts(of: Any) -> Iterator[str]:
    for value in of.values():
        yield from _texts(value) if isinstance(value, dict) else [str(value)]


def test_no_word_is_explained_twice_in_one_part() -> None:
    for rows in parts().values():
        words = [word for word, _ in rows]
        assert sorted(set(words)) == sorted(words)


def test_a_retired_word_does_not_come_back() -> None:
    assert {name for name, path in files().items() if path.stem in RETIRED_MODULES} == set()
    assert {(name, word) for name, path in files().items() for word in used_in(path) & RETIRED_WORDS} == set()


def used_in(path: Path) -> set[str]:
    """The words of the module's name, and of the classes, functions and methods in it."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    names = {path.stem} | {node.name for node in nodes(path) if isinstance(node, kinds)}
    return {word for name in names for word in words_of(name)}


def words_of(name: str) -> set[str]:
    """In the singular: `_scenes` is `scene`."""
    return {word.lower().removesuffix("s") for word in re.findall(r"[A-Z]?[a-z]+", name)}
