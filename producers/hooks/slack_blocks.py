"""Slack's blocks, as elements of a card: https://docs.slack.dev/reference/block-kit/blocks"""

from ledger.errors import BadInput
from ledger.messages.markdown_card import card_of_markdown
from producers.hooks.payload import cut_text
from producers.hooks.slack_elements import Elements, Member, members, string
from producers.hooks.slack_rich_text import rich_text

__all__ = ["blocks_of"]

#: What Slack takes at most: blocks, and characters in a block of Markdown.
_MOST_BLOCKS, _MOST_MARKDOWN = 50, 12_000


def blocks_of(outer: Member, elements: Elements) -> bool:
    """Adds the blocks of a message or of an attachment. False if there is nothing to read in them."""
    before = len(elements)
    for block in members(outer, "blocks", min(elements.cut.items, _MOST_BLOCKS)):
        _add(block, elements)
    return len(elements) > before


def _add(block: Member, elements: Elements) -> None:
    match block.get("type"):
        case "header":
            elements.heading(string(block, "text"), may_head=not elements)
        case "section":
            _add_section(block, elements)
        case "divider":
            elements.rule()
        case "image":
            title = string(block, "title") or string(block, "alt_text") or string(block, "image_url")
            elements.line(title, string(block, "image_url"))
        case "context":
            inner = members(block, "elements", elements.cut.items)
            elements.note(" ".join(string(each, "text") or string(each, "alt_text") for each in inner))
        case "actions":
            elements.buttons(members(block, "elements", elements.cut.items))
        case "markdown":
            _add_markdown(string(block, "text"), elements)
        case "rich_text":
            elements.markdown(rich_text(block, elements.cut))
        case _:  # a newer one, of which perhaps its text can be shown
            elements.text(string(block, "text"))


def _add_section(block: Member, elements: Elements) -> None:
    _add_text(block, elements)
    fields = members(block, "fields", elements.cut.items)
    elements.fields(("", string(field, "text"), True) for field in fields)
    accessory = block.get("accessory")
    if isinstance(accessory, dict):
        elements.buttons([accessory])


def _add_text(block: Member, elements: Elements) -> None:
    text = block.get("text")
    is_marked = not (isinstance(text, dict) and text.get("type") == "plain_text")
    elements.text(string(block, "text"), is_marked=is_marked)


def _add_markdown(source: str, elements: Elements) -> None:
    """Real Markdown, unlike all other texts of Slack's. What a card cannot show of it stands as it was written."""
    source = cut_text(source, min(_MOST_MARKDOWN, elements.cut.characters))
    if not source.strip():
        return
    try:
        content = card_of_markdown(source, has_variables=False)["content"]
    except BadInput:
        elements.text(source, is_marked=False)
        return
    if title := content.get("header"):
        elements.heading(title["title"]["content"], may_head=not elements)
    elements.extend(content["elements"], len(source))
