"""Desks, hooks and codes that somebody wrote to do harm, or by mistake: one line that names the file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from feishu.codes import CodeTable
from ledger.errors import BadInput
from ledger.settings import Settings
from producers.hooks.hook_file import load_hooks

__all__: list[str] = []

READERS: dict[str, Callable[[Path], object]] = {
    "DESKBELL_DESKS": lambda path: Settings(desks=path, _env_file=None).all_desks,
    "DESKBELL_HOOKS": lambda path: load_hooks(Settings(hooks=path, _env_file=None)),
    "DESKBELL_ERROR_CODES": CodeTable.load,
}
HOSTILE = {
    "nested": (b"a = " + b"[" * 5000, "is nested too deeply"),
    "nested tables": (b"a = " + b"{a=" * 5000, "is nested too deeply"),
    "digits": (b"a = " + b"9" * 5000, "contains a number with too many digits"),
    "large": (b"# " + b"x" * 1024 * 1024, "has more than 1,048,576 bytes"),
    "cut": (b"[", "is not TOML: "),
    "no text": (b"\xff", "is not UTF-8 text (byte 0)"),
}


@pytest.mark.parametrize(("content", "problem"), HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("variable", READERS)
def test_hostile_toml_is_one_line(tmp_path: Path, variable: str, content: bytes, problem: str) -> None:
    path = tmp_path / "file.toml"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        READERS[variable](path)
    assert str(caught.value).startswith(f"{variable}: {path} {problem}")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("content", ["desk = 1", "desk = []", "desk.hr = 1"])
def test_a_desks_file_without_tables_says_so(tmp_path: Path, content: str) -> None:
    path = tmp_path / "desks.toml"
    path.write_text(content)
    with pytest.raises(BadInput, match=r"must contain tables \[desk\.NAME\]"):
        READERS["DESKBELL_DESKS"](path)
