"""The settings of messages that Deskbell itself writes: to whom, in what language, with what link."""

from pathlib import Path

import pytest

from ledger.errors import BadInput
from ledger.settings import Settings

__all__: list[str] = []


def test_the_language_of_a_desk_is_its_own_or_that_of_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "desks.toml").write_text('[desk.hr]\nlanguage = "en"\n[desk.it]\n')
    monkeypatch.setenv("DESKBELL_DESKS", str(tmp_path / "desks.toml"))
    monkeypatch.setenv("DESKBELL_LANG", "zh-CN")
    desks = Settings.from_env().all_desks
    assert {name: desk.language for name, desk in desks.items()} == {"default": "zh", "hr": "en", "it": "zh"}


def test_approvers_are_addresses_divided_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKBELL_APPROVERS", "ann@corp.example, ou_bob,+8613800138000,")
    monkeypatch.setenv("DESKBELL_PUBLIC_URL", "https://bell.corp.example/notify/")
    settings = Settings.from_env()
    assert settings.approvers == ("ann@corp.example", "ou_bob", "+8613800138000")
    assert settings.public_url == "https://bell.corp.example/notify"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DESKBELL_LANG", "fr"),
        ("DESKBELL_APPROVERS", "ann@corp.example,ann"),
        ("DESKBELL_APPROVERS", "ann@@corp"),
        ("DESKBELL_PUBLIC_URL", "bell.corp.example"),
        ("DESKBELL_PUBLIC_URL", "https://ann:secret@bell.corp.example"),
        ("DESKBELL_PUBLIC_URL", "https://bell.corp.example/?key=1"),
    ],
)
def test_a_wrong_one_is_told_with_its_name(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadInput, match=variable) as refused:
        Settings.from_env()
    assert "secret" not in str(refused.value)
