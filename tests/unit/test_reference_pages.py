"""The reference pages of docs/ are what the code says, and the index names every page."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from feishu.scopes import FEATURES
from ledger.settings import Desk, Settings
from tests.all_of import all_of
from tests.unit.markdown_pages import ROOT, anchors

DOCS = ROOT / "docs"
LINKING = sorted([*ROOT.glob("README*.md"), *DOCS.rglob("*.md")])


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", sorted(generator().PAGES))
def test_a_reference_page_is_what_make_docs_would_write(page: str) -> None:
    assert (DOCS / page).read_text("utf-8") == generator().PAGES[page](), "run make docs"


def test_every_text_about_settings_and_scopes_is_used() -> None:
    assert written_in_chinese("scopes") == {text for each in FEATURES for text in (each.name, each.without)}
    fields = [*Settings.model_fields.values(), *(field for name, field in Desk.model_fields.items() if name != "name")]
    english = {" ".join(str(field.description).split()) for field in fields}
    assert written_in_chinese("settings") == english


def written_in_chinese(about: str) -> set[str]:
    return set(tomllib.loads((ROOT / f"console/catalogue/{about}.zh-CN.toml").read_text("utf-8")))


def test_the_index_names_every_page() -> None:
    named = set(re.findall(r"\]\(([\w.-]+\.md)\)", (DOCS / "README.md").read_text("utf-8")))
    pages = {page.name for page in DOCS.glob("*.md")} - {"README.md"}
    assert named == pages


@all_of("page", LINKING, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(((?!https?:)[^)]+)", page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(there), f"{page.name} links to {target}: no heading has this anchor"


def test_the_runbook_has_a_part_for_each_alert_and_no_other() -> None:
    alerts = re.findall(r"alert: (\w+)", (DOCS.parent / "deploy/prometheus/alerts.yml").read_text("utf-8"))
    parts = re.findall(r"^## (\w+)$", (DOCS / "runbook.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(parts) == sorted(alerts)


@pytest.mark.parametrize("page", sorted(DOCS.rglob("for-*.md")), ids=lambda page: page.relative_to(DOCS).as_posix())
def test_the_page_of_a_role_fits_one_screen(page: Path) -> None:
    text = page.read_text("utf-8")
    assert len(text.splitlines()) <= 45
    assert len(text.split()) <= 400


@pytest.mark.parametrize("picture", sorted(DOCS.glob("*.svg")), ids=lambda picture: picture.name)
def test_a_picture_is_readable_light_and_dark_and_loads_nothing(picture: Path) -> None:
    text = picture.read_text("utf-8")
    root = ElementTree.fromstring(text)
    svg = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{svg}title") is not None
    assert root.find(f"{svg}desc") is not None
    assert "prefers-color-scheme: dark" in text
    first = root.find(f"{svg}rect")
    assert first is not None, "a page behind it may have any colour"
    assert (first.get("class"), first.get("width")) == ("sheet", "1000")
    assert not re.search(r"<script|<image|<foreignObject|href=|@import|url\((?!#)", text)
