"""The runbook as a page, so that a condition can lead to its section on a machine without the documentation."""

from functools import cache
from importlib.resources import files
from itertools import pairwise

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from console.page_request import PageRequest
from console.routing import page

__all__ = ["routes"]


def routes() -> list[Route]:
    return [page("/runbook", _page)]


def _page(request: PageRequest) -> Response:
    return request.page("runbook.html", runbook=_rendered())


@cache
def _rendered() -> Markup:
    """Each heading is an anchor, by its text in lower case, as in the links of the alerts."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(files("console").joinpath("runbook.md").read_text("utf-8"))
    for heading, title in pairwise(tokens):
        if heading.type == "heading_open":
            heading.attrSet("id", title.content.lower().replace(" ", "-"))
    for part in (part for token in tokens for part in token.children or ()):
        if part.type == "link_open" and not str(part.attrGet("href")).startswith(("#", "https://")):
            part.attrs = {}  # leads to another page of the documentation, which is not here
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704  our own file, HTML is off
