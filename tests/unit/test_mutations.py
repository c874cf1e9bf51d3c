"""The table of mutations cannot rot: what each replaces stands in the tree, its test exists, and the page has it."""

from pathlib import Path

import pytest

from tests.all_of import all_of
from tests.mutations.mutation import ROOT, Mutation, as_table
from tests.mutations.runner import copied_tree, failed, survives
from tests.mutations.table import MUTATIONS
from tests.simulation import mutations as simulated

#: Those whose tests take about a second each. `make mutants` runs all.
QUICK = [each for each in MUTATIONS if each.test.startswith("tests/unit/") and each.promise in (5, 12, 15)]


def label(mutation: Mutation) -> str:
    return mutation.what


@all_of("mutation", MUTATIONS, ids=label)
def test_what_a_mutation_replaces_stands_once_in_the_tree(mutation: Mutation) -> None:
    assert (ROOT / mutation.file).read_text("utf-8").count(mutation.old) == 1
    assert mutation.old != mutation.new
    assert not mutation.file.startswith("tests/")


@all_of("mutation", simulated.MUTATIONS.values(), ids=simulated.MUTATIONS)
def test_what_a_mutation_of_the_simulation_replaces_stands_once_in_the_tree(mutation: simulated.Mutation) -> None:
    """Its seed is played with the simulation, minutes later."""
    assert all(mutation.sources().values())


@all_of("mutation", MUTATIONS, ids=label)
def test_the_test_of_a_mutation_exists(mutation: Mutation) -> None:
    _, _, name = mutation.test.partition("::")
    assert f"\ndef {name}(" in (ROOT / mutation.test_file).read_text("utf-8")


def test_each_promise_has_a_mutation() -> None:
    assert {each.promise for each in MUTATIONS} == set(range(1, 17))


def test_the_page_has_the_table() -> None:
    assert as_table(MUTATIONS) in (ROOT / "docs/reliability.md").read_text("utf-8")


def test_a_mutation_that_replaces_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("limit = 1\n")
    with pytest.raises(ValueError, match="has 0 times"):
        Mutation(1, "no limit", "module.py", "limit = 2", "limit = 3", "").put_in(tmp_path)


@pytest.mark.slow
def test_the_quick_ones_are_found() -> None:
    with copied_tree() as tree:
        assert failed(tree, sorted({each.test for each in QUICK}))[0] is False
        assert [each.what for each in QUICK if survives(each, tree)] == []


@pytest.mark.slow
def test_a_mutation_that_changes_nothing_survives() -> None:
    """Else every test would seem to find it."""
    first = QUICK[0]
    same = Mutation(first.promise, "the same", first.file, first.old, f"{first.old}\n", first.test)
    with copied_tree() as tree:
        assert survives(same, tree)
