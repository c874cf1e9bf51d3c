"""What the templates of a rule yield besides its message: a text in one line, or whether a condition holds."""

from ledger.errors import BadInput
from ledger.messages.jinja_text import Leaf, has_markup
from producers.hooks.dialect import hashed
from producers.hooks.template_context import TemplateContext, expression, template

__all__ = ["Condition", "line_of"]

#: What a text says where it means no, in lower case.
_NO = frozenset({"", "0", "false", "no", "none", "null"})


class Condition:
    """An expression, with braces or without, or a text that says yes or no. Thread-safe."""

    def __init__(self, source: str, where: str) -> None:
        """Raises BadInput naming the field."""
        self._source = template(source, where) if has_markup(source) else expression(source, where)

    def holds(self, context: TemplateContext) -> bool:
        """Raises BadInput for what cannot be worked out."""
        if isinstance(self._source, Leaf):
            return _means_yes(self._source.text(context.values()))
        found = self._source.value(context.values())
        return _means_yes(found) if isinstance(found, str) else bool(found)


def _means_yes(text: str) -> bool:
    return text.strip().lower() not in _NO


def line_of(made_by: Leaf | None, context: TemplateContext, problems: list[BadInput], most: int) -> str:
    """Of at most so many characters; empty, and a problem, where it cannot be worked out."""
    if made_by is None:
        return ""
    try:
        text = " ".join(made_by.text(context.values()).split())
    except BadInput as error:
        problems.append(error)
        return ""
    return text if len(text) <= most else _cut(text, most)


def _cut(text: str, most: int) -> str:
    """Different texts stay different."""
    digest = hashed(text)[:8]
    return f"{text[: most - len(digest) - 2]}… {digest}"
