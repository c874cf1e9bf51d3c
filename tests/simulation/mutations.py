"""Breaks Deskbell on purpose, in this process alone: `mutations.toml` says how."""

import importlib.abc
import importlib.machinery
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

__all__ = ["MUTATIONS", "Mutation", "Patch"]

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Patch:
    """In `file`, a path from the root, `new` stands for `old`."""

    file: str
    old: str
    new: str

    def applied(self, source: str) -> str:
        """Raises ValueError when the text is not there, or more than once."""
        if source.count(self.old) != 1:
            raise ValueError(f"{self.file} has {source.count(self.old)} times, not once: {self.old!r}")
        return source.replace(self.old, self.new)


@dataclass(frozen=True)
class Mutation:
    """`seed` plays a schedule in which the judge finds `finding`."""

    patches: Sequence[Patch]
    seed: int
    finding: str

    def sources(self) -> dict[str, str]:
        """What stands in each file that it breaks. Raises ValueError, as `Patch.applied`."""
        return {file: self._patched(file) for file in {patch.file for patch in self.patches}}

    def _patched(self, file: str) -> str:
        source = (_ROOT / file).read_text("utf-8")
        for patch in self.patches:
            if patch.file == file:
                source = patch.applied(source)
        return source

    def install(self) -> None:
        """For this process, before the modules are imported that it breaks. Nothing is written."""
        sources = self.sources()
        modules = {
            file.removesuffix(".py").replace("/", "."): text for file, text in sources.items() if file[-3:] == ".py"
        }
        if loaded := modules.keys() & sys.modules.keys():
            raise RuntimeError(f"imported too early to be broken: {loaded}")
        sys.meta_path.insert(0, _Finder(modules))
        if scripts := {_ROOT / file: text for file, text in sources.items() if file.endswith(".lua")}:
            _read_scripts_from(scripts)


def _module(file: str) -> str:
    return file.removesuffix(".py").replace("/", ".")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def find_spec(self, name: str, _path: object, _target: object = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name in self._sources else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._sources[module.__name__], module.__name__, "exec"), module.__dict__)


def _read_scripts_from(scripts: Mapping[Path, str]) -> None:
    """`ledger.store` reads them once, through `Path.read_text`."""
    read_text = Path.read_text

    def read(path: Path, *arguments: str, **options: str) -> str:
        return scripts[path] if path in scripts else read_text(path, *arguments, **options)

    Path.read_text = read  # type: ignore[assignment, method-assign]


def _mutations() -> dict[str, Mutation]:
    tables = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    return {
        name: Mutation(tuple(Patch(**patch) for patch in table["patch"]), table["seed"], table["finding"])
        for name, table in tables.items()
    }


MUTATIONS: Mapping[str, Mutation] = _mutations()
