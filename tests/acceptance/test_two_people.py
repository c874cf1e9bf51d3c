"""A mass send by two people with keys of their own, over HTTP, by the command line, and with real workers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.installation import Installation, eventually
from tests.acceptance.web_process import WebProcess

__all__: list[str] = []

RECEIVERS = ("ou_ada", "ou_bob", "ou_eve")


class Colleague:
    """Somebody with a key."""

    def __init__(self, installation: Installation, url: str, name: str, *scopes: str) -> None:
        scope_options = [word for scope in scopes for word in ("--scope", scope)]
        key = installation.deskbell_json("key", "create", "--name", name, *scope_options)["secret"]
        self._url, self._headers = f"{url}/v1/announcements", {"Authorization": f"Bearer {key}"}

    def asks(self, status: int, path: str = "", **body: Any) -> Any:
        answer = requests.post(self._url + path, json=body, headers=self._headers, timeout=60)
        assert answer.status_code == status, answer.text
        return answer.json()

    def fingerprint(self, id: str) -> str:
        answer = requests.get(f"{self._url}/{id}", headers=self._headers, timeout=60)
        return str(answer.json()["draft"]["fingerprint"])


@pytest.fixture
def site(new_installation: Callable[..., Installation]) -> Iterator[tuple[Installation, WebProcess]]:
    installation = new_installation(workers=1, DESKBELL_APPROVAL_ABOVE="2")
    installation.deskbell_json("key", "create", "--name", "first", "--scope", "read")
    with WebProcess(installation.folder, installation.environment) as web:
        yield installation, web


def test_the_approval_of_a_key_that_was_revoked_starts_nothing(
    site: tuple[Installation, WebProcess], tmp_path: Path
) -> None:
    installation, web = site
    hr = Colleague(installation, web.url, "hr", "announce", "read")
    boss = Colleague(installation, web.url, "boss", "approve", "read")
    rows = [{"receiver_id": receiver} for receiver in RECEIVERS]
    id = hr.asks(201, name="Move", text="We move", rows=rows, draft=True)["id"]
    hr.asks(403, f"/{id}/start")
    hr.asks(200, f"/{id}/submit")
    boss.asks(200, f"/{id}/approve", fingerprint=boss.fingerprint(id))
    installation.deskbell_json("key", "revoke", "boss")

    assert "key boss approved" in hr.asks(403, f"/{id}/start")["detail"]
    done = installation.deskbell("start", id)
    assert (done.returncode, "key boss approved" in done.stderr) == (2, True)
    assert installation.ledger.announcements.get(id).state == "approved"
    assert installation.sandbox.deliveries() == {}

    chief = Colleague(installation, web.url, "chief", "approve", "read")
    chief.asks(200, f"/{id}/reject", why="boss has left")
    hr.asks(200, f"/{id}/submit")
    chief.asks(200, f"/{id}/approve", fingerprint=chief.fingerprint(id))
    hr.asks(200, f"/{id}/start")
    installation.deskbell_json("key", "revoke", "chief")  # what has started goes on
    everybody = dict.fromkeys(RECEIVERS, 1)
    eventually(lambda: installation.sandbox.deliveries() == everybody, 20, "everybody got it")
    lines = installation.deskbell("audit", "--json").stdout.splitlines()
    did = [(act["by"], act["did"]) for act in map(json.loads, lines) if act["id"] == id]
    told = ["key hr start", "key chief approve", "key hr submit", "key chief reject: boss has left"]
    told += ["key boss approve", "key hr submit", "key hr draft"]
    assert [f"{by} {did}" for by, did in did] in (told, told[::-1])
