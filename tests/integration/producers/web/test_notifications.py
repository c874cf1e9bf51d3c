"""`/v1/notifications` over a real socket and a real Valkey."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
import requests

from ledger.announcement import Spec
from ledger.delivery_options import ReceiveType
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.settings import Desk
from ledger.states import Outcome, State
from tests.integration.producers.web.web_thread import WebThread

__all__: list[str] = []

PATH = "/v1/notifications"
ADA = {"receiver_id": "ou_ada", "text": "Disk full on db-3"}


def accepted(web: WebThread, **fields: Any) -> str:
    answer = web.post(PATH, ADA | fields)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def ended(ledger: Ledger, state: State, outcome: Outcome) -> str:
    """A notification that has come to this state by one attempt."""
    [found] = ledger.accept([Notification.build(ADA)])
    leases = Leases(ledger.redis, ledger.settings, longest_call_ms=1000)
    desk: Desk = ledger.settings.desk("default").model_copy(update={"rate": ()})
    [released] = leases.release([(desk, 10, 10)])
    now_ms, [claim] = leases.claim(desk, "token", released.ids)
    attempt = Attempt(now_ms, ReceiveType.CHAT, outcome, 154004, 400)
    leases.record(desk, "token", [Result(claim.id, state, [attempt])], "")
    assert claim.id == found.id
    return found.id


# -- handing in


def test_what_is_accepted_is_shown_as_the_command_line_shows_it(web: WebThread, ledger: Ledger) -> None:
    answer = web.post(PATH, ADA | {"key": "alert-1", "expires": "1h"})
    assert answer.status_code == 202
    assert answer.json() == {"id": answer.json()["id"], "state": "queued", "duplicate": False}
    shown = web.get(f"{PATH}/{answer.json()['id']}")
    assert shown.json() == ledger.get(answer.json()["id"]).as_json()
    assert "Disk full" not in shown.text


def test_every_field_of_the_client_is_taken(web: WebThread, ledger: Ledger) -> None:
    fields = {
        "receive_type": "user",
        "user_id_type": "open_id",
        "desk": "default",
        "key": "k",
        "at": "1h",
        "expires": "2h",
    }
    id = accepted(web, **fields, on_unknown="hold", on_open_ticket="wait")
    record = ledger.get(id)
    assert record.progress.state is State.SCHEDULED
    assert record.notification.on_unknown == "hold"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "hi"}, "receiver_id"),
        (ADA | {"text": " "}, "message.content.text"),
        (ADA | {"message": {}}, "message"),
        (ADA | {"image": "/etc/passwd"}, "image"),
        (ADA | {"expires_at": "2030-01-01T00:00Z"}, "expires_at"),
        (ADA | {"at": 5}, "at"),
        (ADA | {"at": "soon"}, "at"),
        (ADA | {"at": "999999999999999999d"}, "at"),
        (ADA | {"desk": "nobody"}, "desk"),
        (ADA | {"desk": ["default"]}, "desk"),
        (ADA | {"on_unknown": "perhaps"}, "on_unknown"),
        (ADA | {"key": ""}, "key"),
        (ADA | {"no such": 1}, "'no such'"),
        ({"notifications": []}, "notifications"),
        ({"notifications": [ADA] * 1001}, "notifications"),
        ({"notifications": [ADA], "desk": "it"}, "'desk'"),
    ],
)
def test_bad_input_names_the_field_and_nothing_is_accepted(
    web: WebThread, ledger: Ledger, body: dict[str, Any], field: str
) -> None:
    answer = web.post(PATH, body, headers={"X-Request-Id": "mine-7"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    problem = answer.json()
    assert (problem["field"], problem["request_id"], answer.headers["x-request-id"]) == (field, "mine-7", "mine-7")
    assert not ledger.redis.exists(ledger.keys.events)


def test_the_same_key_gives_the_first_answer_and_another_body_is_refused(web: WebThread) -> None:
    header = {"Idempotency-Key": "alert-8812"}
    first = web.post(PATH, ADA, headers=header).json()
    assert web.post(PATH, ADA, headers=header).json() == first | {"duplicate": True}
    assert web.post(PATH, ADA | {"key": "alert-8812"}).json() == first | {"duplicate": True}
    other = web.post(PATH, ADA | {"text": "Another"}, headers=header)
    assert (other.status_code, other.json()["type"]) == (422, "urn:deskbell:problem:key-reused")
    assert other.json()["first_id"] == first["id"]
    both = web.post(PATH, ADA | {"key": "different"}, headers=header)
    assert (both.status_code, both.json()["field"]) == (422, "key")


def test_of_concurrent_requests_with_one_key_one_wins_and_all_get_its_id(web: WebThread, ledger: Ledger) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = [answer.json() for answer in pool.map(lambda _: web.post(PATH, ADA | {"key": "one"}), range(48))]
    assert len({answer["id"] for answer in answers}) == 1
    assert sorted(answer["duplicate"] for answer in answers) == [False] + [True] * 47
    assert ledger.counts()[State.QUEUED] == 1


def test_a_concurrent_conflict_concerns_nobody_else(web: WebThread) -> None:
    accepted(web, key="taken")
    bodies = [ADA | {"text": "Another", "key": "taken"}, *(ADA | {"key": f"free-{n}"} for n in range(40))]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda body: web.post(PATH, body), bodies))
    assert [answer.status_code for answer in answers] == [422] + [202] * 40


def test_a_batch_has_a_result_for_each_item_and_a_bad_one_keeps_no_other_out(web: WebThread) -> None:
    first = web.post(PATH, ADA | {"key": "seen"}).json()
    items = [
        ADA,
        ADA | {"text": ""},
        7,
        ADA | {"key": "seen"},
        ADA | {"key": "seen", "text": "Another"},
        ADA | {"desk": "x"},
    ]
    answer = web.post(PATH, {"notifications": items})
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["refused"]) == (2, 4)
    told = [result.get("duplicate", result.get("problem", {}).get("field")) for result in body["results"]]
    assert told == [False, "message.content.text", "notification", True, "key", "desk"]
    assert body["results"][3] == first | {"duplicate": True}


def test_a_batch_of_which_nothing_is_accepted_is_a_problem(web: WebThread) -> None:
    answer = web.post(PATH, {"notifications": [{}, {"receiver_id": "ou_ada"}]})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:deskbell:problem:nothing-accepted")
    assert [result["problem"]["field"] for result in answer.json()["results"]] == ["receiver_id", "message"]


def test_the_key_of_a_header_makes_a_whole_batch_repeatable(web: WebThread) -> None:
    batch = {"notifications": [ADA, ADA, ADA | {"key": "own"}]}
    first, second = (web.post(PATH, batch, headers={"Idempotency-Key": "b"}).json() for _ in range(2))
    assert [result["duplicate"] for result in second["results"]] == [True] * 3
    assert [result["id"] for result in first["results"]] == [result["id"] for result in second["results"]]
    assert len({result["id"] for result in first["results"]}) == 3


# -- asking


def test_pages_neither_repeat_nor_miss_anything_while_new_ones_come(web: WebThread, ledger: Ledger) -> None:
    batch = web.post(PATH, {"notifications": [ADA] * 25}).json()["results"]
    expected = sorted((result["id"] for result in batch), reverse=True)
    seen: list[str] = []
    cursor = None
    while True:
        page = web.get(PATH, params={"limit": 10} | ({"cursor": cursor} if cursor else {})).json()
        seen += [found["id"] for found in page["notifications"]]
        accepted(web, text="A later one")
        cursor = page["next"]
        if cursor is None:
            break
        ledger.redis.zrem(ledger.keys.events, seen[-1])  # the pacer prunes what has expired
    assert seen == expected


def test_a_list_is_filtered_by_each_field(web: WebThread, ledger: Ledger) -> None:
    plain, keyed = accepted(web), accepted(web, receiver_id="ou_bob", key="alert-1")
    failed = ended_last = ended_of(web, ledger)
    for query, expected in [
        ("state=failed", [failed]),
        ("state=queued&receiver_id=ou_bob", [keyed]),
        ("receiver_id=ou_ada", [failed, plain]),
        ("key=alert-1", [keyed]),
        ("key=alert-1&state=failed", []),
        ("code=154004", [ended_last]),
        ("code=1", []),
        ("desk=default&limit=1", [failed]),
    ]:
        found = web.get(f"{PATH}?{query}").json()["notifications"]
        assert [each["id"] for each in found] == expected, query


def ended_of(web: WebThread, ledger: Ledger) -> str:
    """A failed one, while the others of the desk are held back in their lane."""
    lane = ledger.keys.waiting("e_default")
    waiting = ledger.redis.lrange(lane, 0, -1)
    ledger.redis.delete(lane)
    id = ended(ledger, State.FAILED, Outcome.REFUSED)
    ledger.redis.rpush(lane, *waiting)
    return id


@pytest.mark.parametrize(
    "query", ["cursor=x", "cursor=", "cursor=bm90IG91cnM", "limit=0", "limit=501", "state=lost", "desk=nobody"]
)
def test_a_wrong_question_is_a_problem(web: WebThread, query: str) -> None:
    answer = web.get(f"{PATH}?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, query.partition("=")[0])


@pytest.mark.parametrize(
    "id", ["n_0000000000000000", "n_0000000000000000-7", "a_0000000000000000", "x", "n_%00", "n_1-99999999999999999999"]
)
def test_what_is_not_on_record_is_not_found(web: WebThread, id: str) -> None:
    for answer in (web.get(f"{PATH}/{id}"), web.post(f"{PATH}/{id}/cancel")):
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:deskbell:problem:not-found")


# -- deciding


def test_cancel_may_be_repeated_and_is_on_record(web: WebThread, ledger: Ledger) -> None:
    id = accepted(web)
    for _ in range(2):
        answer = web.post(f"{PATH}/{id}/cancel")
        assert (answer.status_code, answer.json()) == (200, {"id": id, "state": "cancelled"})
    assert [act[1:] for act in ledger.get(id).progress.acts] == [("loopback", "cancel")]


def test_a_failed_one_is_taken_back_and_an_unknown_one_settled(web: WebThread, ledger: Ledger) -> None:
    failed = ended(ledger, State.FAILED, Outcome.REFUSED)
    assert web.post(f"{PATH}/{failed}/retry").json()["state"] == "queued"
    assert web.post(f"{PATH}/{failed}/retry", {"state": "failed"}).json()["state"] == "queued"
    assert web.post(f"{PATH}/{failed}/cancel").json()["state"] == "cancelled"
    unknown = ended(ledger, State.UNKNOWN, Outcome.UNKNOWN)
    assert web.post(f"{PATH}/{unknown}/retry").status_code == 409
    assert web.post(f"{PATH}/{unknown}/resolve", {"as": "delivered"}).json()["state"] == "delivered"
    assert web.post(f"{PATH}/{unknown}/resolve", {"as": "delivered"}).json()["state"] == "delivered"
    assert web.post(f"{PATH}/{unknown}/resolve", {"as": "failed"}).status_code == 409


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("resolve", {}, "as"),
        ("resolve", {"as": "lost"}, "as"),
        ("resolve", {"as": []}, "as"),
        ("retry", {"by": 1}, "'by'"),
    ],
)
def test_a_decision_that_is_none_names_the_field(web: WebThread, verb: str, body: dict[str, Any], field: str) -> None:
    answer = web.post(f"{PATH}/{accepted(web)}/{verb}", body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_the_answer_to_a_batch_is_the_same_to_the_byte(web: WebThread) -> None:
    first = accepted(web, key="k")
    answer = web.post(PATH, {"notifications": [ADA | {"key": "k"}, {"text": "hi"}]})
    assert answer.status_code == 202
    assert answer.text == (
        '{"accepted":1,"refused":1,"results":['
        f'{{"id":"{first}","state":"queued","duplicate":true}},'
        '{"problem":{"type":"urn:deskbell:problem:bad-input","title":"The input cannot be accepted","status":422,'
        '"detail":"is missing: give receiver_id, email or mobile","field":"receiver_id"}}]}'
    )


# -- the document


def test_the_examples_of_the_document_work_when_pasted(web: WebThread) -> None:
    document = web.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    body = document["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]
    assert len(body["examples"]) >= 4
    for text in ("{{ host }} is full", "{{ host }} is nearly full"):  # so that there is a second version
        assert requests.put(f"{web.url}/v1/templates/disk", json={"text": text}, timeout=60).status_code == 200
    for name, example in body["examples"].items():
        answer = web.post(PATH, example["value"])
        assert answer.status_code == 202, (name, answer.text)


def announced(ledger: Ledger, people: int) -> str:
    spec = Spec(name="Move", message={"msg_type": "text", "content": {"text": "s3cret"}}, columns=("name", "email"))
    id = ledger.announcements.open(spec, key="move", digest="1").id
    rows = (orjson.dumps([n + 2, f"ou_{n}", [f"Person {n}", f"p{n}@x.com"]]) for n in range(people))
    ledger.announcements.load(id, rows)
    ledger.announcements.start(id, spec, people)
    return id


def test_find_looks_at_rows_and_events_and_says_how_far(web: WebThread, ledger: Ledger) -> None:
    move = announced(ledger, 3000)
    event = accepted(web, key="alert p2999@x.com")
    answer = web.get(f"{PATH}?find=P2999@X").json()
    assert [each["id"] for each in answer["notifications"]] == [event, f"n_{move[2:]}-2999"]
    assert answer["notifications"][1]["person"] == {"name": "Person 2999", "email": "p2999@x.com"}
    assert answer["notifications"][1]["line"] == 3001
    assert (answer["next"], answer["looked_at"]) == (None, {"rows": 3000, "of_rows": 3000, "events": 1, "of_events": 1})

    first = web.get(f"{PATH}?find=person&limit=70").json()
    assert len(first["notifications"]) == 70
    assert first["looked_at"]["rows"] == 70
    second = web.get(f"{PATH}?find=person&limit=70&cursor={first['next']}").json()
    assert second["notifications"][0]["id"] == f"n_{move[2:]}-70"
    assert second["looked_at"]["rows"] == 140
    assert "looked_at" not in web.get(PATH).json()
    for wrong in ("find=a", "find=ada&key=k", "find=ada&cursor=x", "find=ada&desk=nowhere", "find=" + "x" * 201):
        problem = web.get(f"{PATH}?{wrong}")
        assert problem.status_code == 422, wrong
        assert "x" * 201 not in problem.text
    assert "s3cret" not in web.get(f"{PATH}?find=s3cret").text


# -- to whom


def test_a_receiver_is_named_in_one_way_alone_or_in_a_batch(web: WebThread, ledger: Ledger) -> None:
    text = {"text": "Disk full on db-3"}
    answer = web.post(PATH, {"email": "ann@corp.example", **text})
    assert answer.status_code == 202
    shown = web.get(f"{PATH}/{answer.json()['id']}").json()
    assert (shown["state"], shown["receiver_id"], shown["email"]) == ("queued", None, "ann@corp.example")
    for wrong, field in (
        ({}, "receiver_id"),
        ({"receiver_id": "ou_a", "email": "ann@corp.example"}, "email"),
        ({"email": "ann@corp.example", "mobile": "13800138000"}, "mobile"),
        ({"email": "Ann"}, "email"),
        ({"mobile": "call me"}, "mobile"),
    ):
        refused = web.post(PATH, wrong | text)
        assert (refused.status_code, refused.json()["field"]) == (422, field)
    batch = web.post(PATH, {"notifications": [{"mobile": "+8613800138000", **text}, {"email": "Ann", **text}]})
    assert (batch.json()["accepted"], batch.json()["refused"]) == (1, 1)
    assert batch.json()["results"][1]["problem"]["field"] == "email"
