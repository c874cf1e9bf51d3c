"""The source of everything that runs, as syntax trees: what a test says of every place, it looks for here."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["Called", "calls"]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("console", "deskbell", "feishu", "http_client", "ledger", "producers", "sandbox", "worker")


class Called(NamedTuple):
    """One call. `where` is its file, and the function, or name of the module, that it stands in."""

    where: str
    name: str  #: as it is written: `re.compile`, `self._pattern.search`
    pattern: str | None  #: the regular expression that it is given, as it is written


@cache
def calls() -> tuple[Called, ...]:
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    trees = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8")) for path in paths}
    return tuple(found for path, tree in trees.items() for found in _within(tree, path, ""))


def _within(node: ast.AST, path: str, inside: str) -> Iterator[Called]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            name = ast.unparse(child.func)
            yield Called(f"{path}:{inside}", name, _pattern(name, child))
        yield from _within(child, path, _inside(child, inside))


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
