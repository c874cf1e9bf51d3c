"""One URL leads everybody to the same Redis, user and database, or nobody anywhere."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import BadInput
from ledger.settings import Settings
from tests.acceptance.installation import MARKER, Installation, WorkerProcess
from tests.acceptance.installation_elsewhere import SiteElsewhere
from tests.valkey_process import ValkeyProcess

SECRET = "hunter2/x"
FIT = {"appendonly": "yes", "appendfsync": "always", "maxmemory_policy": "noeviction", "requirepass": SECRET}


@pytest.fixture
def server(folders: Callable[[], Path]) -> Iterator[ValkeyProcess]:
    folder = folders()
    with ValkeyProcess(folder / "server", password=SECRET, unixsocket=str(folder / "v.sock"), **FIT) as server:
        yield server


@pytest.fixture
def site_at(folders: Callable[[], Path]) -> Iterator[Callable[[str], Installation]]:
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(SiteElsewhere(folders(), url))


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("unix://{folder}/v.sock?db=2&password=hunter2%2Fx", 2),
        ("redis://:hunter2%2Fx@127.0.0.1:{port}?db=4&socket_timeout=5&health_check_interval=3&protocol=2", 4),
        ("redis://127.0.0.1:{port}/5?username=default&password=hunter2%2Fx&protocol=3&socket_keepalive=yes", 5),
    ],
)
def test_ledger_and_celery_read_the_same_url(
    server: ValkeyProcess, site_at: Callable[[str], Installation], url: str, database: int
) -> None:
    installation = site_at(url.format(folder=server.folder.parent, port=server.port))
    sent = installation.deskbell("send", "--to", "ou_a", "--text", MARKER, "--wait", "90")
    assert (sent.returncode, sent.stderr) == (0, "")
    assert [name for name in server.client.info("keyspace") if name.startswith("db")] == [f"db{database}"]
    assert installation.deskbell("doctor").returncode == 0
    assert "hunter2" not in installation.workers[0].log.read_text()


@pytest.mark.parametrize(
    ("command", "credentials", "database", "problem"),
    [
        ("list", ":hunter2%2Fx@", 99, "has no such database"),
        ("doctor", ":hunter2%2Fx@", 99, "has no such database"),
        ("list", ":hunter3@", 0, "invalid username-password pair"),
        ("list", "", 0, "it needs a password"),
    ],
)
def test_what_the_server_refuses_is_told_in_words(
    server: ValkeyProcess, tmp_path: Path, command: str, credentials: str, database: int, problem: str
) -> None:
    url = f"redis://{credentials}127.0.0.1:{server.port}/{database}"
    done = deskbell(tmp_path, url, command)
    assert done.returncode == 3
    assert problem in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter" not in done.stdout + done.stderr


def deskbell(folder: Path, url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [Path(sys.executable).with_name("deskbell"), *arguments],
        cwd=folder, env={**os.environ, "DESKBELL_REDIS_URL": url}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "url"),
    [
        (("list",), "redis://:hunter2#x9@127.0.0.1:6399/0"),
        (("doctor",), "redis://127.0.0.1:6399/abc"),
        (("web", "--port", "0"), "sentinel://:hunter2[@[::1/m/0"),
        (("up",), "redis://hunter2@127.0.0.1"),
    ],
)
def test_a_wrong_url_ends_every_command_at_once(tmp_path: Path, command: tuple[str, ...], url: str) -> None:
    done = deskbell(tmp_path, url, *command)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("deskbell: DESKBELL_REDIS_URL: ")
    assert "hunter2" not in done.stderr


def test_a_worker_says_what_is_wrong_with_its_url(tmp_path: Path) -> None:
    environment = {**os.environ, "DESKBELL_REDIS_URL": "redis://:hunter2?x9@127.0.0.1:6399/0"}
    worker = WorkerProcess("w1", environment, tmp_path / "w1.log")
    assert worker.wait(60) == 2
    said = worker.log.read_text()
    assert "must be escaped" in said
    assert "Traceback" not in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("redis_url", "redis://:hunter2#x9@127.0.0.1:6399/0"),
        ("redis_url", "redis://hunter2@127.0.0.1/0"),
        ("feishu_url", "https://bell:hunter2@open.feishu.cn"),
        ("feishu_url", "https://open.feishu.cn?hunter2"),
        ("app_secret", ["hunter2"]),
        ("callback_secret", "hunter2"),
    ],
)
def test_no_settings_repeat_a_secret_that_is_mistyped(field: str, value: Any) -> None:
    with pytest.raises((BadInput, ValueError)) as refusal:
        Settings(_env_file=None, **{field: value})
    assert "hunter2" not in f"{refusal.value} {refusal.value!r}"
