"""The arrows between the packages run one way, and what a package offers is said in one place."""

import ast
from graphlib import CycleError, TopologicalSorter
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
#: Past these there is a second noun, or a second thought, to be found.
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 330, 30
#: One list of options after the other.
DECLARATIVE = {ROOT / "sandbox/options.py"}
MODULES = [path for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {name_of(path): path for path in MODULES}


def imports_of(path: Path) -> set[str]:
    """The modules of ours that a module names, wherever in it: late ones and those for type checkers are arrows too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                names.add(submodule if submodule in PATHS else node.module)
    return names & PATHS.keys()


IMPORTS = {name: imports_of(path) for name, path in PATHS.items()}


@pytest.mark.parametrize("module", IMPORTS)
def test_imports_run_one_way(module: str) -> None:
    package = module.partition(".")[0]
    assert {name.partition(".")[0] for name in IMPORTS[module]} <= MAY_IMPORT[package] | {package}


def test_no_files_import_each_other_in_a_circle() -> None:
    order = TopologicalSorter(IMPORTS)
    try:
        order.prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("module", [name for name in IMPORTS if name.startswith("ledger.messages")])
def test_messages_know_no_more_of_the_ledger_than_its_errors(module: str) -> None:
    outside = {name for name in IMPORTS[module] if not name.startswith("ledger.messages")}
    assert outside <= {"ledger.errors", "ledger.phrases"}  # the words of its refusals


@pytest.mark.parametrize("module", [name for name in IMPORTS if not name.startswith("worker.celery")])
def test_what_tames_celery_is_loaded_by_the_worker_alone(module: str) -> None:
    if module != "worker":
        assert not [name for name in IMPORTS[module] if name.startswith("worker.celery")]


@pytest.mark.parametrize("module", [name for name in IMPORTS if name.startswith("console")])
def test_the_console_knows_no_more_of_feishu_than_its_codes(module: str) -> None:
    assert {name for name in IMPORTS[module] if name.startswith("feishu")} <= {"feishu.codes"}


@pytest.mark.parametrize("module", [name for name in IMPORTS if name.startswith("producers.")])
def test_producers_do_not_know_the_faces_that_show_them(module: str) -> None:
    """Commands start the web; the web mounts the console; both speak its languages. Nothing else knows the three."""
    faces = {
        ("producers", "web"): {"web", "cli"},
        ("producers", "cli"): {"cli"},
        ("console", "i18n"): {"web", "cli"},
        ("console",): {"web"},
    }
    for name in IMPORTS[module]:
        parts = tuple(name.split("."))
        known_by = faces.get(parts[:2]) or faces.get(parts[:1])
        assert known_by is None or module.split(".")[1] in known_by


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_noun_and_a_function_one_thought(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= MOST_LINES
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = [(node.name, (node.end_lineno or 0) - node.lineno + 1) for node in functions]
    if path not in DECLARATIVE:
        assert [(name, lines) for name, lines in lengths if lines > MOST_LINES_OF_A_FUNCTION] == []


@pytest.mark.parametrize("path", sorted((ROOT / "ledger/lua").rglob("*.lua")), ids=lambda path: path.name)
def test_a_script_is_one_noun(path: Path) -> None:
    assert path.read_text("utf-8").count("\n") <= MOST_LINES


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
