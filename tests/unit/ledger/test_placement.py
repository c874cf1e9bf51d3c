"""The desks file says which server has a desk; one server has one URL."""

from pathlib import Path

import pytest

from ledger.errors import BadInput
from ledger.settings import Settings

HOME = "redis://:home-secret@one.example:6379/0"
OTHER = "redis://:other-secret@two.example:6379/0"


def settings_of(folder: Path, monkeypatch: pytest.MonkeyPatch, desks: str, server: str | None = None) -> Settings:
    file = folder / "desks.toml"
    file.write_text(desks, "utf-8")
    monkeypatch.setenv("DESKBELL_DESKS", str(file))
    monkeypatch.setenv("DESKBELL_REDIS_URL", HOME)
    if server is not None:
        monkeypatch.setenv("DESKBELL_SERVER", server)
    return Settings.from_env()


def test_without_redis_in_the_file_there_is_one_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(tmp_path, monkeypatch, "[desk.hr]\n[desk.it]\n")
    assert [str(server.redis) for server in settings.servers] == ["redis://one.example:6379/0"]
    assert settings.desks_here == settings.all_desks


def test_each_server_has_its_desks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desks = f'[desk.hr]\nredis = "{OTHER}"\n[desk.it]\n[desk.law]\nredis = "{OTHER}"\n[desk.sea]\nredis = "{HOME}"\n'
    home, other = settings_of(tmp_path, monkeypatch, desks).servers
    assert list(home.desks_here) == ["default", "it", "sea"]
    assert list(other.desks_here) == ["hr", "law"]
    assert other.redis.password == "other-secret"
    assert not other.embedded


def test_a_worker_names_its_server_without_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desks = f'[desk.hr]\nredis = "{OTHER}"\n'
    settings = settings_of(tmp_path, monkeypatch, desks, "redis://two.example")
    assert list(settings.desks_here) == ["hr"]
    assert settings.redis.password == "other-secret"
    assert next(str(server.redis) for server in settings.servers) == "redis://one.example:6379/0"


def test_the_url_may_stand_in_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECOND_REDIS", OTHER)
    _, other = settings_of(tmp_path, monkeypatch, '[desk.hr]\nredis_env = "SECOND_REDIS"\n').servers
    assert other.redis.password == "other-secret"


@pytest.mark.parametrize(
    ("desks", "server", "told"),
    [
        ('[desk.hr]\nredis = "http://x"\n', None, "DESKBELL_DESKS: [desk.hr] redis: must begin with redis://"),
        ("[desk.hr]\nredis = 6379\n", None, "[desk.hr] redis: must be a string"),
        ('[desk.hr]\nredis = "redis://:sec#ret@x"\n', None, "[desk.hr] redis: has a character in its password"),
        (
            f'[desk.hr]\nredis = "{OTHER}"\n[desk.it]\nredis = "redis://two.example"\n',
            None,
            "[desk.it] redis: redis://two.example:6379/0 has another user, password or options elsewhere",
        ),
        (f'[desk.hr]\nredis = "{OTHER}"\n', "redis://three", "DESKBELL_SERVER: no desk is on redis://three:6379/0"),
        ("", "http://three", "DESKBELL_SERVER: must begin with redis://"),
    ],
)
def test_what_is_wrong_is_told_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, desks: str, server: str | None, told: str
) -> None:
    with pytest.raises(BadInput) as refused:
        settings_of(tmp_path, monkeypatch, desks, server)
    assert told in str(refused.value)
    assert "sec" not in str(refused.value)


def test_no_url_is_in_a_repr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(
        tmp_path, monkeypatch, f'[desk.hr]\nredis = "{OTHER}"\n', "redis://:other-secret@two.example"
    )
    assert "secret@" not in repr(settings) + repr(settings.all_desks) + repr(settings.servers)
