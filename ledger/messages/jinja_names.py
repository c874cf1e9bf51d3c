"""The names in a text with Jinja: those of its columns, whatever they are called.

`{{ Full name }}` is the column of that name, and `row["Full name"]` names it within an expression. Python takes some
names for one, keeps some words for itself, and gives some a meaning of its own (`range`, `self`, `None`): so each name
becomes an identifier that nobody can write.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.visitor import NodeTransformer

from ledger.errors import BadInput
from ledger.messages.column_names import folded, nearest, no_column

__all__ = ["Empty", "Naming", "Reading", "free_names", "jinja_parts", "renamed", "written_out"]

_BEGIN = re.compile(r"\{[{%#]")
_RAW = re.compile(r"\{%[-+]?\s{0,9}raw\s{0,9}[-+]?%\}")
_ENDRAW = re.compile(r"\{%[-+]?\s{0,9}endraw\s{0,9}[-+]?%\}")
_ENDS = {"{{": "}}", "{%": "%}", "{#": "#}"}
#: Words of Jinja's that are no names in an expression.
_WORDS = frozenset(("and", "else", "if", "in", "is", "not", "or", "true", "false", "none", "True", "False", "None"))
#: What stands in an expression and in few names: what holds none of it is a name that was mistyped.
_OPERATORS = frozenset("'\"+*%~<>=!,:[]{}|\\")
#: A row by its columns, unless one of them is called so.
_ROW, _FUNCTION = "row", "range"


class Reading(Enum):
    """What Jinja takes a text for."""

    ALLOWED = auto()  #: an expression that a message may use
    FORBIDDEN = auto()  #: one that it may not use
    NOTHING = auto()


Reads = Callable[[str], Reading]


class Empty(StrictUndefined):
    """A cell with nothing in it: false, equal to an empty text, in nothing. Whatever shows it needs a value."""

    __slots__ = ()

    def _is_equal(self, other: object) -> bool:
        return other == "" or isinstance(other, Undefined)

    def _differs(self, other: object) -> bool:
        return not self._is_equal(other)

    def _never(self, _: object = None) -> bool:
        return False

    def _hash(self) -> int:
        return hash("")

    # The base class has functions that always raise in these places.
    __bool__ = __contains__ = _never  # type: ignore[assignment]
    __eq__, __ne__, __hash__ = _is_equal, _differs, _hash  # type: ignore[assignment]


class Naming:
    """The columns of a message, and the identifiers that stand for them in its texts. For one message."""

    def __init__(self, columns: Sequence[str] | None, *, may_have_others: bool = False) -> None:
        """Without columns any name that Jinja can read is one; with `may_have_others` also any other text."""
        self._columns = columns
        self.may_have_others = may_have_others
        self._by_folded = {folded(name): name for name in columns or ()} | {name: name for name in columns or ()}
        self._identifiers: dict[str, str] = {}
        self.constants: set[str] = set()  #: words such as `None` that are shown, and are no columns

    @property
    def names(self) -> Mapping[str, str]:
        """What each identifier stands for, so far."""
        return {identifier: name for name, identifier in self._identifiers.items()}

    def find(self, written: str) -> str | None:
        """The column of that name: exactly so, or but for case, width and blanks."""
        if self._columns is None:
            return written
        return self._by_folded.get(written) or self._by_folded.get(folded(written))

    def identifier(self, written: str) -> str:
        """Also for a name that is no column."""
        name = self.find(written) or written
        return self._identifiers.setdefault(name, f"c{len(self._identifiers)}")

    def empties(self) -> dict[str, Empty]:
        """For each identifier of a column."""
        known = {} if self._columns is None else self.names
        return {each: Empty(name=each) for each, name in known.items() if self.find(name)}

    def refusal(self, where: str, written: str) -> BadInput:
        return BadInput(where, no_column(written, self._columns or ()))

    def column_of(self, text: str, where: str, reads: Reads) -> str | None:
        """The column that a whole text between braces is, and which Jinja would take for something else.

        Raises BadInput for one that is mistyped.
        """
        name = text.partition("|")[0].strip()
        if self._columns is not None and (column := self.find(name)) is not None:
            return column
        if name in _WORDS:
            self.constants.add(name)
        if _OPERATORS & set(name) or reads(text) is Reading.ALLOWED:
            return None
        if self.may_have_others:
            return name
        if self._columns is not None and (reads(text) is Reading.NOTHING or nearest(name, self._columns)):
            raise self.refusal(where, name)
        return None


def written_out(source: str, naming: Naming, where: str, reads: Reads) -> str:
    """With `row["Full name"]` for each `{{ Full name }}`, up to the first `|`. Raises BadInput for a mistyped name."""
    pieces = []
    for part, is_jinja in jinja_parts(source):
        shown = is_jinja and part.startswith("{{")
        pieces.append(f"{{{{{_head_written_out(part[2:-2], naming, where, reads)}}}}}" if shown else part)
    return "".join(pieces)


def jinja_parts(source: str) -> Iterator[tuple[str, bool]]:
    """The parts of a text in their order, and whether each is Jinja's: an expression, a statement or a comment."""
    at = 0
    while (begin := _BEGIN.search(source, at)) and (end := _end_of(source, begin)) >= 0:
        yield source[at : begin.start()], False
        yield source[begin.start() : end], True
        at = end
    yield source[at:], False


def _end_of(source: str, begin: re.Match[str]) -> int:
    """Where the part ends that begins here; -1 when it does not, which Jinja tells."""
    if begin[0] == "{%" and _RAW.match(source, begin.start()):
        end = _ENDRAW.search(source, begin.end())
        return end.end() if end else -1
    end_at = source.find(_ENDS[begin[0]], begin.end())
    return end_at + 2 if end_at >= 0 else -1


def _head_written_out(inner: str, naming: Naming, where: str, reads: Reads) -> str:
    before = inner[:1] if inner[:1] in ("-", "+") else ""  # signs that have Jinja take blanks away
    behind = inner[-1:] if inner[-1:] in ("-", "+") else ""
    text = inner[len(before) : len(inner) - len(behind)]
    head, bar, filters = text.partition("|")
    name = head.strip()
    if not name or (name.isidentifier() and name not in _WORDS):
        return inner
    column = naming.column_of(text, where, reads)
    return inner if column is None else f"{before} {_ROW}[{column!a}] {bar}{filters}{behind}"


def renamed(tree: nodes.Template, naming: Naming, where: str) -> frozenset[str]:
    """Puts identifiers for the names of the tree, and returns the names. Raises BadInput for a `row` without it."""
    visitor = _Names(naming, where)
    visitor.visit(tree)
    return frozenset(visitor.names)


def free_names(tree: nodes.Template) -> frozenset[str]:
    """All that it looks up but loop variables; also what Jinja would find by itself, such as `range` and `self`."""
    visitor = _Names(None, "")
    visitor.visit(tree)
    return frozenset(visitor.names)


class _Names(NodeTransformer):
    """Finds the names that no loop around them binds."""

    def __init__(self, naming: Naming | None, where: str) -> None:
        self.names: set[str] = set()
        self._naming = naming
        self._where = where
        self._bound: frozenset[str] = frozenset()

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802  Jinja looks it up by this name, and those below
        node.iter = self.visit(node.iter)
        outside = self._bound
        targets = node.target.find_all(nodes.Name) if not isinstance(node.target, nodes.Name) else [node.target]
        self._bound |= {target.name for target in targets} | {"loop"}
        node.body = [self.visit(each) for each in node.body]
        node.test = self.visit(node.test) if node.test else None
        self._bound = outside
        node.else_ = [self.visit(each) for each in node.else_]
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Call:  # noqa: N802
        function = node.node
        if isinstance(function, nodes.Name) and function.name == _FUNCTION and function.name not in self._bound:
            node.args = [self.visit(each) for each in node.args]
            return node
        self.generic_visit(node)
        return node

    def visit_Name(self, node: nodes.Name) -> nodes.Name:  # noqa: N802
        return node if node.name in self._bound else self._named(node, node.name)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        match node:
            case nodes.Getitem(node=nodes.Name(name=name), arg=nodes.Const(value=str(written))) if (
                self._naming and name == _ROW and name not in self._bound
            ):
                if self._naming.find(written) is not None:
                    return self._named(node, written)
                if self._naming.find(_ROW) is None:
                    raise self._naming.refusal(self._where, written)
        self.generic_visit(node)
        return node

    def _named(self, node: Any, written: str) -> nodes.Name:
        if self._naming is None:
            self.names.add(written)
            return node if isinstance(node, nodes.Name) else nodes.Name(written, "load", lineno=node.lineno)
        self.names.add(self._naming.find(written) or written)
        return nodes.Name(self._naming.identifier(written), "load", lineno=node.lineno)
