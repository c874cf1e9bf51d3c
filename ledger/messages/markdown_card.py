"""A message in Markdown as a card of version 1.0: the tokens of CommonMark, mapped to a card's elements.

A paragraph, a list and a quote are each a text in a card's own Markdown, which knows bold, italic, struck text and
links alone. What a card cannot show is refused with its line.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ledger.errors import BadInput
from ledger.messages.card_text import as_literal
from ledger.messages.json_fields import kind_of, link_problem
from ledger.messages.markdown_source import MarkdownSource, line_problem
from ledger.phrases import Phrase

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

__all__ = ["MARKDOWN_BYTES", "card_of_markdown"]

#: Of the source: more than the largest card has.
MARKDOWN_BYTES = 64 * 1024
_MARKS = {"strong": "**", "em": "*", "s": "~~"}
#: A link that nobody has marked as one. It ends where a blank, a quote or a character beyond ASCII stands.
_BARE_LINK = re.compile(r"https?://[!#-;=?-~]+[\w/]", re.ASCII)
_IMAGE_KEY = re.compile(r"img_[\w-]{1,200}", re.ASCII)
_REFUSED = {
    "fence": Phrase("a card cannot show a block of code: write it as plain lines"),
    "code_block": Phrase("a card cannot show a block of code: begin the line with fewer than four blanks"),
    "table": Phrase("a card cannot show a table: write a list"),
}
_LONELY = Phrase("a picture must stand alone in its paragraph, with a blank line before and behind it")
#: Before each item, by the depth of its list: blanks that nothing trims.
_INDENT = "\u2003"


def card_of_markdown(source: object, *, has_variables: bool) -> dict[str, Any]:
    """The message for a text. With variables there is Jinja in it, and in the strings of the message.

    Raises BadInput for the field `markdown`, with the line.
    """
    if not isinstance(source, str):
        raise BadInput("markdown", Phrase("must be a text, not {kind}", kind=kind_of(source)))
    if len(source.encode("utf-8", "replace")) > MARKDOWN_BYTES:
        raise BadInput("markdown", Phrase("is larger than {most:,} bytes, which no card has", most=MARKDOWN_BYTES))
    if not source.strip():
        raise BadInput("markdown", Phrase("is empty"))
    card = _Card(MarkdownSource(source, has_variables=has_variables))
    return {"msg_type": "interactive", "content": card.content()}


class _Card:
    def __init__(self, source: MarkdownSource) -> None:
        self._source = source
        self._header: dict[str, Any] | None = None

    def content(self) -> dict[str, Any]:
        elements = [element for node in _blocks(self._source.text) for element in self._elements(node)]
        header = {"header": self._header} if self._header else {}
        return {"config": {"update_multi": True}, **header, "elements": elements}

    def _elements(self, node: "SyntaxTreeNode") -> Iterator[dict[str, Any]]:
        match node.type:
            case "heading" if self._header is None:
                title = self._source.plain(self._plain(_inline(node)), self._line(node))
                self._header = {"title": {"tag": "plain_text", "content": title}}
            case "paragraph" if (image := _only_image(node)) is not None:
                yield self._image(image)
            case "hr":
                yield {"tag": "hr"}
            case _:
                lines = "\n".join(self._lines_of(node, 0))
                if text := self._source.marked(lines, self._line(node)):
                    yield {"tag": "div", "text": {"tag": "lark_md", "content": text}}

    def _lines_of(self, node: "SyntaxTreeNode", depth: int) -> Iterator[str]:
        match node.type:
            case "paragraph":
                yield self._marked(_inline(node))
            case "heading":
                yield f"**{self._marked(_inline(node), within='strong')}**"
            case "bullet_list" | "ordered_list":
                yield from self._list(node, depth)
            case "blockquote":
                for inner in node.children:
                    yield from self._lines_of(inner, depth)
            case "hr":
                raise line_problem(self._line(node), Phrase("a rule must stand outside of lists and quotes"))
            case kind:
                raise line_problem(self._line(node), _REFUSED.get(kind, Phrase("a card cannot show this")))

    def _list(self, node: "SyntaxTreeNode", depth: int) -> Iterator[str]:
        number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
        for count, item in enumerate(node.children):
            begin = "•" if number is None else f"{number + count}."
            for inner in item.children:
                if inner.type in ("bullet_list", "ordered_list"):
                    yield from self._lines_of(inner, depth + 1)
                else:
                    for line in self._lines_of(inner, depth + 1):
                        yield f"{_INDENT * depth}{begin} {line}"
                        begin = " "

    # -- within a line

    def _marked(self, node: "SyntaxTreeNode | None", within: str = "") -> str:
        """In a card's Markdown. A mark within itself is the same mark."""
        return "".join(map(partial(self._span, within=within), node.children if node else ()))

    def _span(self, node: "SyntaxTreeNode", within: str) -> str:
        match node.type:
            case "text" | "text_special":
                return self._with_links(node.content) if within != "link" else as_literal(node.content)
            case "code_inline":
                return as_literal(node.content)
            case "softbreak" | "hardbreak":
                return "\n"
            case "strong" | "em" | "s":
                inner = self._marked(node, within or node.type)
                return inner if node.type == within else f"{_MARKS[node.type]}{inner}{_MARKS[node.type]}"
            case "link":
                return f"[{self._marked(node, 'link')}]({self._link(node)})"
            case "image":
                raise line_problem(self._line(node), _LONELY)
        raise line_problem(self._line(node), Phrase("a card cannot show this"))

    def _with_links(self, text: str) -> str:
        pieces, at = [], 0
        for link in _BARE_LINK.finditer(text):
            pieces += [as_literal(text[at : link.start()]), f"[{as_literal(link[0])}]({self._url(link[0])})"]
            at = link.end()
        return "".join([*pieces, as_literal(text[at:])])

    def _link(self, node: "SyntaxTreeNode") -> str:
        url = str(node.attrs.get("href", ""))
        if not self._source.begins_with_jinja(url) and (problem := link_problem(url)):
            raise line_problem(self._line(node), Phrase("the target of a link {problem}", problem=problem))
        return self._url(url)

    def _url(self, url: str) -> str:
        """Written so that nothing in it ends the link."""
        return self._source.in_link(url.replace("(", "%28").replace(")", "%29").replace("[", "%5B").replace("]", "%5D"))

    def _plain(self, node: "SyntaxTreeNode | None") -> str:
        """Without marks, for the header."""
        return "".join(self._plain_span(child) for child in (node.children if node else ()))

    def _plain_span(self, node: "SyntaxTreeNode") -> str:
        match node.type:
            case "text" | "text_special" | "code_inline":
                return node.content
            case "softbreak" | "hardbreak":
                return "\n"
            case "image":
                raise line_problem(self._line(node), _LONELY)
        return self._plain(node)

    def _image(self, node: "SyntaxTreeNode") -> dict[str, Any]:
        key = str(node.attrs.get("src", ""))
        if not _IMAGE_KEY.fullmatch(key):
            problem = Phrase("a picture is named by its key at Feishu, such as img_v3_02ab: upload it first")
            raise line_problem(self._line(node), problem)
        alt = self._source.plain(node.content, self._line(node))
        return {"tag": "img", "img_key": key, "alt": {"tag": "plain_text", "content": alt}}

    def _line(self, node: "SyntaxTreeNode") -> int:
        found: SyntaxTreeNode | None = node
        while found is not None and (found.is_root or not found.map):
            found = found.parent
        return self._source.line(found.map[0] if found is not None and found.map else 0)


def _blocks(text: str) -> list["SyntaxTreeNode"]:
    # Loaded here: it takes a fifth of the time in which a program loads all of Deskbell's client.
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    return SyntaxTreeNode(parser.parse(text)).children


def _inline(node: "SyntaxTreeNode") -> "SyntaxTreeNode | None":
    return node.children[0] if node.children else None


def _only_image(node: "SyntaxTreeNode") -> "SyntaxTreeNode | None":
    spans = node.children[0].children if node.children else []
    return spans[0] if len(spans) == 1 and spans[0].type == "image" else None
