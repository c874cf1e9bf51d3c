"""Announcements to departments and groups over HTTP and by both backends of the client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from deskbell import BadInput, FeishuFailed, KeyReused, Notifier
from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.integration.producers.cli.announcing_desk import receivers
from tests.integration.producers.web.serving import serving
from tests.sandbox_company import company_running

__all__: list[str] = []

SECONDS = 120
ASKED = {"name": "Hello", "text": "Dear {{ name }}", "receive_type": "user"}


@pytest.fixture
def settings(empty_valkey: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    with company_running(empty_valkey, monkeypatch, "--range", "od-a,od-b,g-wardens"):
        yield Settings.from_env()


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    with serving(settings) as base:
        yield base


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    ledger = Ledger(settings)
    yield ledger
    ledger.redis.close()


def posted(url: str, status: int = 202, **members: Any) -> Any:
    answer = requests.post(f"{url}/v1/announcements", json={**ASKED, **members}, timeout=SECONDS)
    assert answer.status_code == status, answer.text
    return answer.json()


def uploaded(url: str, files: dict[str, Any], status: int = 202, **fields: str) -> Any:
    data = {**ASKED, **fields}
    answer = requests.post(f"{url}/v1/announcements", data=data, files=files, timeout=SECONDS)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_departments_and_exclusions_as_json(url: str, ledger: Ledger) -> None:
    exclude = ["ann@corp.example", {"receiver_id": "ou_ian"}]
    told = posted(url, 200, departments=["od-a", "od-b"], exclude=exclude, dry_run=True)
    left_out = {"frozen": 1, "resigned": 2, "not_joined": 2, "excluded": 2, "duplicate": 1}
    assert told["audience"] == {"found": 9, "left_out": left_out, "not_visible": [], "status_known": True}
    assert told["people"] == [{"receiver_id": "ou_bob", "name": "Bob"}]
    assert receivers(ledger, posted(url, departments=["od-a", "od-b"], exclude=exclude)["id"]) == ["ou_bob"]


def test_rows_and_a_group(url: str, ledger: Ledger) -> None:
    accepted = posted(url, rows=[{"email": "ann@corp.example", "name": "Annie"}], groups=["g-wardens"])
    assert sorted(receivers(ledger, accepted["id"])) == ["ou_ann", "ou_ian"]


def test_a_form_with_a_file_of_exclusions_and_no_recipients(url: str, ledger: Ledger) -> None:
    files = {"exclude": ("out.csv", b"email\nian@corp.example\n")}
    accepted = uploaded(url, files, departments="od-a,od-b")
    assert sorted(receivers(ledger, accepted["id"])) == ["ou_ann", "ou_bob"]


@pytest.mark.parametrize("addresses", ["ann@corp.example,ou_ian", "ann@corp.example\r\nou_ian\n"])
def test_a_form_with_addresses_to_exclude(url: str, ledger: Ledger, addresses: str) -> None:
    """As the OpenAPI document says of the field."""
    document = requests.get(f"{url}/openapi.json", timeout=SECONDS).json()
    form = document["components"]["schemas"]["AnnouncementWithFile"]
    assert {"type": "string"} in form["properties"]["exclude"]["anyOf"]
    accepted = uploaded(url, {"departments": (None, "od-a,od-b")}, exclude=addresses)
    assert receivers(ledger, accepted["id"]) == ["ou_bob"]


def test_a_form_with_both_files(url: str, ledger: Ledger) -> None:
    files = {"recipients": ("in.csv", b"receiver_id,name\nou_bob,Bobby\n"), "exclude": (None, "ou_ian,ou_cat")}
    accepted = uploaded(url, files, departments="od-b", direct="true")
    assert receivers(ledger, accepted["id"]) == ["ou_bob"]


def test_what_the_app_cannot_see_is_422_unless_partial(url: str, ledger: Ledger) -> None:
    assert posted(url, 200, everyone=True, dry_run=True)["audience"]["not_visible"] == ["0"]
    problem = posted(url, 422, departments=["od-a", "od-no"])
    assert "od-no" in str(problem)
    assert sorted(receivers(ledger, posted(url, departments=["od-a", "od-no"], partial=True)["id"])) == [
        "ou_ann",
        "ou_bob",
    ]
    assert sorted(receivers(ledger, posted(url, everyone=True, partial=True)["id"])) == ["ou_ann", "ou_bob", "ou_ian"]


def test_a_key_that_may_only_read_sees_ids_and_no_contact_fields(url: str, ledger: Ledger) -> None:
    rows = [{"receiver_id": "ou_bob", "room": "7"}]
    id = posted(url, rows=rows, departments=["od-a"], text="Dear {{ name }}, room {{ room | default('?') }}")["id"]
    found = {}
    for scope in (Scope.READ, Scope.OPERATE):
        _, secret = ApiKeys(ledger).create(str(scope), frozenset({Scope.READ, scope}), None, None, "test")
        path = f"{url}/v1/announcements/{id}/results"
        headers = {"Authorization": f"Bearer {secret}"}
        told = requests.get(path, headers=headers, timeout=SECONDS).json()["results"]
        found[scope] = [(row["receiver_id"], row["room"], row["name"]) for row in told]
        exported = requests.get(f"{path}?format=csv", headers=headers, timeout=SECONDS).text
        assert ("Ann" in exported) is (scope is Scope.OPERATE)
    assert found[Scope.READ] == [("ou_bob", None, None), ("ou_ann", None, None)]
    assert found[Scope.OPERATE] == [("ou_bob", "7", "Bob"), ("ou_ann", None, "Ann")]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"departments": "od-a"}, "departments"),
        ({"everyone": "yes"}, "everyone"),
        ({"departments": ["od-a"], "exclude": "/etc/hosts"}, "exclude"),
        ({"departments": ["od-a"], "exclude": [7]}, "rows[0]"),
        ({"exclude": ["ou_ann"]}, "rows"),
        ({"groups": [], "departments": []}, "'field': 'departments'"),
        ({"groups": [], "everyone": False}, "'field': 'groups'"),
        ({"departments": ["od-a"], "new_since": "n_1"}, "new_since"),
    ],
)
def test_what_makes_no_audience_is_refused(url: str, members: dict[str, Any], field: str) -> None:
    assert field in str(posted(url, 422, **members))


@pytest.fixture(params=["ledger", "http"])
def notifier(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Notifier]:
    if request.param == "ledger":
        with Notifier.from_env() as found:
            yield found
        return
    with Notifier.http(request.getfixturevalue("url"), timeout=30) as found:
        yield found


def test_a_program_names_departments_and_exclusions(notifier: Notifier, ledger: Ledger) -> None:
    Path("out.csv").write_text("Name,E-Mail\nIan,ian@corp.example\n")
    asked: Any = {**ASKED, "departments": ["od-a", "od-b"], "exclude": [Path("out.csv"), "ou_bob"]}
    announced = notifier.announce(**asked)
    assert receivers(ledger, announced.id) == ["ou_ann"]
    new = notifier.announce(**{**asked, "exclude": None, "new_since": announced.id})
    assert sorted(receivers(ledger, new.id)) == ["ou_bob", "ou_ian"]


def test_a_program_that_asks_again_gets_the_first_one(notifier: Notifier, ledger: Ledger) -> None:
    asked: Any = {**ASKED, "groups": ["g-wardens"], "key": "wardens"}
    first, second = notifier.announce(**asked), notifier.announce(**asked)
    assert (second.id, second.total, second.duplicate) == (first.id, first.total, True)
    with pytest.raises(KeyReused):
        notifier.announce(**{**asked, "departments": ["od-a"]})
    assert [each.id for each in ledger.announcements.newest()] == [first.id]


def test_what_feishu_refuses_is_told_to_whoever_calls(settings: Settings, notifier: Notifier, ledger: Ledger) -> None:
    answer = {"status": 400, "code": 99991672, "msg": "Access denied"}
    fault = {"match": {"path": "department_users"}, "do": {"answer": answer}}
    feishu = settings.desk("default").feishu_url
    requests.post(f"{feishu}/sandbox/faults", json=fault, timeout=SECONDS).raise_for_status()
    with pytest.raises(FeishuFailed, match="99991672"):
        notifier.announce(**{**ASKED, "departments": ["od-a"]})  # type: ignore[arg-type]
    assert list(ledger.announcements.newest()) == []


def test_a_program_that_names_nobody_is_told(notifier: Notifier) -> None:
    with pytest.raises(BadInput):
        notifier.announce(**ASKED)  # type: ignore[arg-type]
