"""A producer's lookup, the whole way to the sandbox's Feishu, with Redis between them."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

import sandbox
from feishu.contact import Unresolved
from feishu.open_tickets import OpenTickets
from feishu.verdict import AskFailed
from ledger.addresses import Contact
from ledger.errors import BadInput, DeskbellError, LedgerUnreachable
from ledger.ledger import Ledger
from ledger.settings import Settings
from producers.announcements.check import accepted_rows, check
from producers.announcements.lookup import Lookup
from producers.announcements.recipients import Recipients

SECRETS = {"APP_SECRET": "sandbox-secret", "HELPDESK_TOKEN": "ht-sandbox"}


def mail(name: str) -> Contact:
    return Contact("email", f"{name}@example.com")


class Installation:
    """The sandbox, as its control API shows it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def control(self, path: str, document: Any = None) -> Any:
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}/sandbox/{path}", data, {"Content-Type": "application/json"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as answer:
            return json.loads(answer.read())

    def bodies(self) -> list[Any]:
        """What was asked about people, oldest first."""
        calls = self.control("calls")["calls"]
        return [call["body"] for call in calls if call["path"].endswith("/batch_get_id")]


@pytest.fixture
def installation(empty_valkey: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    with sandbox.running("--rate", "unlimited") as url:
        variables = {
            "FEISHU_URL": url,
            "DATA_DIR": str(empty_valkey.data_dir),
            "APP_ID": "cli_sandbox",
            "HELPDESK_ID": "1000000000000000000",
            **SECRETS,
        }
        for name, value in variables.items():
            monkeypatch.setenv(f"DESKBELL_{name}", value)
        yield Installation(url)


@contextmanager
def a_lookup() -> Iterator[Lookup]:
    """With the settings as they are now."""
    ledger = Ledger.from_env()
    with closing(ledger.redis), Lookup(ledger, ledger.settings.desk("default")) as made:
        yield made


@pytest.fixture
def lookup(installation: Installation) -> Iterator[Lookup]:
    with a_lookup() as made:
        yield made


def test_each_contact_gets_its_person_or_its_problem(lookup: Lookup) -> None:
    contacts = [mail("ann"), Contact("mobile", "+8613812345678"), mail("unknown.bob"), mail("resigned.eve")]
    assert lookup.resolve(contacts) == {
        contacts[0]: "ou_ann",
        contacts[1]: "ou_m8613812345678",
        contacts[2]: Unresolved(
            "nobody with this email is visible to the app: it is unknown, outside the app's contact range, or an"
            " enterprise mailbox, which Feishu does not look up (use the address the person signs in with)"
        ),
        contacts[3]: Unresolved("the person with this email has resigned"),
    }


def test_a_file_of_addresses_is_checked_with_it(lookup: Lookup, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("email,mobile\nann@example.com,\n,+8613812345678\nresigned.eve@example.com,\n", "utf-8")
    message = {"msg_type": "text", "content": {"text": "hello"}}
    with Recipients.open(path) as recipients, check(recipients, message, resolver=lookup.resolve) as checked:
        receivers = [json.loads(row)[1] for row in accepted_rows(recipients, checked)]
        problems = [str(problem) for problem in checked.problems]
    assert receivers == ["ou_ann", "ou_m8613812345678"]
    assert problems == ['line 4, column "email": the person with this email has resigned']


def test_feishu_is_asked_as_its_documents_say_and_the_second_time_not_at_all(
    installation: Installation, lookup: Lookup
) -> None:
    contacts = [mail("ann"), mail("resigned.eve"), Contact("mobile", "+8613812345678")]
    first = lookup.resolve(contacts)
    with a_lookup() as another:
        assert another.resolve(contacts) == first
    assert installation.bodies() == [
        {
            "emails": ["ann@example.com", "resigned.eve@example.com"],
            "mobiles": ["+8613812345678"],
            "include_resigned": False,
        },
        {"emails": ["resigned.eve@example.com"], "mobiles": [], "include_resigned": True},
    ]


def test_each_of_many_contacts_gets_its_own_person(installation: Installation, lookup: Lookup) -> None:
    contacts = [mail(f"p{number}") for number in range(170)]
    assert lookup.resolve(contacts) == {each: f"ou_p{number}" for number, each in enumerate(contacts)}
    assert [len(body["emails"]) for body in installation.bodies()] == [50, 50, 50, 20]


def test_a_fault_that_passes_is_not_noticed(installation: Installation, lookup: Lookup) -> None:
    order = {"match": {"path": "users"}, "times": 1, "do": {"answer": {"status": 500, "code": 155000, "msg": "?"}}}
    installation.control("faults", order)
    assert lookup.resolve([mail("ann")]) == {mail("ann"): "ou_ann"}


def test_who_has_an_open_ticket_is_read_from_all_pages(installation: Installation, lookup: Lookup) -> None:
    for number in range(201):
        installation.control("tickets", {"guest_id": f"ou_{number}", "status": 2})
    installation.control("tickets", {"guest_id": "ou_0", "status": 50})
    installation.control("tickets", {"guest_id": "ou_x", "status": 4})
    expected = {"ou_x", *(f"ou_{number}" for number in range(1, 201))}
    assert lookup.open_tickets() == OpenTickets(frozenset(expected), complete=True)


def test_a_wrong_secret_is_told_plainly_and_not_repeated(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESKBELL_APP_SECRET", "not-the-secret")
    for question in (lambda lookup: lookup.resolve([mail("ann")]), Lookup.open_tickets):
        with a_lookup() as lookup, pytest.raises(AskFailed) as told:
            question(lookup)
        assert told.value.exit_code == 1
        assert "secret" in str(told.value)
        assert "code 100" in str(told.value)
        assert "not-the-secret" not in str(told.value)


def test_a_wrong_helpdesk_token_is_told_plainly(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKBELL_HELPDESK_TOKEN", "ht-wrong")
    with a_lookup() as lookup, pytest.raises(DeskbellError, match="code 154001") as told:
        lookup.open_tickets()
    assert "ht-wrong" not in str(told.value)


def test_missing_credentials_are_bad_input(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESKBELL_APP_ID")
    with a_lookup() as lookup, pytest.raises(BadInput, match="desk default: not set: app_id"):
        lookup.resolve([mail("ann")])


def test_a_redis_that_is_not_reached_is_told_so(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKBELL_REDIS_URL", "unix:///nowhere/valkey.sock")
    with a_lookup() as lookup:
        for question in (lambda: lookup.resolve([mail("ann")]), lookup.open_tickets):
            with pytest.raises(LedgerUnreachable, match="is not reached"):
                question()


def test_a_missing_permission_is_told_without_the_address(installation: Installation, lookup: Lookup) -> None:
    said = "no scope contact:user.id:readonly for secret.person@example.com"
    installation.control(
        "faults",
        {"match": {"path": "users"}, "do": {"answer": {"status": 400, "code": 99991672, "msg": said}}},
    )
    with pytest.raises(DeskbellError, match=r"contact:user\.id:readonly") as told:
        lookup.resolve([mail("secret.person")])
    assert "secret.person" not in str(told.value)


def test_a_redis_that_refuses_is_told_on_one_line(
    installation: Installation, lookup: Lookup, empty_valkey: Settings
) -> None:
    with redis.Redis.from_url(str(empty_valkey.redis)) as client:
        client.config_set("maxmemory", 1)
        try:
            with pytest.raises(DeskbellError, match="is full"):
                lookup.resolve([mail("ann")])
        finally:
            client.config_set("maxmemory", 0)
