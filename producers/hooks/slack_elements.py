"""The elements of a card, gathered from what Slack's senders post: each text cut, and all of them bounded."""

from collections.abc import Iterable, Mapping
from typing import Any

from ledger.errors import BadInput
from ledger.messages.json_fields import link_problem
from ledger.messages.mentions import without_mentions
from ledger.phrases import Phrase
from producers.hooks.payload import Cut, cut_text
from producers.hooks.slack_text import SlackText, link, unescaped

__all__ = ["Elements", "Member", "members", "string"]

Member = Mapping[str, Any]

#: Of all texts of a card: more than the largest card has, so that no more of them are worked on.
_MOST_CHARACTERS = 32 * 1024
#: Of a title in a header, which shows four lines; of a button; and of a link that is shown itself.
_TITLE, _BUTTON, _SHOWN_LINK = 300, 100, 80


class Elements:
    """Add parts in the order in which they are read."""

    def __init__(self, cut: Cut) -> None:
        self.cut = cut
        self.title = ""
        self._elements: list[dict[str, Any]] = []
        self._plain: str | None = None  #: of the only element, if it is a plain text
        self._left = _MOST_CHARACTERS

    def __len__(self) -> int:
        return len(self._elements) + bool(self.title)

    @property
    def only_text(self) -> str | None:
        """The text that is all there is, if it needs no card."""
        return self._plain if len(self._elements) == 1 and not self.title else None

    def written(self) -> list[dict[str, Any]]:
        """At most as many as are taken at a time. A card that says all in its header has an element, too."""
        return self._elements[: self.cut.items] or [_plain(self.title)]

    def text(self, text: str, *, is_marked: bool = True) -> None:
        if not text.strip():
            return
        text = self._cut(text)
        content = SlackText.of(text) if is_marked else None
        if content is None or content.is_plain:
            shown = unescaped(text) if content is None else content.plain
            self._plain = without_mentions(shown)
            self._elements.append(_plain(shown))
        else:
            self._add({"tag": "div", "text": _marked(content.markdown)})

    def markdown(self, text: str) -> None:
        """In the Markdown of cards."""
        if text.strip():
            self.extend([{"tag": "div", "text": _marked(text)}], len(text))

    def extend(self, elements: Iterable[dict[str, Any]], characters: int) -> None:
        self._spend(characters)
        for element in elements:
            self._add(element)

    def heading(self, title: str, url: str = "", *, may_head: bool) -> None:
        """The title of the card, if it has none yet; else a line in bold."""
        shown = SlackText.of(self._cut(title)).plain.strip()
        if shown and may_head and not self.title:
            self.title = cut_text(shown, _TITLE)
            self.line(url, url)
        elif shown:
            written = link(shown, unescaped(url))[0] if url else SlackText.of(self._cut(title)).markdown
            self._add({"tag": "div", "text": _marked(f"**{written}**")})
        else:
            self.line(url, url)

    def line(self, text: str, url: str) -> None:
        """A text that leads somewhere, if it does."""
        label = SlackText.of(self._cut(text)).plain.strip()
        if label and url and link_problem(unescaped(url).strip()) is None:
            written = link(cut_text(label, _SHOWN_LINK), unescaped(url).strip())[0]
            self._add({"tag": "div", "text": _marked(written)})
        elif label:
            self._add(_plain(label))

    def fields(self, fields: Iterable[tuple[str, str, bool]]) -> None:
        """Titles, values, and whether two stand side by side."""
        written = []
        for title, value, is_short in fields:
            shown = [f"**{_bold(self._cut(title))}**"] if title.strip() else []
            shown += [SlackText.of(self._cut(value)).markdown] if value.strip() else []
            if shown:
                written.append({"is_short": is_short, "text": _marked("\n".join(shown))})
        if written:
            self._add({"tag": "div", "fields": written})

    def buttons(self, actions: Iterable[Member]) -> None:
        """Those with a link: a press of the others would reach nobody."""
        written = [button for action in actions if (button := self._button(action))]
        if written:
            self._add({"tag": "action", "actions": written})

    def note(self, text: str) -> None:
        if text.strip():
            self._add({"tag": "note", "elements": [_content(SlackText.of(self._cut(text)).plain)]})

    def rule(self) -> None:
        if self._elements:
            self._add({"tag": "hr"})

    def _button(self, action: Member) -> dict[str, Any] | None:
        url = unescaped(string(action, "url")).strip()
        label = SlackText.of(self._cut(string(action, "text"))).plain.strip()
        if not label or link_problem(url) is not None:
            return None
        kind = action.get("style")
        kinds = {"primary": "primary", "danger": "danger"}
        style = kinds.get(kind, "default") if isinstance(kind, str) else "default"
        return {"tag": "button", "text": _content(cut_text(label, _BUTTON)), "type": style, "url": url}

    def _add(self, element: dict[str, Any]) -> None:
        self._plain = None
        self._elements.append(element)

    def _cut(self, text: str) -> str:
        """Raises BadInput when there are more texts than any card has: they are tried shorter then."""
        text = cut_text(text, self.cut.characters)
        self._spend(len(text))
        return text

    def _spend(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise BadInput("body", Phrase("has more text than a card can show"))


def members(of: Member, name: str, most: int) -> list[Member]:
    """The objects in a list, at most so many; empty for anything else."""
    found = of.get(name)
    return [each for each in found[:most] if isinstance(each, dict)] if isinstance(found, list) else []


def string(of: Member, name: str) -> str:
    """A text, also of an object of Slack's that holds one; empty for anything else."""
    found = of.get(name)
    if isinstance(found, dict):
        found = found.get("text")
    if isinstance(found, int | float) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) else ""


def _bold(text: str) -> str:
    return SlackText.of(text).markdown.replace("**", "").strip()


def _marked(text: str) -> dict[str, Any]:
    return {"tag": "lark_md", "content": text}


def _content(text: str) -> dict[str, Any]:
    return {"tag": "plain_text", "content": without_mentions(text)}


def _plain(text: str) -> dict[str, Any]:
    return {"tag": "div", "text": _content(text)}
