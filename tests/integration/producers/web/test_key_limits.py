"""What a key may have sent: its receivers, its day, its rows at once; and a test key, which sends nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ledger.addresses import Contact
from ledger.api_key import KeyLimits, Scope
from ledger.api_keys import ApiKeys
from ledger.ledger import Ledger
from ledger.settings import Settings
from ledger.states import State
from tests.few import TIMES
from tests.integration.console.console_visitor import Visitor
from tests.integration.producers.cli.announcing_desk import Worker
from tests.integration.producers.web.web_thread import WebThread, with_files

__all__: list[str] = []

SECONDS = 60
SUBMITTING = frozenset({Scope.SEND, Scope.ANNOUNCE, Scope.READ})
HOOKS = """
[hook.each]
for_each = "payload.alerts"
to = "{{ item.owner }}"
text = "{{ item.name }}"
"""
TEXT = "Dear colleague"


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    unlimited = valkey.model_copy(update={"rate": ()})
    folder = tmp_path_factory.mktemp("hooks")
    with WebThread(with_files(unlimited, folder, hooks=HOOKS, desks='[desk.hr]\nrate = "unlimited"\n')) as running:
        yield running


def key_of(ledger: Ledger, scopes: frozenset[Scope] = SUBMITTING, **limits: Any) -> dict[str, str]:
    keys = ApiKeys(ledger)
    _, secret = keys.create(f"k{len(keys.list())}", scopes, None, None, "test", KeyLimits(**limits))
    return {"Authorization": f"Bearer {secret}"}


def send(web: WebThread, headers: dict[str, str], **fields: Any) -> requests.Response:
    return requests.post(f"{web.url}/v1/notifications", json={"text": TEXT} | fields, headers=headers, timeout=SECONDS)


def announce(web: WebThread, headers: dict[str, str], *receivers: str, **fields: Any) -> requests.Response:
    body = {"name": "Move", "text": TEXT, "rows": [{"receiver_id": each} for each in receivers]} | fields
    return requests.post(f"{web.url}/v1/announcements", json=body, headers=headers, timeout=SECONDS)


def is_refused(answer: requests.Response, status: int = 403) -> bool:
    assert answer.status_code == status, answer.text
    return bool(answer.json()["type"] == "urn:deskbell:problem:key-limit")


def know(ledger: Ledger, email: str, open_id: str) -> None:
    """As a worker caches it that has asked Feishu."""
    contact = Contact("email", email)
    name = ledger.keys.person(ledger.settings.desk("default").app, contact.digest)
    ledger.redis.set(name, orjson.dumps({"open_id": open_id}))


def confirmed(visitor: Visitor, receiver: str) -> requests.Response:
    """An announcement by the forms of the console."""
    visitor.look("/announcements/new")
    files = {"recipients": ("people.csv", f"receiver_id\n{receiver}\n".encode())}
    visitor.page = visitor.act("/announcements/new", files=files, name="Move", text=TEXT)
    id = visitor.page.url.rpartition("/")[2].partition("?")[0]
    return visitor.act(f"/announcements/{id}/start", version=1)


# -- the addresses of a key


@pytest.mark.parametrize(
    ("receiver", "is_listed"),
    [
        ({"receiver_id": "ou_ada"}, True),
        ({"receiver_id": "ou_bob"}, False),
        ({"receiver_id": "ou_Ada"}, False),
        ({"email": "bob@corp.example"}, True),
        ({"email": "Bob@Corp.example"}, True),
        ({"email": "bob@corp.example.evil.example"}, False),
        ({"email": "ou_ada@corp.example"}, False),
        ({"mobile": "13800138000"}, True),
        ({"mobile": "+86 138-0013-8000"}, True),
        ({"mobile": "13800138001"}, False),
        ({"receiver_id": "13800138000", "user_id_type": "user_id"}, False),
        ({"receiver_id": "ada", "user_id_type": "user_id"}, False),
    ],
    ids=str,
)
def test_an_event_goes_to_a_listed_address_alone(web: WebThread, receiver: dict[str, str], is_listed: bool) -> None:
    key = key_of(web.context.ledger, only=("ou_ada", "bob@corp.example", "+86 13800138000"))
    answer = send(web, key, **receiver)
    assert answer.status_code == 202 if is_listed else is_refused(answer)
    assert len(list(web.context.ledger.events())) == is_listed


def test_an_id_counts_as_its_listed_email_once_that_is_known_and_never_the_other_way(
    web: WebThread, ledger: Ledger
) -> None:
    by_email, by_id = key_of(ledger, only=("ann@corp.example",)), key_of(ledger, only=("ou_ann",))
    assert is_refused(send(web, by_email, receiver_id="ou_ann")), "nobody has asked whose address it is"
    know(ledger, "ann@corp.example", "ou_ann")
    assert send(web, by_email, receiver_id="ou_ann").status_code == 202
    assert is_refused(send(web, by_email, receiver_id="ou_bob"))
    assert is_refused(send(web, by_id, email="ann@corp.example")), "it may be another's when it is asked for"


def test_each_item_of_a_batch_has_its_own_refusal(web: WebThread, ledger: Ledger) -> None:
    key = key_of(ledger, only=("ou_ada",), daily=1)
    items = [{"receiver_id": each, "text": TEXT} for each in ("ou_bob", "ou_ada", "ou_eve")]
    answer = requests.post(
        f"{web.url}/v1/notifications", json={"notifications": items}, headers=key, timeout=SECONDS
    ).json()
    assert [result.get("problem", {}).get("status") for result in answer["results"]] == [403, None, 403]
    assert (answer["accepted"], answer["refused"]) == (1, 2)
    assert is_refused(send(web, key, receiver_id="ou_ada")), "the day has counted the one"


def test_a_hook_accepts_nothing_when_one_of_its_receivers_is_not_the_keys(web: WebThread, ledger: Ledger) -> None:
    key, url = key_of(ledger, only=("ou_ada", "ann@corp.example")), f"{web.url}/v1/hooks/each"

    def post(*owners: str) -> requests.Response:
        alerts = [{"owner": owner, "name": "Disk full"} for owner in owners]
        return requests.post(url, json={"alerts": alerts}, headers=key, timeout=SECONDS)

    assert is_refused(post("ou_ada", "ou_bob"))
    assert is_refused(post("bob@corp.example"))
    assert not list(ledger.events())
    assert len(post("ou_ada", "ann@corp.example").json()["accepted"]) == 2


def test_all_rows_of_an_announcement_go_to_listed_addresses_or_none_is_accepted(web: WebThread, ledger: Ledger) -> None:
    key = key_of(ledger, only=("ou_ada", "ou_bob"))
    refused = announce(web, key, "ou_ada", "ou_eve", "ou_fay")
    assert is_refused(refused)
    assert refused.json()["detail"].endswith("2 receivers are none of them, the first in line 2")
    assert is_refused(announce(web, key, "ou_ada", "ou_eve", dry_run=True))
    assert is_refused(announce(web, key, "ou_ada", notify="ou_eve")), "news of it are messages, too"
    assert not ledger.announcements.ids()
    assert announce(web, key, "ou_ada", "ou_bob", dry_run=True, notify="ou_bob").status_code == 200
    assert announce(web, key, "ou_bob", "ou_ada").status_code == 202


def test_a_row_of_another_id_type_is_compared_as_given(web: WebThread, ledger: Ledger) -> None:
    key = key_of(ledger, only=("ou_ada", "ada"))
    rows = [{"receiver_id": "ou_ada"}, {"receiver_id": "ada", "user_id_type": "user_id"}]
    assert announce(web, key, rows=rows).status_code == 202
    rows[1]["receiver_id"] = "adam"
    assert is_refused(announce(web, key, rows=rows))


def test_the_console_keeps_to_the_listed_addresses_too(web: WebThread, ledger: Ledger) -> None:
    key = key_of(ledger, only=("ou_ada",))["Authorization"].removeprefix("Bearer ")
    visitor = Visitor(web.url).sign_in(key)
    for receiver, status in (("ou_bob", 403), ("ou_ada", 200)):
        assert confirmed(visitor, receiver).status_code == status
    assert [each.total for each in ledger.announcements.newest()] == [1]


# -- a test key


def test_a_test_key_is_answered_as_another_and_nothing_is_kept_or_sent(web: WebThread, ledger: Ledger) -> None:
    key, before = key_of(ledger, test=True), set(ledger.redis.scan_iter())
    event = send(web, key, receiver_id="ou_ada")
    assert (event.status_code, event.json()["state"], event.json()["duplicate"]) == (202, "queued", False)
    later = send(web, key, receiver_id="ou_ada", at="2h")
    assert later.json()["state"] == "scheduled"
    announced = announce(web, key, "ou_ada", "ou_bob").json()
    assert (announced["total"], announced["duplicate"]) == (2, False)
    hook = requests.post(
        f"{web.url}/v1/hooks/each", json={"alerts": [{"owner": "ou_ada", "name": "x"}]}, headers=key, timeout=SECONDS
    )
    assert (hook.status_code, len(hook.json()["accepted"])) == (202, 1)
    assert not list(ledger.events())
    assert not ledger.announcements.ids()
    for id, path in ((event.json()["id"], "notifications"), (announced["id"], "announcements")):
        assert requests.get(f"{web.url}/v1/{path}/{id}", headers=key, timeout=SECONDS).status_code == 404
    new = {name.decode().split(":")[1] for name in set(ledger.redis.scan_iter()) - before}
    assert new <= {"api_keys", "hooks", "tally", "desk"}, "no lane, record, row or content"


def test_a_test_key_is_refused_what_another_is(web: WebThread, ledger: Ledger) -> None:
    key = key_of(ledger, test=True, max_rows=2, daily=3, only=("ou_ada", "ou_bob"))
    assert send(web, key, receiver_id="nobody").status_code == 422
    assert send(web, key, receiver_id="ou_ada", at="2020-01-01T00:00Z").status_code == 422
    assert announce(web, key, "ou_ada", text="{{ nothing }}").status_code == 422
    assert is_refused(announce(web, key, "ou_ada", "ou_bob", "ou_ada", allow_duplicates=True))
    assert is_refused(send(web, key, receiver_id="ou_eve"))
    assert announce(web, key, "ou_ada", "ou_bob").status_code == 202
    assert send(web, key, receiver_id="ou_ada").status_code == 202
    assert is_refused(send(web, key, receiver_id="ou_ada")), "three a day"


def test_the_keys_of_a_test_key_are_its_own(web: WebThread, ledger: Ledger) -> None:
    """A rehearsal with the keys of the real thing must not swallow it."""
    test, real = key_of(ledger, test=True), key_of(ledger)
    rehearsed = send(web, test, receiver_id="ou_ada", key="alert-8812").json()
    again = send(web, test, receiver_id="ou_ada", key="alert-8812").json()
    assert again == rehearsed | {"duplicate": True}
    reused = send(web, test, receiver_id="ou_bob", key="alert-8812")
    assert (reused.status_code, reused.json()["type"]) == (422, "urn:deskbell:problem:key-reused")
    assert send(web, real, receiver_id="ou_bob", key="alert-8812").json()["duplicate"] is False
    told = [announce(web, test, "ou_ada").json() for _ in range(2)]
    assert [each["duplicate"] for each in told] == [False, True]
    assert told[0]["id"] == told[1]["id"]
    assert announce(web, real, "ou_ada").json()["duplicate"] is False


def test_an_announcement_of_a_test_key_in_the_console_is_not_started(web: WebThread, ledger: Ledger) -> None:
    visitor = Visitor(web.url).sign_in(key_of(ledger, test=True)["Authorization"].removeprefix("Bearer "))
    answer = confirmed(visitor, "ou_ada")
    assert answer.status_code == 200
    assert "This is a test key" in answer.text
    assert not ledger.announcements.ids()


# -- what is sent again


def failed_announcement(web: WebThread, ledger: Ledger, *receivers: str) -> str:
    id = announce(web, key_of(ledger), *receivers).json()["id"]
    Worker(ledger).fail()
    assert ledger.announcements.get(str(id)).counts[State.FAILED] == len(receivers)
    return str(id)


def test_what_is_sent_again_counts_among_the_rows_and_the_day_of_a_key(web: WebThread, ledger: Ledger) -> None:
    id = failed_announcement(web, ledger, "ou_ada", "ou_bob")
    operating = frozenset({Scope.OPERATE, Scope.READ, Scope.SEND})

    def retry(key: dict[str, str]) -> requests.Response:
        return requests.post(f"{web.url}/v1/announcements/{id}/retry", headers=key, timeout=SECONDS)

    assert is_refused(retry(key_of(ledger, operating, max_rows=1)))
    key = key_of(ledger, operating, daily=3)
    assert is_refused(retry(key_of(ledger, operating, daily=1)))
    assert retry(key).json()["rows"] == 2
    assert retry(key).json()["rows"] == 0, "none has failed since"
    assert send(web, key, receiver_id="ou_ada").status_code == 202
    assert is_refused(send(web, key, receiver_id="ou_ada"))


# -- several requests at once


RECEIVERS = ("ou_ada", "ou_bob", "ou_eve")


@given(
    daily=st.integers(1, 12),
    max_rows=st.integers(1, 4),
    asked=st.lists(st.lists(st.sampled_from(RECEIVERS), min_size=1, max_size=5), min_size=1, max_size=12),
    is_test=st.booleans(),
)
@settings(
    max_examples=4 * TIMES,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_requests_at_once_never_pass_the_limits_together(
    web: WebThread, daily: int, max_rows: int, asked: list[list[str]], is_test: bool
) -> None:
    """Single receivers are events, several are announcements: what is answered with 202 keeps every limit.

    Four at once: of more announcements of one key, one would be told to wait (429).
    """
    ledger = web.context.ledger
    ledger.redis.flushall()
    key = key_of(ledger, daily=daily, max_rows=max_rows, only=("ou_ada", "ou_bob"), test=is_test)

    def ask(number: int) -> int:
        receivers = asked[number]
        if len(receivers) == 1:
            return send(web, key, receiver_id=receivers[0], key=str(number)).status_code
        return announce(web, key, *receivers, key=str(number), allow_duplicates=True).status_code

    with ThreadPoolExecutor(4) as executor:
        answers = list(executor.map(ask, range(len(asked))))
    assert set(answers) <= {202, 403}
    accepted = [receivers for receivers, status in zip(asked, answers, strict=True) if status == 202]
    assert all("ou_eve" not in receivers for receivers in accepted)
    assert all(len(receivers) <= max_rows for receivers in accepted if len(receivers) > 1)
    assert sum(map(len, accepted)) <= daily
    fitting = [each for each in asked if "ou_eve" not in each and (len(each) == 1 or len(each) <= max_rows)]
    if sum(map(len, fitting)) <= daily:
        assert sorted(accepted) == sorted(fitting), "what keeps all limits is not refused"
    kept = len(list(ledger.events())) + sum(each.total for each in ledger.announcements.newest())
    assert kept == (0 if is_test else sum(map(len, accepted)))
