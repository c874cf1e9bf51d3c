"""The keys of the HTTP API in the ledger, and `deskbell key`."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from ledger.api_key import KeyLimits, Scope
from ledger.api_keys import ApiKeys
from ledger.errors import BadInput, NotFound
from ledger.ledger import Ledger
from ledger.settings import Settings
from producers.cli.command_line import run

__all__: list[str] = []

SEND = frozenset({Scope.SEND})


@pytest.fixture
def keys(ledger: Ledger) -> ApiKeys:
    return ApiKeys(ledger)


def test_a_key_is_found_by_its_secret_which_is_kept_nowhere(ledger: Ledger, keys: ApiKeys) -> None:
    key, secret = keys.create("grafana", SEND, frozenset({"default"}), "600/minute", by="ada")
    assert secret.startswith("dbk_")
    assert len(secret) >= 4 + 43  # 256 bits
    assert keys.find(secret) == key
    assert keys.find(secret + "x") is None
    everything = b"".join(ledger.redis.dump(name) or b"" for name in ledger.redis.scan_iter())
    assert secret.encode() not in everything


def test_a_revoked_key_is_found_no_more_and_stays_on_the_list(keys: ApiKeys) -> None:
    key, secret = keys.create("grafana", SEND, None, None, by="ada")
    revoked = keys.revoke("grafana", by="bob")
    assert (revoked.id, revoked.revoked_by) == (key.id, "bob")
    assert keys.revoke(key.id, by="eve") == revoked
    assert keys.find(secret) is None
    assert [each.revoked_by for each in keys.list()] == ["bob"]
    assert keys.are_configured()


def test_a_name_may_be_used_again_once_it_is_revoked(keys: ApiKeys) -> None:
    keys.create("grafana", SEND, None, None, by="ada")
    with pytest.raises(BadInput, match="a key is named 'grafana' already"):
        keys.create("grafana", SEND, None, None, by="ada")
    keys.revoke("grafana", by="ada")
    second, secret = keys.create("grafana", SEND, None, None, by="ada")
    assert keys.find(secret) == second
    assert keys.revoke("grafana", by="ada").id == second.id


def test_a_damaged_key_does_not_keep_another_from_being_created(ledger: Ledger, keys: ApiKeys) -> None:
    ledger.redis.hset(ledger.keys.api_keys, "0" * 64, b'{"id": "k_1"')
    key, secret = keys.create("grafana", SEND, None, None, by="ada")
    assert keys.find(secret) == key


def test_the_last_use_is_noted_but_not_for_each_call(ledger: Ledger, keys: ApiKeys) -> None:
    _, secret = keys.create("grafana", SEND, None, None, by="ada")
    assert keys.list()[0].last_used_at is None
    keys.find(secret)
    [used] = [key.last_used_at for key in keys.list()]
    assert used is not None
    assert abs(datetime.now(UTC) - used) < timedelta(seconds=10)
    ledger.redis.delete(ledger.keys.api_key_uses)
    keys.find(secret)
    assert keys.list()[0].last_used_at is None


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"scopes": frozenset()}, "scopes"),
        ({"desks": frozenset({"nobody"})}, "desk"),
        ({"rate": "often"}, "rate"),
    ],
)
def test_a_wrong_wish_names_its_field(keys: ApiKeys, changed: dict[str, object], field: str) -> None:
    wish = {"name": "grafana", "scopes": SEND, "desks": None, "rate": None, "by": "ada"} | changed
    with pytest.raises(BadInput) as caught:
        keys.create(**wish)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert not keys.list()


def test_a_key_of_the_variable_is_found_and_cannot_be_revoked(ledger: Ledger) -> None:
    secret = "dbk_" + "x" * 40
    ledger.settings = ledger.settings.model_copy(update={"api_keys": SecretStr(f"ops:{secret}:operate")})
    keys = ApiKeys(ledger)
    found = keys.find(secret)
    assert found is not None
    assert found.scopes == {Scope.OPERATE}
    assert keys.are_configured()
    with pytest.raises(BadInput, match="remove it there"):
        keys.revoke("ops", by="ada")
    with pytest.raises(NotFound):
        keys.revoke("nobody", by="ada")


def test_the_command_line_makes_lists_and_revokes(
    empty_valkey: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DESKBELL_DATA_DIR", str(empty_valkey.data_dir))
    assert run(["key", "create", "--name", "grafana", "--scope", "send", "--scope", "read", "--rate", "9/minute"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("dbk_")
    assert "cannot be shown again" in printed.err
    assert run(["key", "create", "--name", "ops", "--scope", "operate", "--desk", "default", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["name"], made["desks"], made["secret"][:4]) == ("ops", ["default"], "dbk_")
    assert run(["key", "revoke", "grafana"]) == 0
    capsys.readouterr()
    assert run(["key", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(key["name"], key["scopes"], bool(key["revoked_at"])) for key in listed] == [
        ("grafana", ["read", "send"], True),
        ("ops", ["operate"], False),
    ]
    assert all("secret" not in key for key in listed)
    assert run(["key", "revoke", "nobody"]) == 5
    assert run(["key", "create", "--name", "x", "--scope", "all"]) == 2


def test_beyond_a_thousand_keys_the_unused_ones_must_be_revoked_first(
    keys: ApiKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.api_keys.MOST_KEYS", 2)
    keys.create("one", SEND, None, None, by="ada")
    keys.create("two", SEND, None, None, by="ada")
    with pytest.raises(BadInput, match="there are 2 keys: revoke the ones that `deskbell key list` shows as unused"):
        keys.create("three", SEND, None, None, by="ada")
    keys.revoke("one", by="ada")
    keys.create("three", SEND, None, None, by="ada")


def test_of_revoked_keys_the_latest_are_kept(keys: ApiKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.api_keys.REVOKED_KEYS", 1)
    secrets = [keys.create(name, SEND, None, None, by="ada")[1] for name in ("one", "two", "three")]
    for name in ("one", "two", "three"):
        time.sleep(0.002)  # each in a ms of its own
        keys.revoke(name, by="ada")
    keys.create("four", SEND, None, None, by="ada")
    assert [key.name for key in keys.list()] == ["three", "four"]
    assert keys.find_many(secrets) == [None] * 3


def test_a_key_that_an_older_version_made_announces_if_it_sends(ledger: Ledger, keys: ApiKeys) -> None:
    _, secret = keys.create("new", SEND, None, None, by="ada")
    [digest] = ledger.redis.hkeys(ledger.keys.api_keys)
    written = json.loads(ledger.redis.hget(ledger.keys.api_keys, digest) or b"")
    older = {name: value for name, value in written.items() if name not in ("max_rows", "daily")}
    assert keys.find(secret).scopes == {Scope.SEND}  # type: ignore[union-attr]
    ledger.redis.hset(ledger.keys.api_keys, digest, json.dumps(older))
    assert keys.find(secret).scopes == {Scope.SEND, Scope.ANNOUNCE}  # type: ignore[union-attr]
    ledger.redis.hset(ledger.keys.api_keys, digest, json.dumps(older | {"scopes": ["read"]}))
    assert keys.find(secret).scopes == {Scope.READ}  # type: ignore[union-attr]


def test_limits_are_shown(ledger: Ledger, keys: ApiKeys) -> None:
    made, _ = keys.create("hr", SEND, None, None, by="ada", limits=KeyLimits(500, 2000))
    assert (made.max_rows, made.daily) == (500, 2000)
    assert [(key["max_rows"], key["daily"]) for key in (each.as_json() for each in keys.list())] == [(500, 2000)]


@pytest.fixture
def typed(empty_valkey: Settings, monkeypatch: pytest.MonkeyPatch) -> ApiKeys:
    """The keys of the ledger that the command line uses."""
    monkeypatch.setenv("DESKBELL_DATA_DIR", str(empty_valkey.data_dir))
    return ApiKeys(Ledger(empty_valkey))


def test_a_key_is_limited_to_the_addresses_of_a_file(
    typed: ApiKeys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = tmp_path / "testers.txt"
    lines.write_text(
        "\ufeffou_ada, id:ou_bob\n\nAnn@corp.example\r\nann@corp.example\n+86 138-0013-8000\nmobile:13800138000\n"
    )
    assert run(["key", "create", "--name", "pilot", "--scope", "announce", "--only", str(lines), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["only"] == ["ou_ada", "ou_bob", "Ann@corp.example", "+8613800138000"]
    assert typed.list() == [typed.find(told["secret"])]
    table = tmp_path / "people.csv"
    table.write_text("name;邮箱;手机号;receiver_id\nAda;ada@corp.example;13800138000;ou_ada\nBob;;;ou_bob\n")
    assert run(["key", "create", "--name", "table", "--scope", "send", "--only", str(table), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["only"] == [
        *("ada@corp.example", "mobile:13800138000", "ou_ada", "ou_bob")
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "only: must have 1 to 1,000 addresses"),
        (b"\n".join(b"ou_%d" % number for number in range(1001)), "only: must have 1 to 1,000 addresses"),
        (b"ou_ada\nann@\n", "only: address 2 is not an id, an e-mail or a mobile number"),
        (b"ou_ada\nou bob\n", "only: address 2 is not an id"),
        (b"ou_ada\n\xff\n", "is not UTF-8"),
        (b"ou_" + b"x" * 1_100_000, "is longer than 1 MiB"),
        (b"name\nAda\n1,2@\n", "only: address 4 is not"),
    ],
    ids=range(7),
)
def test_a_file_without_usable_addresses_makes_no_key(
    typed: ApiKeys, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, problem: str
) -> None:
    (tmp_path / "testers.txt").write_bytes(content)
    assert run(["key", "create", "--name", "k", "--scope", "send", "--only", str(tmp_path / "testers.txt")]) == 2
    assert problem in " ".join(capsys.readouterr().err.split())
    assert not typed.list()


@pytest.mark.parametrize("limits", [KeyLimits(only=("ou_ada",)), KeyLimits(test=True)])
@pytest.mark.parametrize("scope", [Scope.OPERATE, Scope.APPROVE, Scope.ADMIN])
def test_limits_that_a_scope_would_get_around_are_refused(keys: ApiKeys, limits: KeyLimits, scope: Scope) -> None:
    with pytest.raises(BadInput, match=f"works only with the scopes send, announce and read: {scope}"):
        keys.create("k", SEND | {scope}, None, None, "ada", limits)


def test_the_list_shows_the_limits_of_a_key(typed: ApiKeys, capsys: pytest.CaptureFixture[str]) -> None:
    typed.create("k", SEND, None, None, "ada", KeyLimits(10, 2000, ("ou_ada",), test=True))
    assert run(["key", "list", "--json"]) == 0
    [told] = json.loads(capsys.readouterr().out)
    assert (told["max_rows"], told["daily"], told["only"], told["test"]) == (10, 2000, ["ou_ada"], True)
    assert [str(each) for each in typed.list()[0].limits] == [
        *("10 rows", "2,000 a day", "only to 1 address", "test: sends nothing")
    ]
