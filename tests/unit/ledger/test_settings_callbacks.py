"""The variables of callbacks and of Feishu's events: what they take, and how they say what is wrong."""

import base64
from pathlib import Path

import pytest

from ledger.callback_format import signing_key
from ledger.errors import BadInput
from ledger.settings import Settings

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def test_a_secret_is_the_base64_of_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKBELL_CALLBACK_SECRET", SECRET)
    assert Settings.from_env().callback_secret.get_secret_value() == SECRET
    assert signing_key(SECRET) == KEY


@pytest.mark.parametrize(
    "secret", ["hunter2", "whsec_", "whsec_äöü", "whsec_c2hvcnQ=", "whsec_" + "A" * 200, SECRET.replace("whsec", "key")]
)
def test_a_secret_that_is_none_is_told_and_not_repeated(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKBELL_CALLBACK_SECRET", secret)
    with pytest.raises(BadInput, match=r"^DESKBELL_CALLBACK_SECRET: must be whsec_") as refused:
        Settings.from_env()
    assert secret == "whsec_" or secret not in str(refused.value)


def test_places_are_names_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKBELL_CALLBACK_ALLOW", "Hooks.Internal, 10.1.2.3/8 127.0.0.1,fd00::/8")
    allowed = {"hooks.internal", "10.0.0.0/8", "127.0.0.1/32", "fd00::/8"}
    assert Settings.from_env().callback_allow == allowed


@pytest.mark.parametrize("place", ["10.0.0.0/33", "10.0.0", "http://x", "a b/c", "10.0.0.256", "*"])
def test_a_place_that_is_none_is_told(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKBELL_CALLBACK_ALLOW", place)
    with pytest.raises(BadInput, match="DESKBELL_CALLBACK_ALLOW"):
        Settings.from_env()


def test_a_desk_of_the_file_has_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "desks.toml").write_text('[desk.hr]\napp_id = "cli_hr"\nencrypt_key = "k-hr"\n', "utf-8")
    monkeypatch.setenv("DESKBELL_DESKS", str(tmp_path / "desks.toml"))
    monkeypatch.setenv("DESKBELL_ENCRYPT_KEY", "k-default")
    monkeypatch.setenv("DESKBELL_VERIFICATION_TOKEN", "t-default")
    desks = Settings.from_env().all_desks
    assert [desk.encrypt_key.get_secret_value() for desk in desks.values()] == ["k-default", "k-hr"]
    assert desks["hr"].verification_token.get_secret_value() == ""
    assert "k-hr" not in repr(desks)
