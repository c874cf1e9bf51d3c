"""What a package index shows of README.md: nothing that leads nowhere."""

import shutil
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
MAKE = "from setuptools.build_meta import prepare_metadata_for_build_wheel as make; make('.')"
SHOWN = "http://127.0.0.1:8480/console/docs/"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """From the metadata that a build makes."""
    folder = tmp_path_factory.mktemp("package")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    subprocess.run([sys.executable, "-c", MAKE], cwd=folder, check=True, capture_output=True, timeout=200)
    [metadata] = folder.glob("*.dist-info/METADATA")
    message = message_from_bytes(metadata.read_bytes())
    assert message["Description-Content-Type"] == "text/markdown"
    text = message.get_payload(decode=True)
    assert isinstance(text, bytes)
    return text.decode()


def targets(page: str) -> list[str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    parts = [part for token in tokens for part in token.children or ()]
    return [str(part.attrGet("href") or part.attrGet("src")) for part in parts if part.type in ("link_open", "image")]


def test_no_link_is_relative_and_no_picture_is_missing(page: str) -> None:
    assert page.startswith("# Deskbell\n")
    found = targets(page)
    assert found
    assert [target for target in found if not target.startswith(("http://", "https://"))] == []
    assert "screenshots" not in page


def test_every_page_that_it_links_to_is_in_the_package(page: str) -> None:
    names = {target.removeprefix(SHOWN).partition("#")[0] for target in targets(page) if target.startswith(SHOWN)}
    assert {"deploy", "announcements", "README"} <= names
    assert [name for name in names if not (ROOT / f"console/docs/{name}.md").exists()] == []
