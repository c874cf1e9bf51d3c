"""The documentation in the console: every page in both languages, with links and a picture that lead somewhere."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
import requests

from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.integration.console.console_visitor import Visitor
from tests.integration.console.test_pages import INLINE
from tests.integration.producers.web.serving import serving

__all__: list[str] = []

DOCS = Path(__file__).resolve().parents[3] / "docs"
NAMES = sorted(path.stem for path in DOCS.glob("*.md"))
ANCHOR, LINK = re.compile(r'<h\d id="([^"]+)"'), re.compile(r'(?:href|src)="((?:/console)?/docs/[^"]+)"')


@pytest.fixture(scope="module")
def url(valkey: Settings) -> Iterator[str]:
    """Without any key, requests of this machine see everything."""
    ledger = Ledger(valkey)
    ledger.redis.flushall()
    ledger.redis.close()
    with serving(valkey) as served:
        yield served


#: With a title.
ARTICLE = re.compile(r'<article class="panel prose" tabindex="0" aria-label="[^"]+">\s*<h1')


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_page_is_shown_and_every_link_leads_to_a_section(url: str, language: str) -> None:
    visitor = Visitor(url, language)
    pages = {f"/console/docs/{name}": visitor.look(f"/docs/{name}") for name in NAMES}
    for path, page in pages.items():
        assert not INLINE.search(page), path
        assert ARTICLE.search(page), path
        assert "简体中文</strong></p>" not in page
        for link in LINK.findall(page):
            target, _, anchor = unescape(link).partition("#")
            if target in pages:
                assert not anchor or anchor in ANCHOR.findall(pages[target]), f"{path} links to {link}"
            else:
                assert requests.get(url + target, timeout=120).status_code == 200, f"{path} links to {link}"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("path", ["/keys", "/docs/README", "/docs/http"])
def test_the_reference_of_the_api_is_found_from_here_in_the_language_of_the_console(
    url: str, language: str, path: str
) -> None:
    [link] = re.findall(r'href="(/docs/api[^"]*)"', Visitor(url, language).look(path))
    answer = requests.get(url + unescape(link), headers={"Accept-Language": "fr"}, timeout=120)
    assert answer.status_code == 200
    assert f'<html lang="{language}"' in answer.text


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_in_the_language_of_the_console(url: str, name: str) -> None:
    for language, folder in (("en", DOCS), ("zh-CN", DOCS / "zh-CN")):
        page, source = Visitor(url, language).look(f"/docs/{name}"), (folder / f"{name}.md").read_text("utf-8")
        title = source.partition("\n")[0].removeprefix("# ")
        assert f">{title}</h1>" in unescape(page)


def test_the_picture_of_the_architecture_is_there(url: str) -> None:
    assert '<img src="/docs/architecture.svg" alt="Producers accept' in Visitor(url).look("/docs/architecture")


@pytest.mark.parametrize("name", ["nothing", "generate", "..%2Fcatalogue", "zh-CN", "README.md"])
def test_another_name_is_no_page(url: str, name: str) -> None:
    assert Visitor(url).status(f"/docs/{name}") == 404
