"""The verbs' scripts in a process that runs on while its files change."""

import fakeredis
import pytest

from ledger import store as verbs


def test_no_file_is_read_once_verbs_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verb's file was read at its first use: an upgrade in place, or too many open files, broke a running worker."""
    verbs._scripts.cache_clear()
    verbs.Verbs(fakeredis.FakeRedis(), "deskbell")

    def unreadable(_: str) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(verbs, "files", unreadable)
    assert all(verbs.source(name) for name in verbs.NAMES)
