"""The part of Jinja that a message may use, and what bounds it.

Values, filters, conditions and loops. Nothing assigns, defines or includes, so no value grows by feeding on itself, and
what takes time is charged to a budget. A deadline would do the same with less, but a row that passed the check could
then fail on a busy worker.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

from jinja2 import StrictUndefined, nodes, pass_context
from jinja2.filters import FILTERS
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment, safe_range
from markupsafe import Markup

from ledger.errors import BadInput
from ledger.fields import shortened

__all__ = ["BUDGET", "ENVIRONMENT", "LEAF_CHARACTERS", "Unbounded", "restricted"]

#: In the source of a leaf, in a value, and in what is rendered: a request of 150 KB is the most that Feishu takes.
LEAF_CHARACTERS = 150 * 1024
#: Expressions, filters, conditions and pieces of text in one leaf.
_NODES = 500
#: Of one loop. No message lists more.
_TURNS = 500
#: For one rendering of one leaf, in characters that a filter or a method looks at: the slowest take 1 µs for each.
_WORK = 1_000_000
#: What the call itself, and a node in a turn of a loop, cost beside the characters.
_CALL_WORK = 100
_NODE_WORK = 10
#: What has no filter in it, such as `a in b`, is at least this many times as fast.
_FAST = 100
#: For `round` and for the decimals and the width in `format`.
_DIGITS = 15

#: A mention, however it is spelt, and also what may become one together with the value that follows.
_MENTION = re.compile("<(?=[\\s/\x00-\x1f\xad\u200b-\u200f\u2060-\u2064\ufeff]*(?:at|a?\\Z))", re.IGNORECASE)
_FORMAT = re.compile(r"(?:[^%]|%%|%[-+ 0#]*\d{0,2}(?:\.\d{1,2})?[sdifgeExX])*", re.DOTALL)
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
#: Those of Jinja's that neither grow what they are given nor depend on chance.
_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "e", "escape", "first", "float", "int", "last", "length", "list"),
    *("lower", "reverse", "safe", "sort", "string", "title", "trim", "truncate", "unique", "upper", "urlencode"),
    "wordcount",
)
#: No name that a template can write.
_LOOP = "turns of a loop"


class _Budget(threading.local):
    """Nothing is left while a template is compiled, so nothing with a filter in it is worked out then."""

    left = 0

    def renew(self) -> None:
        """For one rendering of one leaf, in this thread."""
        self.left = _WORK

    def spend(self, work: int) -> None:
        self.left -= work
        if self.left < 0:
            raise Unbounded("asks for more work than a message can need: shorter values, or fewer filters and turns")


BUDGET = _Budget()


class Unbounded(Exception):
    """The template asks for more than a message can need. Its text says what."""


def restricted(tree: nodes.Template, where: str) -> nodes.Template:
    """The tree with a bound on each loop. Raises BadInput for what a message may not use, with the line in its text."""
    for count, node in enumerate(tree.find_all(nodes.Node), start=1):
        problem = _node_problem(node) if count <= _NODES else f"is too long: more than {_NODES} expressions and texts"
        if problem:
            raise BadInput(where, f"{problem} (line {node.lineno} of this text)")
    for loop in tree.find_all(nodes.For):
        size = nodes.Const(sum(1 for _ in loop.find_all(nodes.Node)))
        loop.iter = nodes.Filter(loop.iter, _LOOP, [size], [], None, None, lineno=loop.lineno, environment=ENVIRONMENT)
    return tree


def _node_problem(node: nodes.Node) -> str | None:
    match node:
        case nodes.Filter() if node.name not in ENVIRONMENT.filters or node.name == _LOOP:
            return f"uses the filter {shortened(node.name)}: there are {', '.join(sorted(_OFFERED))}"
        case nodes.Test() if node.name not in ENVIRONMENT.tests:
            return f"uses the test {shortened(node.name)}, which does not exist"
        case nodes.Call() if not _may_be_called(node.node):
            return f"calls something else than range or a method of text: {', '.join(sorted(_METHODS))}"
    if isinstance(node, _NODES_ALLOWED):
        return None
    return f"uses {_WORDS.get(type(node), type(node).__name__)}, which is not allowed in a message"


def _may_be_called(node: nodes.Expr) -> bool:
    return (isinstance(node, nodes.Getattr) and node.attr in _METHODS) or (
        isinstance(node, nodes.Name) and node.name == "range"
    )


def _shown(value: object) -> str:
    """The text of a value, in which nobody can be mentioned, unless the template says `|safe`.

    Feishu documents no escape for a text, and entities for some parts of a card only: so `&lt;at` could be shown as it
    stands. The full-width `＜` looks right in every kind of message, and is no markup in any.
    """
    text = str(value)
    return _MENTION.sub("＜", text) if "<" in text and not isinstance(value, Markup) else text


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        BUDGET.spend(_work_on(*args))
        result = function(*args, **kwargs)
        if isinstance(result, str):
            _check_length(len(result))
        return result

    return bounded


def _work_on(*values: Any) -> int:
    return _CALL_WORK + sum(len(value) for value in values if isinstance(value, str | list))


def _check_length(characters: int) -> None:
    if characters > LEAF_CHARACTERS:
        raise Unbounded(f"makes a text of more than {LEAF_CHARACTERS:,} characters")


@pass_context
def _turns(context: Context, items: Iterable[Any], body_nodes: int) -> Iterator[Any]:
    longest = max((len(value) for value in context.parent.values() if isinstance(value, str)), default=0)
    for count, item in enumerate(items):
        BUDGET.spend(body_nodes * (_NODE_WORK + longest // _FAST))
        if count == _TURNS:
            raise Unbounded(f"has a loop of more than {_TURNS} turns")
        yield item


def _join(items: Iterable[Any], d: str = "") -> str:
    texts = [str(item) for item in items]
    _check_length(sum(map(len, texts)) + len(str(d)) * len(texts))
    return str(d).join(texts)


def _replace(text: Any, old: str, new: str) -> str:
    source = str(text)
    _check_length(len(source) + source.count(old) * len(new))
    return source.replace(old, new)


def _round(value: float, precision: int = 0) -> float:
    return round(value, max(-_DIGITS, min(precision, _DIGITS)))


def _format(template: Any, *values: Any) -> str:
    """printf's notation: `"%.2f"|format(price|float)`."""
    if not _FORMAT.fullmatch(str(template)):
        raise Unbounded("uses format with something else than %s, %d, %.2f and their like")
    text: str = str(template) % values
    return text


_OFFERED: dict[str, Callable[..., Any]] = {
    **{name: FILTERS[name] for name in _FILTERS},
    "join": _join,
    "replace": _replace,
    "round": _round,
    "format": _format,
}


class _Environment(SandboxedEnvironment):
    # `*` repeats a text and `%` pads it to any width: here they are for numbers only.
    intercepted_binops = frozenset({"*", "%"})

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        BUDGET.spend(_work_on(getattr(function, "__self__", None), *args))
        return super().call(context, function, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            raise Unbounded(f"uses {operator} with something else than numbers")
        return super().call_binop(context, operator, left, right)


ENVIRONMENT = _Environment(undefined=StrictUndefined, finalize=_shown, keep_trailing_newline=True, cache_size=0)
ENVIRONMENT.globals = {"range": safe_range}
ENVIRONMENT.filters = {**{name: _bounded(function) for name, function in _OFFERED.items()}, _LOOP: _turns}
