"""The part of Jinja that a message may use, and what bounds it.

Values, filters, conditions and loops. Nothing assigns, defines or includes, so no value grows by feeding on itself, and
what takes time is charged to a budget, which all leaves of a message share. A deadline would do the same with less, but
a row that passed the check could then fail on a busy worker.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment, safe_range
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from ledger.errors import BadInput
from ledger.messages.absent import Absent
from ledger.messages.jinja_budget import (
    AT_ONCE,
    BUDGET,
    CALL_WORK,
    NODE_WORK,
    QUICKLY,
    SHORT_CHARACTERS,
    Unbounded,
    size_of,
)
from ledger.messages.jinja_filters import OFFERED, bounded, given, join_with, taken
from ledger.messages.jinja_places import PLACE, is_place, write_in_places, writers
from ledger.messages.json_fields import shortened
from ledger.messages.mentions import without_mentions
from ledger.phrases import Phrase

__all__ = ["ENVIRONMENT", "Sandbox", "restricted"]

#: Expressions, filters, conditions and pieces of text in one leaf.
_NODES = 500
#: Of one loop. No message lists more.
_TURNS = 500
_NODES_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For),
    *(nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Call),
    *(nodes.Filter, nodes.Test, nodes.Keyword, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.Concat),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod),
)
_WORDS = {
    nodes.Assign: "{% set %}",
    nodes.AssignBlock: "{% set %}",
    nodes.Macro: "{% macro %}",
    nodes.Include: "{% include %}",
    nodes.Import: "{% import %}",
    nodes.FromImport: "{% import %}",
    nodes.Extends: "{% extends %}",
    nodes.Block: "{% block %}",
    nodes.CallBlock: "{% call %}",
    nodes.FilterBlock: "{% filter %}",
    nodes.With: "{% with %}",
    nodes.Pow: "**",
    nodes.Dict: "{…}",
}
#: Of strings, and `cycle` of the loop: none makes something larger than what it is given.
_METHODS = frozenset(
    {
        *("capitalize", "count", "cycle", "endswith", "find", "isalpha", "isdigit", "lower", "lstrip", "partition"),
        *("removeprefix", "removesuffix", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith"),
        *("strip", "swapcase", "title", "upper"),
    }
)
#: No name that a template can write.
_LOOP, _PIECE, _GIVEN, _TAKEN = "turns of a loop", "a piece of a text", "a value, if given", "the value, or the default"
_DEFAULT_ARGUMENTS = ("default_value", "boolean")


class Sandbox(SandboxedEnvironment):
    """Jinja as it is allowed here, in one of its dialects."""

    # `*` repeats a text and `%` pads it to any width: here they are for numbers only. `+` copies texts and lists.
    intercepted_binops = frozenset({"*", "%", "+"})

    def __init__(
        self,
        undefined: type[Undefined],
        *,
        text: Callable[[Any], str] = str,
        takes_empty: bool = False,
        filters: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        """`text` writes a value that is none; `takes_empty`: `default` takes what is empty for absent, too."""
        super().__init__(undefined=undefined, finalize=partial(_shown, text), keep_trailing_newline=True, cache_size=0)
        offered = {**OFFERED, "join": join_with(text), **(filters or {})}
        self.offered = sorted(offered)
        self.globals = {"range": _range}
        self.filters = {
            **{name: bounded(name, function, text) for name, function in offered.items()},
            _LOOP: _turns,
            _PIECE: partial(_piece, text),
            _GIVEN: partial(given, takes_empty=takes_empty),
            _TAKEN: taken,
            **writers(text),
        }

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        absent = next((each for each in (function, *args) if isinstance(each, Absent)), None)
        if absent is not None:
            return absent
        of = getattr(function, "__self__", None)
        BUDGET.spend(CALL_WORK + sum(map(size_of, (of, *args) if isinstance(of, str | list) else args)) // QUICKLY)
        return super().call(context, function, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, Absent) or isinstance(right, Absent):
            return left if isinstance(left, Absent) else right
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            if operator != "+":
                raise Unbounded(Phrase("uses {operator} with something other than numbers", operator=operator))
            BUDGET.spend(CALL_WORK + (size_of(left) + size_of(right)) // QUICKLY)
        return super().call_binop(context, operator, left, right)


def restricted(tree: nodes.Template, where: str, sandbox: Sandbox) -> nodes.Template:
    """The tree with a bound on each loop, texts alone in what is joined, and defaults that are worked out when due.

    Raises BadInput for what a message may not use, with the line in its text.
    """
    for count, node in enumerate(tree.find_all(nodes.Node), start=1):
        problem = _node_problem(node, sandbox)
        if count > _NODES:
            problem = Phrase("is too long: more than {most} expressions and texts", most=_NODES)
        if problem:
            raise BadInput(where, Phrase("{problem} (line {line} of this text)", problem=problem, line=node.lineno))
    for loop in tree.find_all(nodes.For):
        size = nodes.Const(sum(1 for _ in loop.find_all(nodes.Node)))
        loop.iter = _filtered(loop.iter, _LOOP, size)
    for joined in tree.find_all(nodes.Concat):
        joined.nodes = [_filtered(piece, _PIECE) for piece in joined.nodes]
    _LazyDefaults().visit(tree)
    write_in_places(tree)
    tree.set_environment(sandbox)
    return tree


class _LazyDefaults(NodeTransformer):
    """`a|default(b)` becomes `given(a) or b`. As a plain filter it would work `b` out first, and fail with it."""

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802  Jinja looks it up by this name
        self.generic_visit(node)
        named = {each.key: each.value for each in node.kwargs}
        if node.name not in ("default", "d") or node.node is None or named.keys() - {*_DEFAULT_ARGUMENTS}:
            return node
        arguments = dict(zip(_DEFAULT_ARGUMENTS, node.args, strict=False)) | named
        value = _filtered(node.node, _GIVEN, arguments.get("boolean", nodes.Const(False)))
        return _filtered(nodes.Or(value, arguments.get("default_value", nodes.Const("")), lineno=node.lineno), _TAKEN)


def _filtered(node: nodes.Node, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, [*args], [], None, None, lineno=node.lineno)


def _node_problem(node: nodes.Node, sandbox: Sandbox) -> str | None:
    match node:
        case nodes.Filter() if not _may_be_written(node, sandbox):
            known = ", ".join(sandbox.offered)
            return Phrase("uses the unknown filter {name}: use one of {known}", name=shortened(node.name), known=known)
        case nodes.Test() if node.name not in sandbox.tests:
            return Phrase("uses the test {name}, which does not exist", name=shortened(node.name))
        case nodes.Call() if not _may_be_called(node.node):
            known = ", ".join(sorted(_METHODS))
            return Phrase("calls something other than range or a text method: use one of {known}", known=known)
    if isinstance(node, _NODES_ALLOWED):
        return None
    what = _WORDS.get(type(node), type(node).__name__)
    return Phrase("uses {what}, which is not allowed in a message", what=what)


def _may_be_written(node: nodes.Filter, sandbox: Sandbox) -> bool:
    return is_place(node) if node.name == PLACE else node.name in sandbox.offered


def _may_be_called(node: nodes.Expr) -> bool:
    return (isinstance(node, nodes.Getattr) and node.attr in _METHODS) or (
        isinstance(node, nodes.Name) and node.name == "range"
    )


def _shown(text_of: Callable[[Any], str], value: object) -> str:
    """The text of a value, in which nobody can be mentioned, unless the template says `|safe`."""
    if isinstance(value, str):
        text = value
    else:
        BUDGET.spend(size_of(value) // QUICKLY)
        text = text_of(value)
    if len(text) > SHORT_CHARACTERS and "<" in text:
        BUDGET.spend(len(text) // QUICKLY)
    return text if isinstance(value, Markup) else without_mentions(text)


def _piece(text: Callable[[Any], str], value: Any) -> Any:
    BUDGET.spend(1 + size_of(value) // AT_ONCE)
    return value if isinstance(value, str) else text(value)


def _range(*bounds: int) -> list[int]:
    numbers = safe_range(*bounds)
    BUDGET.spend(len(numbers) // QUICKLY)
    return list(numbers)


@pass_context
def _turns(context: Context, items: Iterable[Any], body_nodes: int) -> Iterator[Any]:
    longest = max((len(value) for value in context.parent.values() if isinstance(value, str)), default=0)
    for count, item in enumerate(items):
        BUDGET.spend(body_nodes * (NODE_WORK + longest // AT_ONCE))
        if count == _TURNS:
            raise Unbounded(Phrase("has a loop of more than {most} turns", most=_TURNS))
        yield item


#: Of messages whose values the author of the template gives too: what lacks a value is refused.
ENVIRONMENT = Sandbox(StrictUndefined)
