"""`deskbell doctor`, and the checkup of credentials, over a real Valkey and the sandbox."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

import sandbox
from feishu.checkup import Checkup, check_desk
from feishu.client import FeishuClient
from feishu.token import NoStore
from ledger.dropped_messages import DroppedMessages
from ledger.embedded import EmbeddedValkey
from ledger.hook_log import HookEntry, HookLog, HookOutcome
from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.settings import Settings
from producers.cli.command_line import run
from tests.english import english_in

__all__: list[str] = []

Output = pytest.CaptureFixture[str]
CREDENTIALS = {
    "APP_ID": "cli_sandbox",
    "APP_SECRET": "sandbox-secret",
    "HELPDESK_ID": "1000000000000000000",
    "HELPDESK_TOKEN": "ht-sandbox",
}


@pytest.fixture(scope="module")
def feishu() -> Iterator[str]:
    with sandbox.running() as base_url:
        yield base_url


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch, empty_valkey: Settings, feishu: str) -> Iterator[Ledger]:
    monkeypatch.setenv("DESKBELL_REDIS_URL", str(empty_valkey.redis))
    monkeypatch.setenv("DESKBELL_FEISHU_URL", feishu)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(f"DESKBELL_{name}", value)
    with redis.Redis.from_url(str(empty_valkey.redis)) as client:
        yield Ledger(Settings.from_env(), client)


def test_approvers_without_a_link_are_a_warning(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("DESKBELL_APPROVERS", "ann@corp.example")
    run(["doctor", "--json"])
    check = next(each for each in json.loads(capsys.readouterr().out)["checks"] if each["name"] == "approvers")
    assert (check["status"], "DESKBELL_PUBLIC_URL" in check["do"]) == ("warn", True)
    monkeypatch.setenv("DESKBELL_PUBLIC_URL", "https://bell.corp.example")
    run(["doctor", "--json"])
    assert "approvers" not in [each["name"] for each in json.loads(capsys.readouterr().out)["checks"]]


def test_a_hook_that_refuses_its_posts_and_what_became_no_message_are_told(ledger: Ledger, capsys: Output) -> None:
    log, now_ms = HookLog(ledger.redis, ledger.keys), round(time.time() * 1000)
    wrong = "X-Hub-Signature-256 does not match the secret"
    log.add(HookEntry(now_ms - 9000, "github", HookOutcome.ACCEPTED, "signature"))
    log.add(HookEntry(now_ms, "github", HookOutcome.REFUSED, reason=wrong))
    log.add(HookEntry(now_ms - 9000, "oncall", HookOutcome.REFUSED, reason=wrong))
    log.add(HookEntry(now_ms, "oncall", HookOutcome.ACCEPTED, "signature"))
    log.add(HookEntry(now_ms - 2 * 86_400_000, "old", HookOutcome.REFUSED, reason=wrong))
    lost = Phrase("a post became no message: {problem}", problem="hook.oncall.to: is not there")
    DroppedMessages(ledger.redis, ledger.keys).note(lost, "/v1/hooks/oncall", {"origin": "alertmanager"})
    checks = doctor(capsys)
    assert checks["hook github"]["status"] == "warn"
    assert checks["hook github"]["found"].endswith(f"was refused: {wrong}")
    assert not {"hook oncall", "hook old"} & checks.keys()
    assert checks["messages"]["found"].endswith("a post became no message: hook.oncall.to: is not there")
    assert "senders or hooks" in checks["messages"]["do"]


def a_worker_reports(ledger: Ledger, pid: int, silent_ms: int = 0) -> None:
    ledger.redis.zadd(ledger.keys.workers, {f"vm:{pid}:16": time.time() * 1000 - silent_ms})


def doctor(capsys: Output, expected: int = 0) -> dict[str, dict[str, str]]:
    """The checks by name."""
    assert run(["doctor", "--json"]) == expected
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] == (expected == 0)
    return {check["name"]: check for check in found["checks"]}


def checked() -> Checkup:
    settings = Settings.from_env()
    checkup = check_desk(FeishuClient.of(settings.desk("default"), settings, NoStore()))
    assert "sandbox-secret" not in repr(checkup)
    assert "ht-sandbox" not in repr(checkup)
    return checkup


def test_all_is_well_when_all_is_well(ledger: Ledger, capsys: Output) -> None:
    a_worker_reports(ledger, 11)
    a_worker_reports(ledger, 12)
    a_worker_reports(ledger, 13, silent_ms=60_000)
    checks = doctor(capsys)
    assert {name: check["status"] for name, check in checks.items()} == dict.fromkeys(
        (
            "redis",
            "durability",
            "distance",
            "eviction",
            "workers",
            "desk default",
            "feishu default",
            "contacts default",
        ),
        "ok",
    )
    assert checks["workers"]["found"] == "2 with 32 threads, on vm"
    assert "Valkey 9" in checks["redis"]["found"]


def test_without_a_worker_it_warns_and_says_how_to_start_one(ledger: Ledger, capsys: Output) -> None:
    check = doctor(capsys)["workers"]
    assert check["status"] == "warn"
    assert "deskbell up" in check["do"]


def test_an_env_that_other_users_may_read_is_a_warning(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").touch()
    (tmp_path / ".env").chmod(0o640)
    check = doctor(capsys)["files"]
    assert (check["status"], check["do"]) == ("warn", "chmod 600 .env")
    (tmp_path / ".env").chmod(0o600)
    assert "files" not in doctor(capsys)


def test_a_hold_is_told_with_its_reason(ledger: Ledger, capsys: Output) -> None:
    Leases(ledger.redis, ledger.settings, longest_call_ms=1000).hold(
        ledger.settings.desk("default"), "quota", 60_000, "code 99991403"
    )
    assert run(["doctor"]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warn desk default")]
    assert "held (quota) until " in line
    assert "code 99991403" in line
    assert "deskbell resume --desk default" in line


def test_missing_credentials_are_named_by_their_variables(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.delenv("DESKBELL_APP_SECRET")
    monkeypatch.delenv("DESKBELL_HELPDESK_ID")
    check = doctor(capsys, expected=1)["desk default"]
    assert check["found"] == "not set: DESKBELL_APP_SECRET, DESKBELL_HELPDESK_ID"


def test_a_default_desk_that_is_not_used_is_no_failure(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Output
) -> None:
    desks = "\n".join(f"{name.lower()} = {value!r}" for name, value in CREDENTIALS.items())
    (tmp_path / "desks.toml").write_text(f"[desk.hr]\n{desks}\n")
    monkeypatch.setenv("DESKBELL_DESKS", "desks.toml")
    for name in CREDENTIALS:
        monkeypatch.delenv(f"DESKBELL_{name}")
    checks = doctor(capsys)
    assert (checks["desk default"]["status"], checks["feishu hr"]["status"]) == ("ok", "ok")


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("APP_ID", "app_id or app_secret is wrong"),
        ("APP_SECRET", "app_secret is wrong"),
        ("HELPDESK_ID", "helpdesk_id or helpdesk_token is wrong"),
        ("HELPDESK_TOKEN", "helpdesk_id or helpdesk_token is wrong"),
    ],
)
def test_wrong_credentials_are_named_with_what_feishu_answered(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: Output, variable: str, says: str
) -> None:
    monkeypatch.setenv(f"DESKBELL_{variable}", "wrong-one")
    check = doctor(capsys, expected=1)["feishu default"]
    assert says in check["found"]
    assert "code 1" in check["found"]
    assert check["do"]
    assert "wrong-one" not in str(check)


def test_a_feishu_that_is_not_reached_is_a_failure_that_blames_no_credential(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("DESKBELL_FEISHU_URL", "http://127.0.0.1:1")
    check = doctor(capsys, expected=1)["feishu default"]
    assert "not known" in check["found"]
    assert "connect refused" in check["found"]


def test_redis_without_append_only_files_or_with_eviction_fails(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Output
) -> None:
    with EmbeddedValkey(Settings(data_dir=tmp_path / "other")) as other:
        url = f"unix://{other.socket_path}"
        monkeypatch.setenv("DESKBELL_REDIS_URL", url)
        with redis.Redis.from_url(url) as client:
            client.config_set("appendonly", "no")
            client.config_set("maxmemory", "100mb")
            client.config_set("maxmemory-policy", "allkeys-lru")
            checks = doctor(capsys, expected=1)
            client.config_set("maxmemory", "0")
            assert doctor(capsys, expected=1)["eviction"]["status"] == "warn"
    assert (checks["durability"]["status"], checks["eviction"]["status"]) == ("fail", "fail")


def test_the_checkup_says_of_each_credential_whether_feishu_takes_it(ledger: Ledger) -> None:
    names = ("app_id", "app_secret", "helpdesk_id", "helpdesk_token")
    assert checked() == Checkup(dict.fromkeys(names, "accepted"), failure=None)


def test_the_checkup_leaves_the_helpdesk_open_when_there_is_no_token(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESKBELL_APP_ID", "cli_nobody")
    found = checked()
    assert found.credentials == {
        "app_id": "suspect",
        "app_secret": "suspect",
        "helpdesk_id": "unknown",
        "helpdesk_token": "unknown",
    }
    assert found.failure is not None
    assert (found.failure.call, found.failure.code) == ("token", 10003)


def test_the_checkup_of_a_server_that_hangs_ends(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("DESKBELL_FEISHU_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("DESKBELL_TIMEOUT", "0.2,0.2")
        found = checked()
    assert set(found.credentials.values()) == {"unknown"}
    assert found.failure is not None
    assert "timed out" in str(found.failure.ended)


def test_a_file_of_error_codes_that_is_wrong_fails_the_checkup(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("DESKBELL_ERROR_CODES", "missing.toml")
    check = doctor(capsys, expected=1)["feishu"]
    assert check["found"].startswith("the checkup failed: ")
    assert "missing.toml" in check["found"]


def test_a_whole_ledger_is_told_to_be_whole(ledger: Ledger, capsys: Output) -> None:
    ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "x"})])
    assert run(["doctor", "--ledger"]) == 0
    assert capsys.readouterr().out == "ok ledger: 1 notification looked at, nothing is broken\n"
    assert run(["doctor", "--ledger", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "notifications": 1, "findings": [], "uncounted": []}


def test_what_is_broken_in_the_ledger_is_told_by_invariant_and_id(ledger: Ledger, capsys: Output) -> None:
    [lost] = ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "x"})])
    ledger.redis.delete(ledger.keys.waiting("e_default"))
    assert run(["doctor", "--ledger"]) == 1
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(f"fail queued-in-lane {lost.id}: is queued, and nowhere in e_default (")
    assert "deskbell cancel ID" in line
    assert run(["doctor", "--ledger", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(each["invariant"], each["id"]) for each in found["findings"]] == [("queued-in-lane", lost.id)]


def test_what_is_broken_in_the_ledger_is_told_in_chinese_and_programs_read_the_same(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    [lost] = ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "x"})])
    ledger.redis.delete(ledger.keys.waiting("e_default"))
    assert run(["doctor", "--ledger", "--json"]) == 1
    english = capsys.readouterr().out
    monkeypatch.setenv("DESKBELL_LANG", "zh-CN")
    assert run(["doctor", "--ledger"]) == 1
    told = capsys.readouterr().out
    assert told.startswith(f"fail queued-in-lane {lost.id}: 正在排队，却不在 e_default 的任何地方（")
    assert english_in(told) == []
    assert run(["doctor", "--ledger", "--json"]) == 1
    assert capsys.readouterr().out == english


def test_the_ledger_cannot_be_looked_at_without_redis(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("DESKBELL_REDIS_URL", "redis://127.0.0.1:1/0")
    assert run(["doctor", "--ledger"]) == 3
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("options", "is_waiting", "status", "said"),
    [
        ((), False, "ok", "the app finds people by e-mail and mobile; it may see all staff"),
        (("--range", "od-x,ou_ada"), False, "ok", "it may see 1 department, 1 person"),
        (("--without-scope", "contact:user.id:readonly"), False, "ok", "not granted: contact:user.id:readonly"),
        (("--without-scope", "contact:user.id:readonly"), True, "warn", "cannot find people by e-mail and mobile"),
        (("--scopes", "contact:user.id:readonly"), False, "ok", "not granted: contact:contact.base:readonly"),
        (("--without-scope", "contact:user.email:readonly", "--demo"), False, "ok", "contact:user.email:readonly"),
    ],
)
def test_one_line_says_what_the_app_may_see(
    ledger: Ledger,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    is_waiting: bool,
    status: str,
    said: str,
) -> None:
    if is_waiting:
        ledger.accept([Notification.build({"email": "ada@corp.example", "text": "Hello"})])
    with sandbox.running(*options) as url:
        monkeypatch.setenv("DESKBELL_FEISHU_URL", url)
        check = doctor(capsys)["contacts default"]
    assert check["status"] == status
    assert said in check["found"]
