"""One string with Jinja in it, a text or an expression: compiled once, rendered for each receiver, bounded in time and
size."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from jinja2 import TemplateError, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.runtime import Context

from ledger.errors import BadInput
from ledger.messages.jinja_budget import BUDGET, LEAF_CHARACTERS, Unbounded
from ledger.messages.jinja_names import Naming, Reading, free_names, renamed, written_out
from ledger.messages.jinja_problems import template_problem
from ledger.messages.jinja_sandbox import ENVIRONMENT, Sandbox, restricted
from ledger.messages.json_fields import shortened
from ledger.phrases import Phrase

__all__ = ["Expression", "LacksVariable", "Leaf", "context_of", "has_markup"]

T = TypeVar("T")
Chunks = Callable[[Context], Iterator[str]]

_UNDEFINED = re.compile(r"'(.+)' is undefined")
_LACKS_PART = re.compile(r".* has no attribute '([^']+)'")
_MARKUP = re.compile(r"\{[{%#]")
#: A leaf of these only writes its variables: it works out nothing.
_PLAIN = (nodes.Output, nodes.TemplateData, nodes.Name)
#: What an expression is assigned to. Whatever else it reads by this name has no value.
_RESULT = "_result"
#: Of what an expression yields one by one. More than a whole message may list.
_ITEMS = 10_000


class LacksVariable(BadInput):
    """The leaf `field` needs the variable `name`, which the values do not have."""

    def __init__(self, field: str, name: str) -> None:
        super().__init__(field, Phrase("uses the variable {name}, which has no value", name=shortened(name)))
        self.name = name


def has_markup(text: str) -> bool:
    """Whether Jinja would do anything with it."""
    return _MARKUP.search(text) is not None


def context_of(values: Mapping[str, Any], sandbox: Sandbox = ENVIRONMENT) -> Context:
    """What leaves are rendered with. One does for all leaves of a message: none can change it."""
    return Context(sandbox, {**sandbox.globals, **values}, None, {})


class Leaf:
    """A compiled leaf. `variables` are the names that it may look up; `where` is its field in an error."""

    __slots__ = ("_chunks", "_naming", "_parts", "_sandbox", "is_plain", "node_count", "variables", "where")

    def __init__(self, source: str, where: str, sandbox: Sandbox = ENVIRONMENT, naming: Naming | None = None) -> None:
        """With a `naming` the names are those of columns; `render` then takes values by their identifiers.

        Raises BadInput when it is no Jinja, or more of it than is allowed here, or names a column that is not there.
        """
        self._naming = naming
        if naming:
            source = written_out(source, naming, where, partial(_reading, sandbox))
        tree = _parsed(source, where, sandbox)
        self.variables = _translated(lambda: renamed(tree, naming, where) if naming else free_names(tree), where)
        tree = restricted(tree, where, sandbox)
        self._sandbox = sandbox
        self.where = where
        self.node_count = sum(1 for _ in tree.find_all(nodes.Node))
        self.is_plain = all(isinstance(node, _PLAIN) for node in tree.find_all(nodes.Node))
        self._parts = _parts_of(tree)
        self._chunks = _compiled(tree, where, sandbox)

    def text(self, values: Mapping[str, Any]) -> str:
        """It alone, with a budget of its own. Raises as `render`."""
        BUDGET.renew()
        return self.render(context_of(values, self._sandbox))

    def render(self, context: Context) -> str:
        """As a part of a message, whose budget it takes from: see `Template`.

        Raises LacksVariable, or BadInput when it fails or grows too long. Neither repeats a value.
        """
        chunks, length = [], 0
        try:
            for chunk in self._chunks(context):
                chunks.append(chunk)
                length += len(chunk)
                if length > LEAF_CHARACTERS:
                    raise Unbounded(Phrase("renders to more than {most:,} characters", most=LEAF_CHARACTERS))
            return "".join(chunks)
        except Exception as error:  # an expression can raise what it likes
            refusal = _refusal(error, self.where, self._parts, self._naming)
        # Raised outside the except clause: as its context the error would carry values along.
        raise refusal


class Expression:
    """A compiled expression, without braces: `payload.status == "firing"`. What it gives keeps its type."""

    __slots__ = ("_chunks", "_parts", "_sandbox", "variables", "where")

    def __init__(self, source: str, where: str, sandbox: Sandbox = ENVIRONMENT) -> None:
        """Raises BadInput when it is no single expression, or uses more of Jinja than is allowed here."""
        tree = _parsed(f"{{{{ {source} }}}}", where, sandbox)
        self.variables = _translated(lambda: free_names(tree), where)
        tree = restricted(tree, where, sandbox)
        self._sandbox = sandbox
        self.where = where
        self._parts = _parts_of(tree)
        tree.body = [nodes.Assign(nodes.Name(_RESULT, "store"), _only_expression(tree, where), lineno=1)]
        tree.set_environment(sandbox)
        self._chunks = _compiled(tree, where, sandbox)

    def value(self, values: Mapping[str, Any]) -> Any:
        """Raises as `Leaf.render`. What Jinja's filters yield one by one is a list."""
        return self._result(values, _kept)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether its value is true as Jinja has it: neither false, zero nor empty. Raises as `value`."""
        return self._result(values, bool)

    def _result(self, values: Mapping[str, Any], as_given: Callable[[Any], T]) -> T:
        context = context_of(values, self._sandbox)
        BUDGET.renew()
        try:
            for _ in self._chunks(context):
                pass
            return as_given(context.vars[_RESULT])
        except Exception as error:  # an expression can raise what it likes
            refusal = _refusal(error, self.where, self._parts)
        raise refusal


def _kept(result: Any) -> Any:
    if isinstance(result, Undefined):
        str(result)  # raises UndefinedError, with the name of what there is not
    return list(islice(result, _ITEMS)) if isinstance(result, Iterator) else result


def _only_expression(tree: nodes.Template, where: str) -> nodes.Expr:
    match tree.body:
        case [nodes.Output(nodes=[inner])] if not isinstance(inner, nodes.TemplateData):
            return inner
    raise BadInput(where, Phrase("must be one expression, without braces"))


def _parts_of(tree: nodes.Template) -> frozenset[str]:
    """The names of parts that are written in the source: no other name may stand in an error, for it may be a value."""
    attributes = {node.attr for node in tree.find_all(nodes.Getattr)}
    subscripts = {node.arg.value for node in tree.find_all(nodes.Getitem) if isinstance(node.arg, nodes.Const)}
    return frozenset(name for name in attributes | subscripts if isinstance(name, str))


def _refusal(error: Exception, where: str, parts: frozenset[str], naming: Naming | None = None) -> BadInput:
    match error:
        case UndefinedError() if found := _UNDEFINED.fullmatch(error.message or ""):
            return LacksVariable(where, naming.names.get(found[1], found[1]) if naming else found[1])
        case UndefinedError():
            found = _LACKS_PART.fullmatch(error.message or "")
            if found and found[1] in parts:
                return BadInput(
                    where, Phrase("uses the field {name}, which a value does not have", name=shortened(found[1]))
                )
            return BadInput(where, Phrase("uses a field that a value does not have"))
        case Unbounded():
            return BadInput(where, error.args[0])
    return BadInput(where, Phrase("cannot be rendered with these values ({error})", error=type(error).__name__))


def _reading(sandbox: Sandbox, text: str) -> Reading:
    try:
        tree = _parsed(f"{{{{ {text} }}}}", "", sandbox)
    except BadInput:
        return Reading.NOTHING
    try:
        restricted(tree, "", sandbox)
    except BadInput:
        return Reading.FORBIDDEN
    return Reading.ALLOWED


def _parsed(source: str, where: str, sandbox: Sandbox) -> nodes.Template:
    if len(source) > LEAF_CHARACTERS:
        raise BadInput(
            where, Phrase("has {n:,} characters: at most {most:,} are allowed", n=len(source), most=LEAF_CHARACTERS)
        )
    return _translated(lambda: sandbox.parse(source), where)


def _compiled(tree: nodes.Template, where: str, sandbox: Sandbox) -> Chunks:
    return _translated(lambda: _root_of(tree, sandbox), where)


def _root_of(tree: nodes.Template, sandbox: Sandbox) -> Chunks:
    root: Chunks = sandbox.from_string(tree).root_render_func
    return root


def _translated(work: Callable[[], T], where: str) -> T:
    try:
        return work()
    except TemplateSyntaxError as error:
        problem = template_problem(error.message or "", error.lineno)
    except (RecursionError, MemoryError, SyntaxError):
        problem = Phrase("contains expressions that are nested too deeply")
    except (ValueError, OverflowError):
        problem = Phrase("contains a number with too many digits")
    except TemplateError as error:
        problem = template_problem(error.message or "", None)
    raise BadInput(where, problem)
