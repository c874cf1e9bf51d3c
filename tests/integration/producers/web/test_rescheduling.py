"""Another time for what has not begun, over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from deskbell import Notifier
from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.ledger import Ledger
from ledger.settings import Settings
from producers.client.ledger_backend import LedgerBackend
from tests.integration.producers.web.serving import serving

__all__: list[str] = []

SECONDS = 120
DESKS = '[desk.hr]\nrate = "unlimited"\n'


@pytest.fixture
def settings(empty_valkey: Settings, tmp_path: Any) -> Settings:
    (tmp_path / "desks.toml").write_text(DESKS)
    return Settings(data_dir=empty_valkey.data_dir, desks=tmp_path / "desks.toml", _env_file=None)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    ledger = Ledger(settings)
    yield ledger
    ledger.redis.close()


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    with serving(settings) as url:
        yield f"{url}/v1"


@pytest.fixture
def ids(ledger: Ledger) -> list[str]:
    """An announcement and an event, both scheduled."""
    notifier = Notifier(LedgerBackend(ledger))
    rows = [{"receiver_id": "ou_ada"}]
    announced = notifier.announce(rows, text="x", name="Move", at="2h", expires="4d")
    return [announced.id, notifier.send(receiver_id="ou_ada", text="x", at="2h", expires="4d").id]


def path_of(id: str) -> str:
    return f"{'announcements' if id.startswith('a_') else 'notifications'}/{id}"


def post(url: str, id: str, body: object, **key: Any) -> requests.Response:
    return requests.post(f"{url}/{path_of(id)}/reschedule", json=body, timeout=SECONDS, **key)


def test_it_is_scheduled_for_the_new_time_and_says_so_wherever_it_is_told(url: str, ids: list[str]) -> None:
    day = datetime.now(UTC).date() + timedelta(days=2)
    due_at = f"{day}T01:00:00.000Z"
    for id in ids:
        answer = post(url, id, {"at": f"{day}T09:00", "timezone": "Asia/Shanghai"})
        assert (answer.status_code, answer.json()) == (200, {"id": id, "state": "scheduled", "due_at": due_at})
        told = requests.get(f"{url}/{path_of(id)}", timeout=SECONDS).json()
        assert (told["state"], told["due_at"], told["acts"][-1]["did"]) == ("scheduled", due_at, "reschedule")
    for kind in ("announcements", "notifications"):
        [listed] = requests.get(f"{url}/{kind}?state=scheduled", timeout=SECONDS).json()[kind]
        assert listed["due_at"] == due_at


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "at"),
        ({"at": None}, "at"),
        ({"at": 5}, "at"),
        ({"at": "2026-12-01T09:00"}, "at"),
        ({"at": "2020-12-01T09:00Z"}, "at"),
        ({"at": "5d"}, "at"),  # it expires before
        ({"at": "2031-03-30T02:30", "timezone": "Europe/Berlin"}, "at"),  # the clocks leave it out
        ({"at": "1h", "timezone": "Mars"}, "timezone"),
        ({"at": "1h", "by": "me"}, "by"),
    ],
)
def test_what_is_wrong_is_a_422_that_names_the_field_and_changes_nothing(
    url: str, ids: list[str], ledger: Ledger, body: dict[str, Any], field: str
) -> None:
    for id in ids:
        before = requests.get(f"{url}/{path_of(id)}", timeout=SECONDS).json()
        answer = post(url, id, body)
        assert (answer.status_code, answer.json()["field"]) == (422, field)
        assert requests.get(f"{url}/{path_of(id)}", timeout=SECONDS).json() == before


def test_any_other_state_is_a_409_and_an_unknown_id_a_404(url: str, ids: list[str], ledger: Ledger) -> None:
    ledger.announcements.cancel(ids[0], "ada")
    ledger.cancel([ids[1]], "ada")
    for id in ids:
        answer = post(url, id, {"at": "1h"})
        assert (answer.status_code, answer.json()["state"]) == (409, "cancelled")
    for absent in ("a_0000000000000000", "n_0000000000000000"):
        assert post(url, absent, {"at": "1h"}).status_code == 404
    assert (
        requests.post(f"{url}/notifications/{ids[0]}/reschedule", json={"at": "1h"}, timeout=SECONDS).status_code == 404
    )


def test_it_takes_the_scope_operate_and_the_desk_and_the_key_goes_on_record(
    url: str, ids: list[str], ledger: Ledger
) -> None:
    keys = ApiKeys(ledger)
    _, reader = keys.create("reader", frozenset({Scope.READ, Scope.SEND}), None, None, "ada@ops")
    _, hr = keys.create("hr", frozenset({Scope.OPERATE}), frozenset({"hr"}), None, "ada@ops")
    _, mia = keys.create("mia", frozenset({Scope.OPERATE}), None, None, "ada@ops")
    for id in ids:
        for secret, status in ((reader, 403), (hr, 403), (mia, 200)):
            headers = {"Authorization": f"Bearer {secret}"}
            assert post(url, id, {"at": "3h"}, headers=headers).status_code == status
    assert ledger.announcements.get(ids[0]).acts[-1][1:] == ("key mia", "reschedule")
    assert ledger.get(ids[1]).progress.acts[-1][1:] == ("key mia", "reschedule")
