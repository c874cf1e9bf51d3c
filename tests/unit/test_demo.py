"""`make demo` speaks both languages."""

import ast
import re
import runpy
from pathlib import Path

import pytest

from deskbell import Outcome, State
from tests.english import english_in

__all__: list[str] = []

DEMO = Path(__file__).resolve().parents[2] / "examples/demo.py"


def test_all_that_the_demo_says_has_its_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    demo = runpy.run_path(str(DEMO), run_name="demo")
    calls = [each for each in ast.walk(ast.parse(DEMO.read_text("utf-8"))) if isinstance(each, ast.Call)]
    of_say = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "say"]
    said = {arg.value if isinstance(arg, ast.Constant) else demo[arg.id] for arg in of_say}
    assert said <= demo["CHINESE"].keys()
    for english, chinese in demo["CHINESE"].items():
        assert set(re.findall(r"{\w+}", chinese)) == set(re.findall(r"{\w+}", english))
        assert english_in(re.sub(r"\[/?bold\]|^  .*$", "", chinese, flags=re.MULTILINE)) == []
    monkeypatch.setenv("DESKBELL_LANG", "zh-CN")
    assert demo["say"]("155000: retried") == "155000：已重试"
    assert {*State, *Outcome} <= demo["CHINESE_WORDS"].keys()
    assert not [word for word in demo["CHINESE_WORDS"].values() if english_in(word)]
