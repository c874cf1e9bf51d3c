"""The part of Jinja that a message may use, and what bounds it.

Values, filters, conditions and loops. Nothing assigns, defines or includes, so no value grows by feeding on itself, and
what takes time is charged to a budget, which all leaves of a message share. A deadline would do the same with less, but
a row that passed the check could then fail on a busy worker.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes, pass_context
from jinja2.filters import FILTERS
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment, safe_range
from markupsafe import Markup

from ledger.errors import BadInput
from ledger.messages.json_fields import shortened
from ledger.phrases import Phrase

__all__ = [
    "BUDGET",
    "ENVIRONMENT",
    "LEAF_CHARACTERS",
    "SHORT_CHARACTERS",
    "TOO_MUCH_WORK",
    "Told",
    "Unbounded",
    "restricted",
]

#: In the source of a leaf, in a value, and in what is rendered: a request of 150 KB is the most that Feishu takes.
LEAF_CHARACTERS = 150 * 1024
#: Expressions, filters, conditions and pieces of text in one leaf.
_NODES = 500
#: Of one loop. No message lists more.
_TURNS = 500
#: For one message: microseconds, and several times what they are on a slow machine. An honest one needs some hundred.
_WORK = 250_000
#: What a call itself costs, and a node in a rendering or in a turn of a loop.
_CALL_WORK, _NODE_WORK = 10, 2
#: Characters that each of these goes through for one unit: filters that look at every one, other filters and methods,
#: and what has no filter in it, such as `a in b`.
_SLOWLY, _QUICKLY, _AT_ONCE = 1, 10, 500
#: What a text up to this takes to be shown is not counted: 3,000 of them are a tenth of a second.
SHORT_CHARACTERS = 200
#: What one of our own values counts for: few ask for its text.
_TOLD_CHARACTERS = 200
#: For `round` and for the decimals and the width in `format`.
_DIGITS = 15

#: A mention, however it is spelt, and also what may become one together with the value that follows. Which characters
#: Feishu passes over within a tag is not known: so all that are not ASCII, or not visible, count as passed over.
_MENTION = re.compile(r"<(?=[^!-.0-~ａＡ]*(?:[aAａＡ][^!-.0-~ｔＴ]*(?:[tTｔＴ]|\Z)|\Z))")
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
#: Of these, the ones that look at every character or item; and those that look at none.
_SLOW = frozenset({"e", "escape", "join", "sort", "title", "unique", "urlencode", "wordcount"})
_INSTANT = frozenset({"abs", "count", "d", "default", "first", "last", "length", "round", "safe"})
TOO_MUCH_WORK = Phrase("needs too much work for one message: use shorter values, fewer filters or shorter loops")
#: No name that a template can write.
_LOOP, _PIECE = "turns of a loop", "a piece of a text"


class _Budget(threading.local):
    """What the templates of this thread may still cost. Nothing is left before the first message."""

    left = 0
    spent = 0  #: since the thread began: the difference is what several messages have cost

    def renew(self, count: int = 0, longest: int = 0) -> None:
        """For one message, with all its leaves; less what their nodes cost that have no filter in them."""
        cost = count * (_NODE_WORK + longest // _AT_ONCE)
        self.left = _WORK - cost
        self.spent += cost

    def spend(self, work: int) -> None:
        self.left -= work
        self.spent += work
        if self.left < 0:
            raise Unbounded(TOO_MUCH_WORK)


BUDGET = _Budget()


class Told:
    """The base of our values that are no text but have one for people: all others are refused where a text is due."""

    __slots__ = ()


class Unbounded(Exception):
    """The template asks for more than a message can need. Its text says what."""


def restricted(tree: nodes.Template, where: str) -> nodes.Template:
    """The tree with a bound on each loop, and texts alone in what is joined.

    Raises BadInput for what a message may not use, with the line in its text.
    """
    for count, node in enumerate(tree.find_all(nodes.Node), start=1):
        problem = _node_problem(node)
        if count > _NODES:
            problem = Phrase("is too long: more than {most} expressions and texts", most=_NODES)
        if problem:
            raise BadInput(where, Phrase("{problem} (line {line} of this text)", problem=problem, line=node.lineno))
    for loop in tree.find_all(nodes.For):
        size = nodes.Const(sum(1 for _ in loop.find_all(nodes.Node)))
        loop.iter = _filtered(loop.iter, _LOOP, size)
    for joined in tree.find_all(nodes.Concat):
        joined.nodes = [_filtered(piece, _PIECE) for piece in joined.nodes]
    return tree


def _filtered(node: nodes.Node, name: str, *args: nodes.Expr) -> nodes.Expr:
    return nodes.Filter(node, name, [*args], [], None, None, lineno=node.lineno, environment=ENVIRONMENT)


def _node_problem(node: nodes.Node) -> str | None:
    match node:
        case nodes.Filter() if node.name not in ENVIRONMENT.filters or node.name in (_LOOP, _PIECE):
            known = ", ".join(sorted(_OFFERED))
            return Phrase("uses the unknown filter {name}: use one of {known}", name=shortened(node.name), known=known)
        case nodes.Test() if node.name not in ENVIRONMENT.tests:
            return Phrase("uses the test {name}, which does not exist", name=shortened(node.name))
        case nodes.Call() if not _may_be_called(node.node):
            known = ", ".join(sorted(_METHODS))
            return Phrase("calls something other than range or a text method: use one of {known}", known=known)
    if isinstance(node, _NODES_ALLOWED):
        return None
    what = _WORDS.get(type(node), type(node).__name__)
    return Phrase("uses {what}, which is not allowed in a message", what=what)


def _may_be_called(node: nodes.Expr) -> bool:
    return (isinstance(node, nodes.Getattr) and node.attr in _METHODS) or (
        isinstance(node, nodes.Name) and node.name == "range"
    )


def _shown(value: object) -> str:
    """The text of a value, in which nobody can be mentioned, unless the template says `|safe`.

    Feishu documents no escape for a text, and entities for some parts of a card only: so `&lt;at` could be shown as it
    stands. The full-width `＜` looks right in every kind of message, and is no markup in any.
    """
    text = value if isinstance(value, str) else _text_of(value)
    if len(text) > SHORT_CHARACTERS and "<" in text:
        BUDGET.spend(len(text) // _QUICKLY)
    return _MENTION.sub("＜", text) if "<" in text and not isinstance(value, Markup) else text


def _text_of(value: object) -> str:
    BUDGET.spend(_size(value) // _QUICKLY)
    return str(value)


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    pace = _SLOWLY if name in _SLOW else _QUICKLY
    first = 1 if hasattr(function, "jinja_pass_arg") else 0  # behind Jinja's own environment

    @wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        size = 0 if name in _INSTANT else sum(map(_size, (*args[first:], *kwargs.values())))
        BUDGET.spend(_CALL_WORK + size // pace)
        result = function(*args, **kwargs)
        if isinstance(result, str):
            _check_length(len(result))
        # Others would be worked through later, uncharged, and have no text.
        return list(result) if isinstance(result, Iterator) else result

    return bounded


def _size(value: object) -> int:
    """Characters and items. Raises Unbounded for what has no text: Python would write its type and address."""
    match value:
        case str():
            return len(value)
        case int() | float() | None:
            return 1
        case list() | tuple():
            return len(value) + sum(map(_size, value))
        case dict():
            return len(value) + sum(map(_size, value)) + sum(map(_size, value.values()))
        case Told():
            return _TOLD_CHARACTERS
        case Undefined():
            return len(str(value))  # raises, unless it is an `if` without `else`
    raise Unbounded(Phrase("writes something other than text, a number or a list"))


def _piece(value: Any) -> Any:
    BUDGET.spend(1 + _size(value) // _AT_ONCE)
    return value


def _range(*bounds: int) -> list[int]:
    numbers = safe_range(*bounds)
    BUDGET.spend(len(numbers) // _QUICKLY)
    return list(numbers)


def _check_length(characters: int) -> None:
    if characters > LEAF_CHARACTERS:
        raise Unbounded(Phrase("produces a text of more than {most:,} characters", most=LEAF_CHARACTERS))


@pass_context
def _turns(context: Context, items: Iterable[Any], body_nodes: int) -> Iterator[Any]:
    longest = max((len(value) for value in context.parent.values() if isinstance(value, str)), default=0)
    for count, item in enumerate(items):
        BUDGET.spend(body_nodes * (_NODE_WORK + longest // _AT_ONCE))
        if count == _TURNS:
            raise Unbounded(Phrase("has a loop of more than {most} turns", most=_TURNS))
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
        raise Unbounded(Phrase("uses format with something other than %s, %d, %.2f and the like"))
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
    # `*` repeats a text and `%` pads it to any width: here they are for numbers only. `+` copies texts and lists.
    intercepted_binops = frozenset({"*", "%", "+"})

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        of = getattr(function, "__self__", None)
        BUDGET.spend(_CALL_WORK + sum(map(_size, (of, *args) if isinstance(of, str | list) else args)) // _QUICKLY)
        return super().call(context, function, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            if operator != "+":
                raise Unbounded(Phrase("uses {operator} with something other than numbers", operator=operator))
            BUDGET.spend(_CALL_WORK + (_size(left) + _size(right)) // _QUICKLY)
        return super().call_binop(context, operator, left, right)


ENVIRONMENT = _Environment(undefined=StrictUndefined, finalize=_shown, keep_trailing_newline=True, cache_size=0)
ENVIRONMENT.globals = {"range": _range}
ENVIRONMENT.filters = {
    **{name: _bounded(name, function) for name, function in _OFFERED.items()},
    _LOOP: _turns,
    _PIECE: _piece,
}
