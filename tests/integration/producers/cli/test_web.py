"""`deskbell web` as a process, and `/readyz` on servers that are not fit."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.settings import Settings
from producers.cli.command_line import run
from tests import forking
from tests.integration.producers.web.web_thread import WebThread
from tests.valkey_process import ValkeyProcess

__all__: list[str] = []

DESKBELL = Path(sys.executable).with_name("deskbell")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_serves_and_stops_when_it_is_told(tmp_path: Path, number: signal.Signals) -> None:
    command = [DESKBELL, "web", "--port", "0", "--json"]
    with forking.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as web:
        assert web.stdout is not None
        assert web.stderr is not None
        url = json.loads(web.stdout.readline())["url"]
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=10) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with connection.makefile("rb") as answers:
                assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
                web.send_signal(number)
                answers.read()  # it closes the connection
        assert web.wait(120) == 0
        assert "until then /readyz answers 503" in web.stderr.read()


def test_a_port_that_is_taken_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert run(["web", "--port", str(taken.getsockname()[1])]) == 1
    assert "cannot listen at 127.0.0.1 port" in capsys.readouterr().err
    assert run(["web", "--port", "70000"]) == 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"appendonly": "no"}, "durability: "),
        ({"appendonly": "yes", "maxmemory": "100mb", "maxmemory_policy": "allkeys-lru"}, "eviction: "),
        ({"appendonly": "yes", "replicaof": "127.0.0.1 1"}, "role: "),
    ],
    ids=["does not persist", "evicts", "is a replica"],
)
def test_a_server_that_is_not_fit_is_not_ready_and_the_reason_is_named(
    tmp_path: Path, options: dict[str, str], reason: str
) -> None:
    with (
        ValkeyProcess(tmp_path, **options) as server,
        WebThread(Settings(redis_url=server.url, _env_file=None)) as web,
    ):
        answer = web.get("/readyz")
    assert answer.status_code == 503
    assert any(each.startswith(reason) for each in answer.json()["reasons"])


def test_a_server_that_a_power_cut_can_rob_is_ready_and_the_web_says_so_at_its_start(tmp_path: Path) -> None:
    with ValkeyProcess(tmp_path, appendonly="yes", appendfsync="everysec", maxmemory_policy="noeviction") as server:
        with WebThread(Settings(redis_url=server.url, _env_file=None)) as web:
            answer = web.get("/readyz")
            sent = web.post("/v1/notifications", {"receiver_id": "ou_ada", "text": "hi"})
        assert (answer.status_code, sent.status_code) == (200, 202)
        command = [DESKBELL, "web", "--port", "0", "--json"]
        environment = {**os.environ, "DESKBELL_REDIS_URL": server.url}
        with forking.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline()
            process.terminate()
            said = [line for line in process.stderr if "may not be durable" in line]
    assert len(said) == 1
    assert "set `appendfsync always`" in said[0]


def test_a_ledger_of_a_newer_version_is_not_ready(empty_valkey: Settings) -> None:
    with WebThread(empty_valkey) as web:
        web.context.ledger.redis.set(web.context.ledger.keys.schema, 999)
        assert any(reason.startswith("version: ") for reason in web.get("/readyz").json()["reasons"])
        refused = web.post("/v1/notifications", {"receiver_id": "ou_ada", "text": "hi"})
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:deskbell:problem:wrong-version")
