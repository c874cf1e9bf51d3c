"""The variables of a hook's Jinja, and the check that it uses no others."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from ledger.errors import BadInput
from ledger.messages.jinja_text import Expression, Leaf
from producers.hooks.payload import JsonObject, seen, seen_again

__all__ = ["LENGTH", "NAMES", "TemplateContext", "check_names", "expression", "leaf"]

#: Characters of a text that Jinja sees. A message that is too large with so many is tried with fewer.
LENGTH = 20_000
#: `item` is there with `for_each` only.
NAMES = frozenset({"digest", "headers", "hook", "item", "payload"})


@dataclass(frozen=True, slots=True)
class TemplateContext:
    """One request to a hook, or one item of it. No repr shows the payload."""

    hook: str
    digest: str
    payload: dict[str, Any] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    item: JsonObject | str | None = field(default=None, repr=False)
    #: The payload by the length of its texts, shared with all items: a long list in it is gone through once for each.
    _payloads: dict[int, JsonObject] = field(default_factory=dict, repr=False)

    def about(self, item: JsonObject | str) -> Self:
        return replace(self, item=item)

    def values(self, length: int = LENGTH) -> dict[str, Any]:
        """The names and their values; texts have at most `length` characters."""
        if length not in self._payloads:
            self._payloads[length] = JsonObject(self.payload, length)
        values: dict[str, Any] = {
            "payload": self._payloads[length],
            "headers": seen(self.headers, length),
            "hook": self.hook,
            "digest": self.digest,
        }
        return values if self.item is None else {**values, "item": seen_again(self.item, length)}


def expression(source: str, where: str) -> Expression:
    """Raises BadInput for an invalid expression, or an unknown name."""
    compiled = Expression(source, where)
    check_names(compiled.variables, where)
    return compiled


def leaf(source: str, where: str) -> Leaf:
    """Raises BadInput for an invalid template, or an unknown name."""
    compiled = Leaf(source, where)
    check_names(compiled.variables, where)
    return compiled


def check_names(names: frozenset[str], where: str) -> None:
    """Raises BadInput for a name that never has a value: it would fail with the first payload."""
    unknown = sorted(names - NAMES)
    if unknown:
        raise BadInput(where, f"uses the unknown variable {unknown[0]!r}: use one of {', '.join(sorted(NAMES))}")
