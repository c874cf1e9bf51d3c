"""The files of the console: all of them are packed, and what others wrote has its licence beside it."""

import os
import re
import tomllib
from pathlib import Path

import console
from console.templating import environment

__all__: list[str] = []

FOLDER = Path(console.__file__).parent
PROJECT = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text("utf-8"))
VENDOR = FOLDER / "static/vendor"


def test_every_file_is_in_the_wheel_but_pictures_of_the_console_itself() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["console"]
    packed = {path for pattern in patterns for path in FOLDER.glob(pattern)}
    # Not rglob, which does not follow the link to the documentation.
    found = {Path(folder, name) for folder, _, names in os.walk(FOLDER, followlinks=True) for name in names}
    files = {path for path in found if path.suffix not in (".py", ".pyc") and path.parent.name != "screenshots"}
    assert files == {path for path in packed if path.is_file()}


def test_every_vendored_script_has_its_licence_and_its_version_in_its_name() -> None:
    scripts = sorted(path.name for path in VENDOR.glob("*.js"))
    assert scripts == ["htmx-2.0.11.min.js", "htmx-ext-sse-2.2.4.min.js"]
    for script in scripts:
        licence = VENDOR / f"{script.partition('-2.')[0]}-LICENSE.txt"
        assert "Permission to use, copy, modify, and/or distribute" in licence.read_text("utf-8")


def test_no_template_has_a_script_a_style_or_a_foreign_address_in_it() -> None:
    for path in (FOLDER / "templates").rglob("*.html"):
        html = path.read_text("utf-8")
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|https?://", html), path.name
        assert re.findall(r"<script(?![^>]*\ssrc=)", html) == [], path.name


def test_every_template_can_be_compiled() -> None:
    assert set(environment().list_templates()) == {
        str(path.relative_to(FOLDER / "templates")) for path in (FOLDER / "templates").rglob("*.html")
    }
