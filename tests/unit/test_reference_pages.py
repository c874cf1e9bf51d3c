"""The reference pages of docs/ are what the code says, and the index names every page."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["configuration.md", "troubleshooting.md"])
def test_a_reference_page_is_what_make_docs_would_write(page: str) -> None:
    assert (DOCS / page).read_text("utf-8") == generator().PAGES[page]()


def test_the_index_names_every_page() -> None:
    named = set(re.findall(r"\]\(([\w.-]+\.md)\)", (DOCS / "README.md").read_text("utf-8")))
    pages = {page.name for page in DOCS.glob("*.md")} - {"README.md"}
    assert named == pages


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(((?!https?:|#)[^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_runbook_has_a_part_for_each_alert_and_no_other() -> None:
    alerts = re.findall(r"alert: (\w+)", (DOCS.parent / "deploy/prometheus/alerts.yml").read_text("utf-8"))
    parts = re.findall(r"^## (\w+)$", (DOCS / "runbook.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(parts) == sorted(alerts)
