"""Secrets of the desks file that stand elsewhere: in variables, or in files as an orchestrator mounts them."""

from pathlib import Path

import pytest

from ledger.errors import BadInput
from ledger.settings import Desk, Settings


def desk_of(folder: Path, lines: str) -> Desk:
    (folder / "desks.toml").write_text(f"[desk.hr]\n{lines}\n")
    return Settings(desks=folder / "desks.toml", _env_file=None).desk("hr")


def test_a_secret_comes_from_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HR_SECRET", "s3cret")
    monkeypatch.setenv("HR_TOKEN", "ht-1")
    desk = desk_of(tmp_path, 'app_secret_env = "HR_SECRET"\nhelpdesk_token_env = "HR_TOKEN"')
    assert (desk.app_secret.get_secret_value(), desk.helpdesk_token.get_secret_value()) == ("s3cret", "ht-1")


def test_what_the_event_subscription_needs_comes_from_a_variable_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HR_ENCRYPT", "key")
    monkeypatch.setenv("HR_VERIFY", "vt-1")
    desk = desk_of(tmp_path, 'encrypt_key_env = "HR_ENCRYPT"\nverification_token_env = "HR_VERIFY"')
    assert (desk.encrypt_key.get_secret_value(), desk.verification_token.get_secret_value()) == ("key", "vt-1")


def test_a_secret_comes_from_a_file_beside_the_desks_file(tmp_path: Path) -> None:
    (tmp_path / "hr.secret").write_text("s3cret\n")
    (tmp_path / "hr.token").write_text("ht-1")
    desk = desk_of(tmp_path, f'app_secret_file = "hr.secret"\nhelpdesk_token_file = "{tmp_path / "hr.token"}"')
    assert (desk.app_secret.get_secret_value(), desk.helpdesk_token.get_secret_value()) == ("s3cret", "ht-1")


def test_no_repr_tells_the_secret(tmp_path: Path) -> None:
    (tmp_path / "hr.secret").write_text("s3cret")
    assert "s3cret" not in repr(desk_of(tmp_path, 'app_secret_file = "hr.secret"'))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('app_secret_env = "HR_SECRET"', "[desk.hr] app_secret_env: the variable 'HR_SECRET' is not set"),
        ("app_secret_env = 5", "[desk.hr] app_secret_env: the variable 5 is not set"),
        ('app_secret_file = "none"', "[desk.hr] app_secret_file: none cannot be read (FileNotFoundError)"),
        ("helpdesk_token_file = 5", "[desk.hr] helpdesk_token_file: write the path of a file"),
        ('helpdesk_token_file = "empty"', "[desk.hr] helpdesk_token_file: empty is empty"),
        ('app_secret = "s"\napp_secret_env = "HR"', "[desk.hr] give one of app_secret, app_secret_env"),
    ],
)
def test_a_secret_that_is_not_to_be_had_says_which_and_why(tmp_path: Path, lines: str, told: str) -> None:
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(BadInput) as caught:
        desk_of(tmp_path, lines)
    assert told in str(caught.value)
