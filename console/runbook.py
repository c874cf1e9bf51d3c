"""The runbook as a page, so that a condition can lead to its section on a machine without the documentation."""

from functools import cache
from importlib.resources import files
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from console.page_request import PageRequest
from console.routing import page

__all__ = ["routes"]


def routes() -> list[Route]:
    return [page("/runbook", _page)]


def _page(request: PageRequest) -> Response:
    return request.page("runbook.html", runbook=_rendered(request.say.name))


@cache
def _rendered(language: str) -> Markup:
    """Headings have the same anchors in every language, so that one link leads to the section in each."""
    markdown = MarkdownIt("commonmark").enable("table")
    tokens = markdown.parse(files("console").joinpath(f"runbook.{language}.md").read_text("utf-8"))
    del tokens[3:6]  # below the title: the link to the other language, for which the console has a switch
    for heading, title in pairwise(tokens):
        if heading.type == "heading_open":
            heading.attrSet("id", _anchor_taken(title))
    for part in (part for token in tokens for part in token.children or ()):
        if part.type == "link_open" and not str(part.attrGet("href")).startswith(("#", "https://")):
            part.attrs = {}  # leads to another page of the documentation, which is not here
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704  our own files


def _anchor_taken(title: Token) -> str:
    """What a Chinese heading names at its beginning, and an English one is in lower case."""
    parts = title.children or []
    if parts[0].type != "html_inline":
        return title.content.lower().replace(" ", "-")
    title.children = parts[2:]
    return parts[0].content.split('"')[1]
