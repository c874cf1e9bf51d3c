"""One string of a message with Jinja in it: compiled once, rendered for each receiver, bounded in time and size.

It is a part of Jinja: values, filters, conditions, and loops that are not within each other. Nothing assigns, defines
or includes, so the work of a leaf is at most its nodes times `_TURNS`, and no value grows by feeding on itself. A
deadline would do the same with less, but a row that passed the check could then fail on a busy worker.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import Any, TypeVar

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError, nodes
from jinja2.filters import FILTERS
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment, safe_range
from markupsafe import Markup

from ledger.errors import BadInput
from ledger.fields import shortened

__all__ = ["LEAF_CHARACTERS", "LacksVariable", "Leaf", "context_of", "has_markup"]

T = TypeVar("T")
Chunks = Callable[[Context], Iterator[str]]

#: In the source of a leaf, in a value, and in what is rendered: a request of 150 KB is the most that Feishu takes.
LEAF_CHARACTERS = 150 * 1024
#: Expressions, filters, conditions and pieces of text in one leaf.
_NODES = 500
#: Of one loop. No message lists more.
_TURNS = 500
#: For `round` and for the decimals and the width in `format`.
_DIGITS = 15

#: A mention, however it is spelt, and also what may become one together with the value that follows.
_MENTION = re.compile("<(?=[\\s/\x00-\x1f\xad\u200b-\u200f\u2060-\u2064\ufeff]*(?:at|a?\\Z))", re.IGNORECASE)
_FORMAT = re.compile(r"(?:[^%]|%%|%[-+ 0,#]*\d{0,2}(?:\.\d{1,2})?[sdifgeExX])*", re.DOTALL)
_UNDEFINED = re.compile(r"'(.+)' is undefined")
_MARKUP = re.compile(r"\{[{%#]")

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


class LacksVariable(BadInput):
    """The leaf `field` needs the variable `name`, which the values do not have."""

    def __init__(self, field: str, name: str) -> None:
        super().__init__(field, f"uses the variable {shortened(name)}, which has no value")
        self.name = name


class _Unbounded(Exception):
    """The template asks for more than a message can need. Its text says what."""


def has_markup(text: str) -> bool:
    """Whether Jinja would do anything with it."""
    return _MARKUP.search(text) is not None


def context_of(values: Mapping[str, str]) -> Context:
    """What leaves are rendered with. One does for all leaves of a message: none can change it."""
    return Context(_ENVIRONMENT, {**_ENVIRONMENT.globals, **values}, None, {})


class Leaf:
    """A compiled leaf. `variables` are the names that it may look up; `where` is its field in an error."""

    __slots__ = ("_chunks", "variables", "where")

    def __init__(self, source: str, where: str) -> None:
        """Raises BadInput when it is no Jinja, or more of it than is allowed here."""
        tree = _allowed(_parsed(source, where), where)
        self.where = where
        self.variables = frozenset(find_undeclared_variables(tree))
        self._chunks = _compiled(tree, where)

    def render(self, context: Context) -> str:
        """Raises LacksVariable, or BadInput when it fails or grows too long. Neither repeats a value."""
        chunks, length = [], 0
        try:
            for chunk in self._chunks(context):
                chunks.append(chunk)
                length += len(chunk)
                if length > LEAF_CHARACTERS:
                    raise _Unbounded(f"renders to more than {LEAF_CHARACTERS:,} characters")
            return "".join(chunks)
        except Exception as error:  # an expression can raise what it likes
            refusal = _refusal(error, self.where)
        # Raised outside the except clause: as its context the error would carry values along.
        raise refusal


def _refusal(error: Exception, where: str) -> BadInput:
    match error:
        case UndefinedError() if found := _UNDEFINED.fullmatch(error.message or ""):
            return LacksVariable(where, found[1])
        case UndefinedError():
            return BadInput(where, "looks for a part that a value does not have")
        case _Unbounded():
            return BadInput(where, str(error))
    return BadInput(where, f"cannot be rendered with these values ({type(error).__name__})")


def _parsed(source: str, where: str) -> nodes.Template:
    if len(source) > LEAF_CHARACTERS:
        raise BadInput(where, f"has {len(source):,} characters: at most {LEAF_CHARACTERS:,} are allowed")
    return _translated(lambda: _ENVIRONMENT.parse(source), where)


def _compiled(tree: nodes.Template, where: str) -> Chunks:
    return _translated(lambda: _root_of(tree), where)


def _root_of(tree: nodes.Template) -> Chunks:
    root: Chunks = _ENVIRONMENT.from_string(tree).root_render_func
    return root


def _translated(work: Callable[[], T], where: str) -> T:
    try:
        return work()
    except TemplateSyntaxError as error:
        problem = f"is no template that can be read: {error.message} (line {error.lineno} of this text)"
    except (RecursionError, MemoryError, SyntaxError):
        problem = "holds expressions that are nested too deeply"
    except (ValueError, OverflowError):
        problem = "holds a number of too many digits"
    except TemplateError as error:
        problem = f"is no template that can be read: {error.message}"
    raise BadInput(where, problem)


def _allowed(tree: nodes.Template, where: str) -> nodes.Template:
    for count, node in enumerate(tree.find_all(nodes.Node), start=1):
        problem = _node_problem(node) if count <= _NODES else f"is too long: more than {_NODES} expressions and texts"
        if problem:
            raise BadInput(where, f"{problem} (line {node.lineno} of this text)")
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, _LOOP, [], [], None, None, lineno=loop.lineno, environment=_ENVIRONMENT)
    return tree


def _node_problem(node: nodes.Node) -> str | None:
    match node:
        case nodes.Filter() if node.name not in _ENVIRONMENT.filters or node.name == _LOOP:
            return f"uses the filter {shortened(node.name)}: there are {', '.join(sorted(_OFFERED))}"
        case nodes.Test() if node.name not in _ENVIRONMENT.tests:
            return f"uses the test {shortened(node.name)}, which does not exist"
        case nodes.Call() if not _may_be_called(node.node):
            return f"calls something else than range or a method of text: {', '.join(sorted(_METHODS))}"
        case nodes.For() if node.recursive or any(part.find(nodes.For) for part in (*node.body, *node.else_)):
            return "has a loop within a loop, which is not allowed"
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
        result = function(*args, **kwargs)
        if isinstance(result, str):
            _check_length(len(result))
        return result

    return bounded


def _check_length(characters: int) -> None:
    if characters > LEAF_CHARACTERS:
        raise _Unbounded(f"makes a text of more than {LEAF_CHARACTERS:,} characters")


def _turns(items: Iterable[Any]) -> Iterator[Any]:
    for count, item in enumerate(items):
        if count == _TURNS:
            raise _Unbounded(f"has a loop of more than {_TURNS} turns")
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
        raise _Unbounded("uses format with something else than %s, %d, %.2f and their like")
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

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            raise _Unbounded(f"uses {operator} with something else than numbers")
        return super().call_binop(context, operator, left, right)


_ENVIRONMENT = _Environment(undefined=StrictUndefined, finalize=_shown, keep_trailing_newline=True, cache_size=0)
_ENVIRONMENT.globals = {"range": safe_range}
_ENVIRONMENT.filters = {**{name: _bounded(function) for name, function in _OFFERED.items()}, _LOOP: _turns}
