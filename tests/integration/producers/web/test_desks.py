"""`/v1/desks`: which desks a key sees, why one does not send, and who ends a hold."""

from collections.abc import Iterator

import pytest

from ledger.api_key import Scope
from ledger.audit_log import recent_actions
from ledger.leases import Leases
from ledger.settings import Settings
from tests.integration.producers.web.web_thread import WebThread, with_files

__all__: list[str] = []

PATH = "/v1/desks"


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    with WebThread(
        with_files(valkey, tmp_path_factory.mktemp("desks"), desks="[desk.hr]\nrate = '50/minute'\n")
    ) as web:
        yield web


def hold(web: WebThread, desk: str) -> None:
    ledger = web.context.ledger
    leases = Leases(ledger.redis, ledger.settings, longest_call_ms=1000)
    leases.hold(ledger.settings.desk(desk), "outage", 60_000, "Feishu does not answer")


def test_the_desks_say_what_they_do_and_why_one_does_not_send(web: WebThread) -> None:
    hold(web, "hr")
    default, hr = web.get(PATH).json()["desks"]
    assert (default["name"], default["hold"], default["rate"]) == ("default", None, "100/60second")
    assert default["lanes"] == [{"lane": "events", "waiting": 0, "oldest_seconds": None}]
    assert (hr["name"], hr["rate"], hr["windows"]) == ("hr", "50/60second", [{"limit": 50, "seconds": 60, "used": 0}])
    assert (hr["hold"]["kind"], hr["hold"]["reason"]) == ("outage", "Feishu does not answer")
    assert hr["hold"]["since"].endswith("Z")


def test_an_operator_resumes_a_desk_and_that_is_on_record(web: WebThread) -> None:
    hold(web, "hr")
    headers = {"X-Api-Key": web.secret(Scope.OPERATE, Scope.READ, name="ops")}
    assert web.post(f"{PATH}/hr/resume", headers=headers).json() == {"desk": "hr", "resumed": True}
    assert web.get(PATH, headers=headers).json()["desks"][1]["hold"] is None
    assert web.post(f"{PATH}/hr/resume", headers=headers).json() == {"desk": "hr", "resumed": False}
    act = recent_actions(web.context.ledger, 1)[0]
    assert (act.by, act.did, act.id) == ("key ops", "resume desk", "hr")


@pytest.mark.parametrize("scope", Scope)
def test_reading_takes_read_and_resuming_takes_operate(web: WebThread, scope: Scope) -> None:
    headers = {"X-Api-Key": web.secret(scope)}
    assert web.get(PATH, headers=headers).status_code == (200 if scope is Scope.READ else 403)
    resumed = web.post(f"{PATH}/default/resume", headers=headers)
    assert resumed.status_code == (200 if scope is Scope.OPERATE else 403)


def test_a_key_for_one_desk_sees_and_resumes_that_one(web: WebThread) -> None:
    headers = {"X-Api-Key": web.secret(desks=frozenset({"hr"}))}
    assert [desk["name"] for desk in web.get(PATH, headers=headers).json()["desks"]] == ["hr"]
    assert web.post(f"{PATH}/hr/resume", headers=headers).status_code == 200
    assert web.post(f"{PATH}/default/resume", headers=headers).status_code == 403


def test_a_desk_that_there_is_not_is_a_404(web: WebThread) -> None:
    answer = web.post(f"{PATH}/nope/resume")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:deskbell:problem:not-found")
