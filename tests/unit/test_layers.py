"""The arrows between the packages run one way, and what a package offers is said in one place."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Each package, and those of ours that it may import.
MAY_IMPORT = {
    "http_client": set(),
    "ledger": set(),
    "feishu": {"ledger", "http_client"},
    "worker": {"ledger", "feishu", "http_client"},
    "producers": {"ledger", "feishu", "console"},  # the web application mounts the console beside the HTTP API
    "console": {"ledger", "feishu"},
    "sandbox": set(),
    "deskbell": {"ledger", "producers"},
}
MODULES = [path for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))]


def imports_of(path: Path) -> set[str]:
    """The packages that a module names, wherever in it: a lazy import is an arrow too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert imports_of(path) & MAY_IMPORT.keys() <= MAY_IMPORT[package] | {package}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_offers_and_has_it(path: Path) -> None:
    if path.name == "__main__.py" or path.read_text("utf-8").strip() == "":
        return
    tree = ast.parse(path.read_text("utf-8"))
    named = [
        node.value
        for node in tree.body
        if (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
        or (isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "__all__")
    ]
    if path.name == "config.py" and path.parent.name == "celery":  # Celery takes all of it
        assert not named
        return
    assert len(named) == 1, "one __all__ in every module"
    offered = ast.literal_eval(named[0])
    assert offered == sorted(offered, key=_isort_key), "sorted as ruff sorts it"
    assert set(offered) <= _defined(tree)


def _isort_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def _defined(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_has_no_logic_in_its_init(package: str) -> None:
    for node in ast.parse((ROOT / package / "__init__.py").read_text("utf-8")).body:
        assert isinstance(node, ast.Expr | ast.ImportFrom | ast.Import | ast.Assign | ast.AnnAssign)
