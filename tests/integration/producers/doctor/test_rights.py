"""The rights that a user of Redis needs, as deploy.md lists them, and what the doctor says when one is missing."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Settings
from ledger.states import State
from producers.doctor.diagnosis import check_ledger
from producers.doctor.doctor_check import Status

DEPLOY = Path(__file__).parents[4] / "docs" / "deploy.md"
OF_THE_PAGE = re.findall(r"^ACL SETUSER deskbell on >PASSWORD (.*)$", DEPLOY.read_text("utf-8"), re.MULTILINE)[
    0
].split()


@pytest.fixture
def confined(empty_valkey: Settings) -> Iterator[Callable[..., Ledger]]:
    """Makes the ledger of a user with these rights."""
    with redis.Redis.from_url(str(empty_valkey.redis)) as admin:

        def ledger(*rights: str) -> Ledger:
            admin.execute_command("ACL", "SETUSER", "deskbell", "reset", "on", ">secret", *rights)
            url = f"unix://deskbell:secret@{empty_valkey.socket_path}?db=0"
            return Ledger(Settings(redis_url=url, _env_file=None))

        yield ledger
        admin.execute_command("ACL", "DELUSER", "deskbell")


def found(ledger: Ledger) -> list[str]:
    checks, reached = check_ledger(ledger, newest=True)
    assert reached
    rights = [check for check in checks if check.name == "rights"]
    assert all(check.status is Status.FAIL for check in rights)
    return [check.found for check in rights]


def test_the_rights_of_the_page_are_enough(confined: Callable[..., Ledger]) -> None:
    assert found(confined(*OF_THE_PAGE)) == []


def test_a_server_that_refuses_client_serves_the_ledger_whose_connections_have_no_name(
    confined: Callable[..., Ledger],
) -> None:
    """As Google's Memorystore for Redis does. No connection stood there: each began by giving itself a name."""
    ledger = confined(*OF_THE_PAGE, "-client")
    [accepted] = ledger.accept([Notification.build({"receiver_id": "ou_ada", "text": "hi"})])
    assert ledger.get(accepted.id).progress.state is State.QUEUED
    assert found(ledger) == []
    named = confined(*OF_THE_PAGE, "+client|list").redis
    assert {"deskbell"} <= {client["name"] for client in named.client_list()}


@pytest.mark.parametrize(
    ("rights", "missing"),
    [
        (["-scan"], "SCAN"),
        (["-evalsha", "-watch"], "EVALSHA, WATCH"),
        (["-script|load"], "SCRIPT LOAD"),
        (["resetchannels"], "PUBLISH deskbell:doctor, PUBLISH deskbell:celery:fanout:doctor"),
        (["resetkeys", "~deskbell:*"], "LREM deskbell.intake, RPOP deskbell.intake:doctor"),
    ],
)
def test_what_is_missing_is_named(confined: Callable[..., Ledger], rights: list[str], missing: str) -> None:
    assert found(confined(*OF_THE_PAGE, *rights)) == [f"the user of DESKBELL_REDIS_URL may not: {missing}"]
