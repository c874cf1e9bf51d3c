"""Events by e-mail and mobile, the whole way: from the command line to the person, or to nobody."""

import json
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


def test_ten_thousand_mails_take_at_most_210_questions(installation: Installation) -> None:
    asked = len(questions(installation))
    for first in range(0, 10_000, 1000):
        installation.ledger.accept(
            [
                Notification.build({"email": f"p{number}@example.com", "text": MARKER})
                for number in range(first, first + 1000)
            ]
        )
    counts = installation.ledger.counts
    eventually(lambda: not counts()[State.QUEUED] and not counts()[State.SENDING], 120, "all are sent")
    assert len(questions(installation)) - asked <= 210
    assert counts()[State.DELIVERED] >= 10_000
