"""The documentation as pages of the console, so that a condition can lead to its section of the runbook, offline."""

from functools import cache
from importlib.resources import files
from itertools import pairwise
from posixpath import join, normpath, split, splitext

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from console.page_request import ROOT, PageRequest
from console.routing import page

__all__ = ["routes"]

_FOLDER = files("console").joinpath("docs")
_PAGES = frozenset(file.name.removesuffix(".md") for file in _FOLDER.iterdir() if file.name.endswith(".md"))
#: Of the languages, each of which has every page.
_FOLDERS = {"en": "", "zh-CN": "zh-CN"}
#: The list of all pages, and the page on the HTTP API: its reference is a page beside the console.
_TO_REFERENCE = frozenset({"README", "http"})


def routes() -> list[Route]:
    return [page("/runbook", lambda request: _shown(request, "runbook")), page("/docs/{name}", _page)]


def _page(request: PageRequest) -> Response:
    """Raises HTTPException (404) for an unknown name."""
    name = request.part("name")
    if name not in _PAGES:
        raise HTTPException(404)
    return _shown(request, name)


def _shown(request: PageRequest, name: str) -> Response:
    title, text = _rendered(name, _FOLDERS[request.say.name])
    leads = name in _TO_REFERENCE
    return request.page("documentation.html", title=title, text=text, leads_to_reference=leads)


@cache
def _rendered(name: str, folder: str) -> tuple[str, Markup]:
    """Title and text. One link leads to a section in each language."""
    markdown = MarkdownIt("commonmark").enable("table")
    tokens = markdown.parse(_FOLDER.joinpath(folder, f"{name}.md").read_text("utf-8"))
    del tokens[3:6]  # the link to the other language: the console has a switch of its own
    for heading, title in pairwise(tokens):
        if heading.type == "heading_open":
            heading.attrSet("id", _anchor_taken(title))
    for head, text, end in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if head.type == "th_open" and not text.content:
            head.tag = end.tag = "td"  # what heads no column
    for part in (part for token in tokens for part in token.children or ()):
        _lead(part, folder)
    return tokens[1].content, Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704  our own files


def _lead(part: Token, folder: str) -> None:
    """Has a link or picture lead to where the console shows it, or, to what is not in the package, nowhere."""
    if part.type == "link_open" and not str(part.attrGet("href")).startswith(("#", "https://", "http://")):
        target, _, anchor = str(part.attrGet("href")).partition("#")
        name, kind = _in_package(folder, target)
        part.attrs = {"href": f"{ROOT}/docs/{name}" + (f"#{anchor}" if anchor else "")} if kind == ".md" else {}
    elif part.type == "image":
        name, kind = _in_package(folder, str(part.attrGet("src")))
        if kind == ".svg":
            part.attrSet("src", f"/docs/{name}.svg")
        else:  # the console itself is what it shows
            part.type, part.content = "text", ""


def _in_package(folder: str, target: str) -> tuple[str, str]:
    """Name and suffix of the file that a page in this folder leads to; empty if it is not in the package."""
    parent, file = split(normpath(join(folder, target)))
    name, suffix = splitext(file)
    is_there = parent in ("", "zh-CN") and (name in _PAGES or suffix == ".svg")
    return (name, suffix) if is_there else ("", "")


def _anchor_taken(title: Token) -> str:
    """The anchor at the beginning of a Chinese heading; that of an English one is made of its text, as GitHub does."""
    parts = title.children or []
    if parts[0].type != "html_inline":
        kept = (letter for letter in title.content.lower() if letter.isalnum() or letter in " _-")
        return "".join(kept).replace(" ", "-")
    title.children = parts[2:]
    return parts[0].content.split('"')[1]
