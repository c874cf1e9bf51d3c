"""A fault that is put in on purpose, and the test that must fail then."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Mutation", "as_table"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Mutation:
    """`old` stands exactly once in `file`. The test fails when `new` stands there."""

    promise: int  #: as numbered in docs/reliability.md
    what: str
    file: str
    old: str
    new: str
    test: str  #: as pytest names it, without parameters

    @property
    def test_file(self) -> str:
        return self.test.partition("::")[0]

    @property
    def test_name(self) -> str:
        """In words."""
        return self.test.partition("::test_")[2].replace("_", " ")

    def put_in(self, tree: Path) -> None:
        """Raises ValueError if the old text does not stand there exactly once."""
        path = tree / self.file
        text = path.read_text("utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} has {text.count(self.old)} times what {self.what!r} replaces")
        path.write_text(text.replace(self.old, self.new), "utf-8")


def as_table(mutations: Sequence[Mutation]) -> str:
    """For docs/reliability.md."""
    rows = (f"| {each.promise} | {each.what} | `{each.test_file}`: {each.test_name} |" for each in mutations)
    return "\n".join(["| # | broken on purpose | the test that fails |", "|---|---|---|", *rows])
