"""Every file, module and test that a page or a docstring names exists."""

import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.all_of import all_of

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
PACKAGES = "benchmarks|console|feishu|http_client|ledger|producers|sandbox|tests|worker"
FOLDERS = f"{PACKAGES}|deploy|docs|examples"

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
SOURCES = sorted(
    path for name in PACKAGES.split("|") for path in (ROOT / name).rglob("*.[lp][uy]*") if path.suffix != ".pyc"
)

#: A path below one of our folders, but not the name of a test; `*` stands for any part of it.
PATH = re.compile(rf"(?<![\w./:{{%-])(?:{FOLDERS})/(?!test_)[\w./*-]*[\w*/]")
#: A module or something in it, and what `python -m` runs. `deskbell.send` is a task, `deskbell.Notifier` a class.
MODULE = re.compile(rf"(?<![\w./-])(?:(?:{PACKAGES})(?:\.[A-Za-z_]\w*)+|deskbell\.[A-Z]\w*)(?![\w/(:-])")
#: A test by the name of its file, perhaps with a folder before it.
TEST = re.compile(r"(?<![\w.-])[\w/]*\btest_\w+\*?")
#: What is named like a test, and is a field of a request.
FIELDS = {"test_to"}


def quoted(text: str) -> Iterator[str]:
    """What stands between backticks on one line; of a page also the blocks between fences."""
    yield from re.findall(r"`([^`\n]+)`", text)
    yield from re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)


def names(pattern: re.Pattern[str], path: Path) -> list[str]:
    return sorted({name for part in quoted(path.read_text("utf-8")) for name in pattern.findall(part)})


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@all_of("page", PAGES, ids=label)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    # A secret that the reader makes, and what a recipe tells to add.
    left_to_the_reader = (ROOT / ".gitignore").read_text("utf-8").split()
    missing = [name for name in names(PATH, page) if not list(ROOT.glob(name.rstrip("/")))]
    assert [name for name in missing if name not in left_to_the_reader and "NAME" not in name] == []


@all_of("page", PAGES, ids=label)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    named = [name for name in names(TEST, page) if name not in FIELDS]
    assert [name for name in named if not list(TESTS.glob(f"**/{name.removeprefix('tests/')}.py"))] == []


def test_every_module_that_is_named_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)  # benchmarks and tests are not installed
    missing = [
        f"{label(path)}: {name}" for path in [*PAGES, *SOURCES] for name in names(MODULE, path) if not is_there(name)
    ]
    assert missing == []


def is_there(name: str) -> bool:
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True
