"""Where in a card a value stands, and how it is written there.

A text of a card that was made from Markdown names the places within it: `{{ "text"|card }}` shows nothing, and says
that the values behind it are text; `"link"` that the next one begins a link, `"part"` that they stand within one. A
worker that does not know the filter refuses the text, instead of sending a value that may be markup.
"""

from collections.abc import Callable
from typing import Any

from jinja2 import nodes

from ledger.messages.card_text import as_link, as_text, in_link
from ledger.messages.jinja_budget import BUDGET, CALL_WORK, QUICKLY, Unbounded, size_of

__all__ = ["PLACE", "PLACES", "is_place", "place_mark", "write_in_places", "writers"]

#: The filter that names a place.
PLACE = "card"
PLACES = {"text": as_text, "link": as_link, "part": in_link}
#: No name that a template can write.
_WRITER = "a value as {place}"


def place_mark(place: str) -> str:
    return f'{{{{ "{place}"|{PLACE} }}}}'


def is_place(node: nodes.Filter) -> bool:
    return isinstance(node.node, nodes.Const) and node.node.value in PLACES


def write_in_places(tree: nodes.Template) -> None:
    """Has every value behind the name of a place written for it, in the order of the text."""
    place: str | None = None
    for output in tree.find_all(nodes.Output):
        for index, child in enumerate(output.nodes):
            if isinstance(child, nodes.Filter) and child.name == PLACE:
                place = child.node.value if isinstance(child.node, nodes.Const) else place
            elif place and not isinstance(child, nodes.TemplateData):
                name = _WRITER.format(place=place)
                output.nodes[index] = nodes.Filter(child, name, [], [], None, None, lineno=child.lineno)
                place = "part" if place == "link" else place


def writers(text: Callable[[Any], str]) -> dict[str, Callable[..., Any]]:
    """The filters for a sandbox that writes other values by `text`."""
    written = {_WRITER.format(place=place): _writer(write, text) for place, write in PLACES.items()}
    return {**written, PLACE: lambda _: ""}


def _writer(write: Callable[[str], str], text: Callable[[Any], str]) -> Callable[[Any], str]:
    def as_written(value: Any) -> str:
        BUDGET.spend(CALL_WORK + size_of(value) // QUICKLY)
        # Also of what the template calls safe: that is for texts, in which nothing but a mention is markup.
        told = str.__str__(value) if isinstance(value, str) else text(value)
        try:
            return write(told)
        except ValueError as error:
            problem = error.args[0]
        raise Unbounded(problem)

    return as_written
