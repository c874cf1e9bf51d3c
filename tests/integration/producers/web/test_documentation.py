"""The documentation as the web process serves it: every page, to anybody, and nothing else of the machine."""

import re
from http import HTTPStatus
from pathlib import Path

import pytest
import requests

from tests.integration.producers.web.web_thread import WebThread

ROOT = Path(__file__).resolve().parents[4]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_served_as_it_is(web: WebThread, path: str) -> None:
    answer = web.get(f"/{path}")
    assert (answer.status_code, answer.content) == (HTTPStatus.OK, (ROOT / path).read_bytes())
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_list_for_programs_leads_to_pages_that_are_served(web: WebThread) -> None:
    answer = web.get("/llms.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    links = re.findall(r"\]\(([^)]+)\)", answer.text)
    assert sorted(links) == [path for path in PAGES if path != "docs/README.md"]
    assert {web.get(f"/{link}").status_code for link in links} == {HTTPStatus.OK}


def test_the_picture_is_served_and_may_do_nothing(web: WebThread) -> None:
    answer = web.get("/docs/architecture.svg")
    assert (answer.status_code, answer.headers["content-type"]) == (HTTPStatus.OK, "image/svg+xml")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert b"<script" not in answer.content


def test_the_folder_leads_to_its_index(web: WebThread) -> None:
    for path in ("/docs", "/docs/"):
        assert web.get(path, allow_redirects=False).headers["location"] == "/docs/README.md"


def test_it_is_for_anybody(web: WebThread) -> None:
    """Also for those whom the HTTP API refuses without a key: a name of another host, a page of another site."""
    for headers in ({"Host": "deskbell.example.com"}, {"Origin": "https://elsewhere.example"}):
        assert web.get("/v1/notifications", headers=headers).status_code == HTTPStatus.FORBIDDEN
        assert web.get("/docs/http.md", headers=headers).status_code == HTTPStatus.OK


@pytest.mark.parametrize(
    "path",
    [
        "/docs/generate.py",
        "/docs/nothing.md",
        "/docs/../pyproject.toml",
        "/docs/..%2F..%2FREADME.md",
        "/docs/%2e%2e/llms.txt.md",
        "/docs/zh-CN/..%2Fhttp.md",
        "/docs/zh-CN/../http.md",
        "/docs//etc/passwd.md",
        "/docs/screenshots/now-light.png",
        "/docs/http.md%00",
        "/docs/HTTP.md",
    ],
)
def test_nothing_but_a_page_is_served(web: WebThread, path: str) -> None:
    asked = requests.Request("GET", web.url).prepare()
    asked.url = web.url + path  # as it stands: a client would tidy it up
    with requests.Session() as session:
        assert session.send(asked, timeout=120).status_code == HTTPStatus.NOT_FOUND


def test_it_can_only_be_read(web: WebThread) -> None:
    for method in ("POST", "PUT", "DELETE"):
        answer = requests.request(method, f"{web.url}/docs/http.md", timeout=120)
        assert answer.status_code == HTTPStatus.METHOD_NOT_ALLOWED
