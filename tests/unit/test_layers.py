"""The arrows between the packages run one way, and what a package offers is said in one place."""

import ast
from collections.abc import Collection, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.all_of import all_of
from tests.unit.source_tree import ROOT, files, nodes, tree

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
#: Past these there is a second noun, or a second thought, to be found.
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 330, 30
#: One list of options after the other.
DECLARATIVE = {ROOT / "sandbox/options.py"}
MODULES = list(files().values())


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {name_of(path): path for path in MODULES}


def imports_of(path: Path) -> set[str]:
    """The modules of ours that a module names, wherever in it: late ones and those for type checkers are arrows too."""
    names = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                names.add(submodule if submodule in PATHS else node.module)
    return names & PATHS.keys()


@cache
def imports() -> dict[str, set[str]]:
    return {name: imports_of(path) for name, path in PATHS.items()}


def of(package: str) -> dict[str, set[str]]:
    """The modules of it, and what each imports."""
    return {module: names for module, names in imports().items() if f"{module}.".startswith(f"{package}.")}


def test_every_package_is_in_the_table() -> None:
    assert {name.partition(".")[0] for name in PATHS} == set(MAY_IMPORT)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_run_one_way(package: str) -> None:
    allowed = MAY_IMPORT[package] | {package}
    astray = {
        module: {name for name in names if name.partition(".")[0] not in allowed}
        for module, names in of(package).items()
    }
    assert wrong(astray) == {}


def wrong(found: Mapping[str, Collection[object]]) -> dict[str, Collection[object]]:
    """Those of which something is found."""
    return {name: what for name, what in found.items() if what}


def test_no_files_import_each_other_in_a_circle() -> None:
    order = TopologicalSorter(imports())
    try:
        order.prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' <- '.join(error.args[1])}")


def test_messages_know_no_more_of_the_ledger_than_its_errors() -> None:
    known = {"ledger.errors", "ledger.phrases"}  # the words of its refusals
    messages = of("ledger.messages")
    assert wrong({module: names - messages.keys() - known for module, names in messages.items()}) == {}


def test_what_tames_celery_is_loaded_by_the_worker_alone() -> None:
    taming = of("worker.celery")
    others = imports().keys() - taming.keys() - {"worker"}
    assert wrong({module: imports()[module] & taming.keys() for module in others}) == {}


def test_the_console_knows_no_more_of_feishu_than_its_codes() -> None:
    known = of("feishu").keys() - {"feishu.codes"}
    assert wrong({module: names & known for module, names in of("console").items()}) == {}


#: Commands start the web; the web mounts the console; both speak its languages. Nothing else knows the three.
FACES = {
    ("producers", "web"): {"web", "cli"},
    ("producers", "cli"): {"cli"},
    ("console", "i18n"): {"web", "cli"},
    ("console",): {"web"},
}


def test_producers_do_not_know_the_faces_that_show_them() -> None:
    inside = {module: names for module, names in of("producers").items() if "." in module}
    assert len(inside) > 200
    assert (
        wrong({module: [name for name in names if not _may_know(module, name)] for module, names in inside.items()})
        == {}
    )


def _may_know(module: str, name: str) -> bool:
    parts = tuple(name.split("."))
    known_by = FACES.get(parts[:2]) or FACES.get(parts[:1])
    return known_by is None or module.split(".")[1] in known_by


def test_a_file_is_one_noun_and_a_function_one_thought() -> None:
    lines = {name: path.read_text("utf-8").count("\n") for name, path in files().items()}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}
    long = {name: _long_functions(path) for name, path in files().items() if path not in DECLARATIVE}
    assert wrong(long) == {}


def _long_functions(path: Path) -> list[tuple[str, int]]:
    functions = [node for node in nodes(path) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = [(node.name, (node.end_lineno or 0) - node.lineno + 1) for node in functions]
    return [(name, lines) for name, lines in lengths if lines > MOST_LINES_OF_A_FUNCTION]


@all_of("path", sorted((ROOT / "ledger/lua").rglob("*.lua")), ids=lambda path: path.name)
def test_a_script_is_one_noun(path: Path) -> None:
    assert path.read_text("utf-8").count("\n") <= MOST_LINES


def test_a_module_says_what_it_offers_and_has_it() -> None:
    """One `__all__`, sorted as ruff sorts it."""
    assert {name: problem for name, path in files().items() if (problem := _of_what_it_offers(path))} == {}


def _of_what_it_offers(path: Path) -> str | None:
    if path.name == "__main__.py" or not tree(path).body:
        return None
    named = [
        node.value
        for node in tree(path).body
        if (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
        or (isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "__all__")
    ]
    if path.name == "config.py" and path.parent.name == "celery":  # Celery takes all of it
        return "has an __all__" if named else None
    if len(named) != 1 or named[0] is None:
        return "has not one __all__"
    offered = ast.literal_eval(named[0])
    if offered != sorted(offered, key=_isort_key):
        return "is not sorted as ruff sorts it"
    return ", ".join(set(offered) - _defined(path)) or None


def _isort_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def _defined(path: Path) -> set[str]:
    names = set()
    for node in nodes(path):
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
