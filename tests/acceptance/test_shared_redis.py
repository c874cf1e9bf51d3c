"""A Redis that others use too: a user confined to the prefix is enough, and nobody else's broadcasts reach a worker."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import celery
import pytest
import requests
from redis.exceptions import NoPermissionError

from ledger.redis_when_full import RedisWhenFull
from tests.acceptance.installation import MARKER, Installation, eventually
from tests.acceptance.installation_elsewhere import SiteElsewhere
from tests.acceptance.web_process import WebProcess
from tests.valkey_process import ValkeyProcess

PREFIX, PASSWORD = "bells-1", "hunter2"
FIT = {"appendonly": "yes", "appendfsync": "always", "maxmemory_policy": "noeviction"}
DEPLOY = Path(__file__).resolve().parents[2] / "docs" / "deploy.md"
#: What a later Celery, or somebody else's, says to all workers that hear it.
BROADCASTS = ("shutdown", "pool_shrink", "rate_limit", "cancel_consumer")


def rights() -> list[str]:
    """The line of the page, with this test's prefix and password."""
    [line] = re.findall(r"^ACL SETUSER .*$", DEPLOY.read_text("utf-8"), re.MULTILINE)
    line = line.replace("~deskbell*", f"~{PREFIX}*").replace("&deskbell*", f"&{PREFIX}*")
    return line.replace(">PASSWORD", f">{PASSWORD}").split()


@pytest.fixture
def server(folders: Callable[[], Path]) -> Iterator[ValkeyProcess]:
    with ValkeyProcess(folders() / "server", **FIT) as server:
        yield server


@pytest.fixture
def site_as(server: ValkeyProcess, folders: Callable[[], Path]) -> Iterator[Callable[..., Installation]]:
    """A site whose user has the rights of the page, and those that are given."""
    with ExitStack() as stack:

        def start(*further: str) -> Installation:
            server.client.execute_command(*rights(), *further)
            url = f"redis://deskbell:{PASSWORD}@127.0.0.1:{server.port}/0"
            return stack.enter_context(SiteElsewhere(folders(), url, prefix=PREFIX))

        yield start


def refused(server: ValkeyProcess) -> set[tuple[str, str]]:
    """What the server refused, by reason."""
    entries = [dict(zip(entry[::2], entry[1::2], strict=True)) for entry in server.client.execute_command("ACL", "LOG")]
    return {(entry[b"reason"].decode(), entry[b"object"].decode()) for entry in entries}


def test_the_rights_of_the_page_are_enough_for_the_main_job(
    server: ValkeyProcess, site_as: Callable[..., Installation], tmp_path: Path
) -> None:
    installation = site_as()
    people = tmp_path / "people.csv"
    people.write_text("receiver_id\n" + "".join(f"ou_row{number}\n" for number in range(25)))

    assert installation.deskbell("send", "--to", "ou_cli", "--text", MARKER, "--wait", "30").returncode == 0
    announced = installation.deskbell_json("announce", str(people), "--text", MARKER, "--yes")
    key = installation.deskbell_json(
        "key", "create", "--name", "app", "--scope", "send", "--scope", "read", "--rate", "100/minute"
    )
    with WebProcess(installation.folder, installation.environment) as web:
        answer = requests.post(
            f"{web.url}/v1/notifications",
            json={"receiver_id": "ou_http", "text": MARKER},
            headers={"Authorization": f"Bearer {key['secret']}"},
            timeout=30,
        )
        assert (answer.status_code, requests.get(f"{web.url}/readyz", timeout=30).status_code) == (202, 200)
    assert installation.deskbell("watch", announced["id"]).returncode == 0
    installation.wait_until_delivered([answer.json()["id"]], seconds=30)
    for command in (("list",), ("desks",), ("export", announced["id"]), ("retry", announced["id"]), ("doctor",)):
        done = installation.deskbell(*command)
        assert (done.returncode, done.stderr) == (0, "") or command[0] in ("retry", "export"), done

    installation.stop_workers()
    assert "Traceback" not in installation.workers[0].log.read_text() + web.log.read_text()
    assert refused(server) == set()
    assert {key for key in server.client.scan_iter() if not key.startswith(PREFIX.encode())} == set()


def test_a_server_that_refuses_client_does_the_main_job_and_the_doctor_is_content(
    site_as: Callable[..., Installation],
) -> None:
    """Google's Memorystore for Redis refuses it. Each connection began with CLIENT SETNAME, so nothing worked there."""
    installation = site_as("-client")
    assert installation.deskbell("send", "--to", "ou_cli", "--text", MARKER, "--wait", "30").returncode == 0
    done = installation.deskbell("doctor")
    assert (done.returncode, done.stderr) == (0, ""), done


def test_a_worker_under_memory_pressure_stays_within_the_prefix(
    server: ValkeyProcess, site_as: Callable[..., Installation]
) -> None:
    installation = site_as()
    ids = installation.accept(*(f"ou_full{number}" for number in range(20)), at=None)
    server.client.config_set("maxmemory", "100kb")
    installation.wait_until_delivered(ids, seconds=30)
    assert refused(server) == set()


def test_what_info_would_have_told_is_said(server: ValkeyProcess, site_as: Callable[..., Installation]) -> None:
    installation = site_as("-info")
    assert installation.deskbell("send", "--to", "ou_cli", "--text", MARKER, "--wait", "30").returncode == 0
    found = {check["name"]: check for check in installation.deskbell_json("doctor")["checks"]}
    assert found["redis"]["status"] == "warn"
    assert "INFO" in found["redis"]["do"]


def test_a_refused_key_is_told_in_one_line(server: ValkeyProcess, site_as: Callable[..., Installation]) -> None:
    installation = site_as()
    server.client.execute_command("ACL", "SETUSER", "deskbell", "resetkeys", f"~{PREFIX}:desk*")
    refused = installation.deskbell("list")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "does not allow" in refused.stderr
    assert "ACL LOG" in refused.stderr
    log = installation.workers[0].log
    told = r"Cannot connect to .*: No permissions to access a key \(\w+; ACL LOG on the server names the key\)"
    eventually(lambda: re.search(told, log.read_text()), 30, "Celery's consumer tells")
    assert "Frequent restarts" not in log.read_text()
    eventually(lambda: "the pacer pauses" in log.read_text(), 30, "the pacer tells")
    pauses = next(line for line in log.read_text().splitlines() if "the pacer pauses" in line)
    # What the pacer asked first is a lone command, or one in a pipeline, as the rights went away.
    assert re.search(r"No permissions to access a key \((\w+; )?ACL LOG on the server names the key\)", pauses)


@pytest.mark.parametrize("transaction", [True, False])
def test_a_key_refused_within_a_pipeline_is_told_with_its_command(server: ValkeyProcess, transaction: bool) -> None:
    server.client.execute_command("ACL", "SETUSER", "deskbell", "on", f">{PASSWORD}", "~mine*", "+@all")
    client = RedisWhenFull(port=server.port, username="deskbell", password=PASSWORD)
    pipe = client.pipeline(transaction=transaction).get("mine").zrange("another", 0, -1)
    told = r"\(ZRANGE another 0 -1\) .*No permissions to access a key \(ACL LOG on the server names the key\)$"
    with pytest.raises(NoPermissionError, match=told):
        pipe.execute()


def test_another_application_cannot_steer_the_workers(installation: Installation) -> None:
    stranger = celery.Celery(
        "stranger", broker=f"redis+socket://{installation.valkey.socket_path}", set_as_current=False
    )
    with stranger.connection_for_write() as connection:
        for order in BROADCASTS:
            stranger.control.broadcast(order, connection=connection, reply=True, timeout=0.5)
    installation.wait_until_delivered(installation.accept("ou_after_the_broadcasts"), seconds=20)
    assert all(worker.runs for worker in installation.workers)
    assert all("remote" not in worker.log.read_text() for worker in installation.workers)
