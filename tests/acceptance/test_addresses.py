"""Events by e-mail and mobile, the whole way: from the command line to the person, or to nobody."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ledger.notification import Notification
from ledger.states import State
from tests.acceptance.installation import MARKER, Installation, eventually


def send(installation: Installation, to: str, *options: str) -> Any:
    return installation.deskbell_json("send", "--to", to, "--text", MARKER, *options)


def questions(installation: Installation) -> list[dict[str, Any]]:
    return installation.sandbox.calls("/batch_get_id")


def test_a_mail_and_a_mobile_reach_their_people(installation: Installation) -> None:
    sent = send(installation, "ann@example.com,+86 138-1234 5678,ou_ada", "--wait", "30")
    assert [each["state"] for each in sent] == ["delivered"] * 3
    shown = [installation.deskbell_json("show", each["id"]) for each in sent]
    assert [(each["email"], each["mobile"]) for each in shown] == [
        ("ann@example.com", None), (None, "+8613812345678"), (None, None)
    ]  # fmt: skip
    assert shown[2]["receiver_id"] == "ou_ada"
    receivers = [each["receiver_id"] for each in shown]
    assert all(receiver.startswith("ou_") for receiver in receivers)
    assert len(set(receivers)) == 3


def test_the_second_one_needs_no_question(installation: Installation) -> None:
    send(installation, "bob@example.com", "--wait", "30")
    asked = len(questions(installation))
    assert send(installation, "bob@example.com", "--wait", "30")["state"] == "delivered"
    assert len(questions(installation)) == asked


@pytest.mark.parametrize(
    ("name", "why"), [("unknown.carl", "nobody with this email is visible"), ("resigned.dora", "has resigned")]
)
def test_what_leads_to_nobody_has_failed_without_an_attempt(installation: Installation, name: str, why: str) -> None:
    finished = installation.deskbell("send", "--to", f"{name}@example.com", "--text", MARKER, "--wait", "30", "--json")
    assert finished.returncode == 4
    shown = installation.deskbell_json("show", json.loads(finished.stdout)["id"])
    assert (shown["state"], shown["attempts"], shown["receiver_id"]) == ("failed", [], None)
    assert shown["error"]["reason"] == "no_such_person"
    assert why in shown["error"]["msg"]


def test_an_outage_of_the_contact_api_delays_what_is_not_resolved_and_nothing_else(
    new_installation: Callable[..., Installation],
) -> None:
    installation = new_installation(workers=1)
    installation.sandbox.fault({"path": "users"}, {"answer": {"status": 503, "code": 0, "msg": "away"}})
    waiting = send(installation, "ann@example.com")["id"]
    expiring = send(installation, "bob@example.com", "--expires", "3s")["id"]
    assert send(installation, "ou_ada", "--wait", "30")["state"] == "delivered"
    facts = eventually(lambda: held(installation), 10, "the outage is told")
    assert facts["hold"] is None
    assert facts["addresses"]["hold"]["kind"] == "outage"
    doctor = installation.deskbell("doctor")
    assert "Feishu does not say who addresses belong to (outage)" in doctor.stdout
    eventually(lambda: state_of(installation, expiring) == "expired", 10, "it expires meanwhile")
    assert state_of(installation, waiting) == "queued"
    installation.sandbox.forget_faults()
    eventually(lambda: state_of(installation, waiting) == "delivered", 20, "a probe finds that it is over")
    assert held(installation) is None
    [attempt] = installation.deskbell_json("show", waiting)["attempts"]
    assert attempt["outcome"] == "delivered", "waiting costs no attempt"


def test_a_missing_scope_is_told_with_its_name(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation(workers=1)
    denied = "Access denied. One of the following scopes is required: [contact:user.id:readonly]."
    installation.sandbox.fault({"path": "users"}, {"answer": {"status": 400, "code": 99991672, "msg": denied}})
    waiting = send(installation, "ann@example.com")["id"]
    eventually(lambda: held(installation), 10, "the hold is told")
    assert denied in installation.deskbell_json("desks")[0]["addresses"]["hold"]["reason"]
    assert "grant the app contact:user.id:readonly" in installation.deskbell("doctor").stdout
    installation.sandbox.forget_faults()
    installation.deskbell("resume", "--desk", "default")
    eventually(lambda: state_of(installation, waiting) == "delivered", 10, "resuming asks at once")


def test_who_resigns_after_the_answer_fails_with_the_code_of_the_api(
    new_installation: Callable[..., Installation],
) -> None:
    installation = new_installation(workers=1)
    resolved = send(installation, "eve@example.com", "--wait", "30")
    open_id = installation.deskbell_json("show", resolved["id"])["receiver_id"]
    refusal = {"answer": {"status": 400, "code": 230013, "msg": "Bot has NO availability to this user."}}
    installation.sandbox.fault({"receiver_id": open_id}, refusal)
    finished = installation.deskbell("send", "--to", "eve@example.com", "--text", MARKER, "--wait", "30", "--json")
    shown = installation.deskbell_json("show", json.loads(finished.stdout)["id"])
    assert (shown["state"], shown["receiver_id"], shown["error"]["code"]) == ("failed", open_id, 230013)


def held(installation: Installation) -> Any:
    """What `deskbell desks` tells while Feishu does not say who addresses belong to."""
    [facts] = installation.deskbell_json("desks")
    return facts if facts["addresses"]["hold"] else None


def state_of(installation: Installation, id: str) -> str:
    return str(installation.deskbell_json("show", id)["state"])


def test_ten_thousand_mails_take_at_most_210_questions(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation(workers=1, DESKBELL_RATE="unlimited")
    for first in range(0, 10_000, 500):
        mails = [f"p{number}@example.com" for number in range(first, first + 500)]
        installation.ledger.accept([Notification.build({"email": mail, "text": MARKER}) for mail in mails])
    counts = installation.ledger.counts
    eventually(lambda: counts()[State.DELIVERED] == 10_000, 120, "all are sent")
    assert installation.sandbox.stats()["calls"]["users"]["0"] <= 210
