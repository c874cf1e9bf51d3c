"""The page that a package index shows. Everything else is in pyproject.toml.

An index shows README.md without the repository around it, so relative links and pictures lead nowhere. The repository
has no public address yet; what every reader of the page can have is the documentation that comes with the package, as
the console of `deskbell up` shows it. Once there is a public address, it belongs in `DOCUMENTATION`.
"""

import re
from pathlib import Path

from setuptools import setup

DOCUMENTATION = "http://127.0.0.1:8480/console/docs/{page}"
NOTE = "Links to the documentation lead to the console of `deskbell up` on your machine, which shows it offline."

_PICTURE = re.compile(r"^!\[[^]]*\]\((?!https?:)[^)]*\)\n+", re.MULTILINE)
_LANGUAGES = re.compile(r"^\*\*English\*\* · .*\n+", re.MULTILINE)
_LINK = re.compile(r"\[([^]]*)\]\((?!https?:|#)([^)#]*)(#[^)]*)?\)")


def package_page(readme: str) -> str:
    """Pages of the documentation are linked to where they are shown; of other files only the name stays."""
    text = _PICTURE.sub("", _LANGUAGES.sub(f"{NOTE}\n\n", readme))
    return _LINK.sub(_absolute, text)


def _absolute(link: re.Match[str]) -> str:
    text, path, anchor = link[1], link[2], link[3] or ""
    page = re.fullmatch(r"docs/([\w/-]+)\.md", path)
    return f"[{text}]({DOCUMENTATION.format(page=page[1])}{anchor})" if page else text


setup(
    long_description=package_page((Path(__file__).parent / "README.md").read_text("utf-8")),
    long_description_content_type="text/markdown",
)
