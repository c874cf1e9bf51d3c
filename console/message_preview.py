"""An approximate preview of a message in Feishu, as HTML that loads nothing and has no working links."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from console.marked import MARKED_CHARACTERS, markdown_html, text_html
from ledger.messages.content import Message, MsgType

__all__ = ["is_plain", "preview_of"]

#: The known locales of a post, and colours of a card's header.
_LOCALES = ("zh_cn", "en_us")
_COLOURS = frozenset(
    (
        *("blue", "wathet", "turquoise", "green", "yellow", "orange"),
        *("red", "carmine", "violet", "purple", "indigo", "grey"),
    )
)


def preview_of(message: Message) -> Markup:
    """The message as a bubble or a card, escaped."""
    content = message.content
    match message.msg_type:
        case MsgType.TEXT:
            return _bubble(text_html(str(content.get("text", ""))))
        case MsgType.POST:
            return _bubble(_post(content))
        case MsgType.IMAGE:
            return _bubble(_placeholder("image"))
    return _card(content)


def is_plain(message: Message) -> bool:
    """Whether a text in it is too long for markup, and is shown as plain text."""
    return any(len(text) > MARKED_CHARACTERS for text in _texts(message.content))


def _texts(content: Mapping[str, Any]) -> Iterator[str]:
    rest: list[Any] = [content]
    while rest:
        value = rest.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            rest += value.values() if isinstance(value, dict) else value


def _bubble(inner: Markup) -> Markup:
    return Markup('<div class="bubble">{}</div>').format(inner)


def _post(content: Mapping[str, Any]) -> Markup:
    wrapped = content.get("post", content)
    locales = wrapped if isinstance(wrapped, dict) else {}
    body: Mapping[str, Any] = next((locales[name] for name in _LOCALES if isinstance(locales.get(name), dict)), {})
    title = Markup('<p class="title">{}</p>').format(body["title"]) if body.get("title") else Markup()
    lines = (Markup("<p>{}</p>").format(_joined(map(_post_node, line))) for line in _list(body.get("content")))
    return title + _joined(lines)


def _post_node(node: Any) -> Markup:
    if not isinstance(node, dict):
        return Markup()
    match node.get("tag"):
        case "text":
            return _styled(escape(str(node.get("text", ""))), node)
        case "a":
            link = Markup('<span class="link" title="{}">{}</span>').format(node.get("href", ""), node.get("text", ""))
            return _styled(link, node)
        case "at":
            return Markup('<span class="at">@{}</span>').format(node.get("user_name") or node.get("user_id", ""))
        case "md":
            return markdown_html(str(node.get("text", "")))
        case "code_block":
            return Markup("<code>{}</code>").format(node.get("text", ""))
        case "hr":
            return Markup("<hr>")
        case "emotion":
            return Markup("[{}]").format(node.get("emoji_type", ""))
    return _placeholder(str(node.get("tag", "")))


_STYLES = {"bold": "b", "italic": "i", "underline": "u", "lineThrough": "s"}


def _styled(inner: Markup, node: Mapping[str, Any]) -> Markup:
    for style in dict.fromkeys(map(str, _list(node.get("style")))):
        if tag := _STYLES.get(style):
            inner = Markup(f"<{tag}>{{}}</{tag}>").format(inner)  # noqa: S704  the tag is one of ours
    return inner


def _card(content: Mapping[str, Any]) -> Markup:
    if content.get("type") in ("template", "card"):
        return Markup('<div class="card"><div class="part">{}</div></div>').format(_placeholder(str(content["type"])))
    elements: Any = content.get("elements") or next(iter(_dict(content.get("i18n_elements")).values()), [])
    parts = _joined(map(_card_part, _list(elements)))
    return Markup('<div class="card">{}{}</div>').format(_header(_dict(content.get("header"))), parts)


def _header(header: Mapping[str, Any]) -> Markup:
    if not header:
        return Markup()
    colour = header.get("template") if header.get("template") in _COLOURS else "default"
    return Markup('<div class="head {}">{}</div>').format(colour, _words(header.get("title")))


def _card_part(element: Any) -> Markup:
    html = _element(_dict(element))
    return Markup('<div class="part">{}</div>').format(html) if html else Markup()


def _element(element: Mapping[str, Any]) -> Markup:
    tag = str(element.get("tag", ""))
    return _ELEMENTS.get(tag, _unknown_element)(element)


def _unknown_element(element: Mapping[str, Any]) -> Markup:
    return _placeholder(str(element.get("tag", "")))


def _div(element: Mapping[str, Any]) -> Markup:
    fields = _joined(
        Markup('<div class="field">{}</div>').format(_words(each.get("text"))) for each in _dicts(element, "fields")
    )
    return _words(element.get("text")) + (Markup('<div class="fields">{}</div>').format(fields) if fields else "")


def _action(element: Mapping[str, Any]) -> Markup:
    return _joined(map(_button, _dicts(element, "actions")))


def _button(action: Mapping[str, Any]) -> Markup:
    kind = action.get("type") if action.get("type") in ("primary", "danger") else "default"
    return Markup('<span class="act {}">{}</span>').format(kind, _words(action.get("text")))


def _note(element: Mapping[str, Any]) -> Markup:
    return Markup('<div class="note">{}</div>').format(_joined(map(_words, _list(element.get("elements")))))


def _columns(element: Mapping[str, Any]) -> Markup:
    columns = (_joined(map(_card_part, _list(column.get("elements")))) for column in _dicts(element, "columns"))
    cells = _joined(Markup('<div class="column">{}</div>').format(cell) for cell in columns)
    return Markup('<div class="columns">{}</div>').format(cells)


def _words(text: Any) -> Markup:
    """A text of a card: plain, or in its Markdown."""
    node = _dict(text)
    content = str(node.get("content", node.get("text", "")))
    return markdown_html(content) if node.get("tag") in ("lark_md", "markdown") else escape(content)


_ELEMENTS: dict[str, Callable[[Mapping[str, Any]], Markup]] = {
    "div": _div,
    "markdown": lambda element: markdown_html(str(element.get("content", ""))),
    "hr": lambda _: Markup("<hr>"),
    "img": lambda element: _placeholder(str(_dict(element.get("alt")).get("content") or "img")),
    "action": _action,
    "button": _button,
    "note": _note,
    "column_set": _columns,
}


def _placeholder(kind: str) -> Markup:
    return Markup('<span class="placeholder">{}</span>').format(kind)


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(element: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [each for each in _list(element.get(name)) if isinstance(each, dict)]
