"""`/v1/announcements/{id}/rows`: rows by their state, receiver, name and address, and who may find what."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from ledger.announcement import Spec
from ledger.api_key import Scope
from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.integration.producers.web.web_thread import WebThread, with_files

__all__: list[str] = []

ROWS = 1200


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    with WebThread(with_files(valkey, tmp_path_factory.mktemp("desks"), desks="[desk.hr]")) as web:
        yield web


@pytest.fixture
def move(ledger: Ledger) -> str:
    message = {"msg_type": "text", "content": {"text": "s3cret"}}
    spec = Spec(name="Move", message=message, columns=("name", "email"))
    id = ledger.announcements.open(spec, key="move", digest="1").id
    rows = (orjson.dumps([n + 2, f"ou_{n}", [f"Person {n}", f"p{n}@x.com"]]) for n in range(ROWS))
    ledger.announcements.load(id, rows)
    ledger.announcements.start(id, spec, ROWS)
    return id


def found(web: WebThread, id: str, *scopes: Scope, **query: Any) -> dict[str, Any]:
    headers = {"X-Api-Key": web.secret(*scopes)} if scopes else {}
    answer = web.get(f"/v1/announcements/{id}/rows", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.parametrize(
    "query",
    [{"find": "person 1107"}, {"find": "P1107@X.com"}, {"find": "ou_1107"}, {"receiver_id": "ou_1107"}],
    ids=str,
)
def test_a_row_is_found_by_its_name_its_address_and_its_id(web: WebThread, move: str, query: dict[str, str]) -> None:
    [row] = found(web, move, **query)["rows"]
    assert (row["id"], row["receiver_id"], row["line"]) == (f"n_{move[2:]}-1107", "ou_1107", 1109)
    assert (row["announcement"], row["state"]) == (move, "queued")
    assert row["person"] == {"name": "Person 1107", "email": "p1107@x.com"}
    assert "s3cret" not in str(row)


def test_pages_follow_each_other_in_the_order_of_the_file_and_say_how_far_they_looked(
    web: WebThread, move: str
) -> None:
    first = found(web, move, limit=500)
    assert first["looked_at"] == {"first": 1, "last": 500, "of": ROWS}
    rest = [found(web, move, limit=500, cursor=cursor) for cursor in (first["next"], 1000)]
    lines = [row["line"] for page in (first, *rest) for row in page["rows"]]
    assert lines == list(range(2, ROWS + 2))
    assert rest[-1]["next"] is None


def test_rows_are_found_by_their_state(web: WebThread, ledger: Ledger, move: str) -> None:
    ledger.cancel([f"n_{move[2:]}-3"], "ada")
    assert [row["line"] for row in found(web, move, state="cancelled")["rows"]] == [5]
    assert found(web, move, state="queued", limit=1)["rows"][0]["line"] == 2
    assert found(web, move, state="failed") == {"rows": [], "next": None, "looked_at": {"first": 1, "last": 0, "of": 0}}


def test_who_only_reads_finds_ids_and_nobody_by_name_or_address(web: WebThread, move: str) -> None:
    [row] = found(web, move, Scope.READ, receiver_id="ou_7")["rows"]
    assert (row["receiver_id"], row["person"]) == ("ou_7", {})
    assert found(web, move, Scope.READ, find="person 7")["rows"] == []
    assert found(web, move, Scope.READ, find="p7@x.com")["rows"] == []
    assert len(found(web, move, Scope.READ, Scope.ANNOUNCE, find="p7@x.com")["rows"]) == 1


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope is not Scope.READ])
def test_no_other_scope_finds_rows(web: WebThread, move: str, scope: Scope) -> None:
    answer = web.get(f"/v1/announcements/{move}/rows", headers={"X-Api-Key": web.secret(scope)})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:deskbell:problem:scope-missing")


def test_a_key_for_another_desk_finds_none(web: WebThread, move: str) -> None:
    headers = {"X-Api-Key": web.secret(desks=frozenset({"hr"}))}
    assert web.get(f"/v1/announcements/{move}/rows", headers=headers).status_code == 403


def test_a_draft_has_no_results_to_find(web: WebThread) -> None:
    rows = [{"receiver_id": "ou_ada", "name": "Ada"}]
    draft = web.post("/v1/announcements", {"name": "Move", "text": "{{ name }}", "rows": rows, "draft": True}).json()[
        "id"
    ]
    answer = web.get(f"/v1/announcements/{draft}/rows")
    assert (answer.status_code, answer.json()["state"]) == (409, "draft")


def test_what_is_no_id_or_too_short_a_text_is_refused(web: WebThread, move: str) -> None:
    assert web.get("/v1/announcements/a_0/rows").status_code == 404
    refused = web.get(f"/v1/announcements/{move}/rows?find=x")
    assert (refused.status_code, refused.json()["field"]) == (422, "find")
    assert web.get(f"/v1/announcements/{move}/rows?state=nope").status_code == 422
