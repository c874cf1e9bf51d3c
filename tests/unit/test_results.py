"""The published figures: the page is made from `results.json`, and the tables of other pages have the same figures."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)  # benchmarks are not installed
    return importlib.import_module("benchmarks.results")


def test_the_page_of_results_is_made_from_the_file(results: Any) -> None:
    assert results.PAGE.read_text("utf-8") == results.page(results.published()), "python -m benchmarks writes both"


def test_the_distances_in_deploy_are_those_measured(results: Any) -> None:
    shares: dict[str, list[str]] = {}
    for figure in results.published()["far"]["figures"]:
        [distance] = re.findall(r"^Redis (\d+ ms) away", figure["what"])
        shares.setdefault(distance, []).extend(re.findall(r"([\d.]+%) used", figure["measured"]))
    rows = "".join(f"| {distance} | {' | '.join(used)} |\n" for distance, used in shares.items())
    assert rows in (ROOT / "docs/deploy.md").read_text("utf-8")


@pytest.mark.parametrize("of", ["import celery, requests", "from deskbell import Notifier", "Notifier.from_env()"])
def test_the_costs_of_a_start_in_performance_are_those_measured(results: Any, of: str) -> None:
    figures = results.published()["imports"]["figures"]
    [measured] = [figure["measured"] for figure in figures if f"`{of}`" in figure["what"]]
    rows = (ROOT / "docs/performance.md").read_text("utf-8").splitlines()
    assert any(f"`{of}`" in row and row.endswith(f" {measured} |") for row in rows)
