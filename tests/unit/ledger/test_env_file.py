"""`.env` is read as Compose reads it, or refused."""

from pathlib import Path

import pytest

from ledger.errors import BadInput
from ledger.settings import Settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("value", ["ab$cd", '"ab$cd"', "$HOME/x", "a$$b", "x$"])
def test_a_dollar_that_compose_would_expand_is_refused_by_name(value: str) -> None:
    Path(".env").write_text(f"# a comment\n\nexport DESKBELL_APP_SECRET={value}\n")
    with pytest.raises(BadInput, match=r"DESKBELL_APP_SECRET.*single quotes.*Compose"):
        Settings.from_env()


@pytest.mark.parametrize(
    ("value", "read"),
    [("'ab$cd'", "ab$cd"), (" 'ab$cd' # a comment", "ab$cd"), ("${BASE}x", "bx"), ("ab#c", "ab#c"), ("ab #c", "ab")],
)
def test_what_both_read_alike_is_taken(value: str, read: str) -> None:
    Path(".env").write_text(f"BASE=b\nOTHER=ab$cd\nDESKBELL_APP_SECRET={value}\n")
    assert Settings.from_env().app_secret.get_secret_value() == read
