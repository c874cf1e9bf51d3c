"""What the allocator of the embedded server is told."""

import pytest

from ledger.memory import KEPT_PIECES, environment_of_server

TOLD = f"glibc.malloc.tcache_count={KEPT_PIECES}"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)


@pytest.mark.parametrize("version", ["2.30", "2.36", "2.41"])
def test_glibc_keeps_freed_pieces_at_hand(version: str) -> None:
    assert environment_of_server(("glibc", version))["GLIBC_TUNABLES"] == TOLD


@pytest.mark.parametrize(("name", "version"), [("glibc", "2.28"), ("", ""), ("musl", "1.2.5")])
def test_one_that_cannot_count_so_far_and_others_are_told_nothing(name: str, version: str) -> None:
    assert "GLIBC_TUNABLES" not in environment_of_server((name, version))


def test_what_somebody_else_has_told_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=1")
    assert environment_of_server(("glibc", "2.36"))["GLIBC_TUNABLES"] == "glibc.malloc.check=1"
