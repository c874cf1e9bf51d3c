"""The variables of a hook's Jinja, and the check that it uses no others."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from ledger.errors import BadInput, DeskbellError
from ledger.messages.jinja_budget import Told
from ledger.messages.jinja_text import Expression, Leaf
from ledger.phrases import Phrase
from ledger.saved_template import SavedTemplate
from producers.hooks.brief import brief_of
from producers.hooks.dialect import SANDBOX
from producers.hooks.payload import Cut, JsonObject, plain_value, seen, seen_again
from producers.hooks.plain import plain_text

__all__ = ["NAMES", "WHOLE", "TemplateContext", "check_names", "expression", "leaf", "note_cut", "template"]

#: What Jinja sees of a text, in characters. A message that is too large with so many is tried with fewer.
WHOLE = Cut(20_000)
#: `item` is there with `for_each` only, `group` for groups of alerts, `brief` with `use = "generic"`.
NAMES = frozenset({"brief", "digest", "group", "headers", "hook", "item", "payload", "plain"})


class Plain(Told):
    """The plain text of a payload or an item, worked out when it is shown."""

    __slots__ = ("_source", "_value")

    def __init__(self, value: Any, source: str) -> None:
        self._value, self._source = value, source

    def __str__(self) -> str:
        return plain_text(self._value, self._source)

    def __repr__(self) -> str:
        return "Plain()"

    def __len__(self) -> int:
        return 1

    def __json__(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class TemplateContext:
    """One request to a hook, or one item of it. No repr shows the payload."""

    hook: str
    digest: str
    payload: dict[str, Any] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    group: Mapping[str, Any] | None = field(default=None, repr=False)
    brief: Mapping[str, Any] | None = field(default=None, repr=False)
    item: Any = field(default=None, repr=False)
    #: The saved templates that the hook names, or why there is none, by desk and name.
    templates: Mapping[tuple[str, str], SavedTemplate | DeskbellError] = field(default_factory=dict, repr=False)
    #: The payload by its cut, shared with all items: a long list in it is gone through once for each.
    _payloads: dict[Cut, JsonObject] = field(default_factory=dict, repr=False)

    def about(self, item: Any) -> Self:
        is_object = self.brief is not None and isinstance(plain_value(item), dict)
        return replace(self, item=item, brief=brief_of(plain_value(item)) if is_object else self.brief)

    @property
    def plain(self) -> Plain:
        return Plain(self.payload if self.item is None else plain_value(self.item), self.hook)

    def values(self, cut: Cut = WHOLE) -> dict[str, Any]:
        """The names and their values; texts and lists are cut."""
        if cut not in self._payloads:
            self._payloads[cut] = JsonObject(self.payload, cut)
        values: dict[str, Any] = {
            "payload": self._payloads[cut],
            "headers": seen(self.headers, cut),
            "hook": self.hook,
            "digest": self.digest,
            "plain": self.plain,
        }
        if self.group is not None:
            values["group"] = seen(self.group, cut)
        if self.brief is not None:
            values["brief"] = seen(self.brief, cut)
        return values if self.item is None else {**values, "item": seen_again(self.item, cut)}


def expression(source: str, where: str) -> Expression:
    """Raises BadInput for an invalid expression, or an unknown name."""
    compiled = Expression(source, where, SANDBOX)
    check_names(compiled.variables, where)
    return compiled


def leaf(source: str, where: str) -> Leaf:
    """Raises BadInput for an invalid template, or an unknown name."""
    compiled = Leaf(source, where, SANDBOX)
    check_names(compiled.variables, where)
    return compiled


def template(text: str, where: str) -> Expression | Leaf:
    """One expression in braces keeps its type; anything else with markup makes a text. Raises as `leaf`."""
    inner = text.strip()
    is_expression = inner.startswith("{{") and inner.endswith("}}") and "}}" not in inner[2:-2]
    return expression(inner[2:-2], where) if is_expression else leaf(text, where)


def note_cut(cut: Cut, where: str, problems: list[BadInput]) -> None:
    """Adds to the problems of a message that lists were cut for it."""
    if cut.items < WHOLE.items:
        problem = Phrase("was too large with all items of its lists: only the first {most} are shown", most=cut.items)
        problems.append(BadInput(where, problem))


def check_names(names: frozenset[str], where: str) -> None:
    """Raises BadInput for a name that never has a value: it would fail with the first payload."""
    unknown = sorted(names - NAMES)
    if unknown:
        raise BadInput(
            where,
            Phrase(
                "uses the unknown variable {given}: use one of {names}",
                given=repr(unknown[0]),
                names=", ".join(sorted(NAMES)),
            ),
        )
