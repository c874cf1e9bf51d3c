"""The source of everything that runs, as syntax trees: what a test says of every place, it looks for here."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["PACKAGES", "ROOT", "Called", "calls", "files", "nodes", "tree"]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("console", "deskbell", "feishu", "http_client", "ledger", "producers", "sandbox", "worker")


@cache
def files() -> dict[str, Path]:
    """All modules, by their paths in the repository."""
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): path for path in paths}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All that is in it, as `ast.walk` has it: walked once for all tests."""
    return tuple(ast.walk(tree(path)))


class Called(NamedTuple):
    """One call. `where` is its file, and the function, or name of the module, that it stands in."""

    where: str
    name: str  #: as it is written: `re.compile`, `self._pattern.search`
    pattern: str | None  #: the regular expression that it is given, as it is written


@cache
def calls() -> tuple[Called, ...]:
    return tuple(found for name, path in files().items() for found in _within(tree(path), name, ""))


def _within(node: ast.AST, path: str, inside: str) -> Iterator[Called]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            name = _written(child.func)
            yield Called(f"{path}:{inside}", name, _pattern(name, child))
        yield from _within(child, path, _inside(child, inside))


def _written(node: ast.expr) -> str:
    """`ast.unparse` of it, quickly where it is a name, as most are."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name() | ast.Attribute() as value, attr=name):
            return f"{_written(value)}.{name}"
    return ast.unparse(node)


def _pattern(name: str, call: ast.Call) -> str | None:
    """What is given to `re`, or to a field of pydantic as its `pattern`."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == "pattern"]
    if name.startswith("re.") and name != "re.escape":
        given = call.args[:1]
    return ast.unparse(given[0]) if given else None


def _inside(node: ast.AST, inside: str) -> str:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name
        case ast.ClassDef(name=name) if not inside:
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            # The fields of a class go by their own names; what a function assigns is the function's.
            return name if not inside or inside[0].isupper() else inside
    return inside
