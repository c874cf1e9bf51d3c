"""A benchmark's own check notices what is lost, sent twice, or not recorded."""

import importlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ledger.delivery_options import ReceiveType
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.settings import Desk
from ledger.states import Outcome, State

RECEIVERS = ("ou_a", "ou_b", "ou_c")
ONCE = Counter(RECEIVERS)


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # benchmarks are not installed
    module = importlib.import_module("benchmarks.exact")
    monkeypatch.setattr(module, "LONGEST_SECONDS", 0)
    return module


def accept(ledger: Ledger) -> None:
    ledger.accept([Notification.build({"receiver_id": receiver, "text": "x"}) for receiver in RECEIVERS])


def end(leases: Leases, desk: Desk, count: int, state: State, outcome: Outcome) -> None:
    [released] = leases.release([(desk, count, 10)])
    now_ms, claims = leases.claim(desk, "token", released.ids)
    attempt = Attempt(now_ms, ReceiveType.CHAT, outcome, 0)
    leases.record(desk, "token", [Result(claim.id, state, [attempt]) for claim in claims], "up")


def test_each_delivered_once_and_recorded_is_exact(exact: Any, ledger: Ledger, leases: Leases, desk: Desk) -> None:
    accept(ledger)
    end(leases, desk, 3, State.DELIVERED, Outcome.DELIVERED)
    exact.check_messages(lambda: ONCE, ledger, desk.name)
    exact.check_all_delivered(ledger, [desk.name], 3)


@pytest.mark.parametrize("messages", [ONCE + Counter(["ou_a"]), ONCE - Counter(["ou_a"]), ONCE + Counter(["ou_x"])])
def test_messages_that_differ_from_the_ledger_are_noticed(
    exact: Any, ledger: Ledger, leases: Leases, desk: Desk, messages: Counter[str]
) -> None:
    accept(ledger)
    end(leases, desk, 3, State.DELIVERED, Outcome.DELIVERED)
    with pytest.raises(exact.NotExact, match="1 differ"):
        exact.check_messages(lambda: messages, ledger, desk.name)


@pytest.mark.parametrize(
    ("state", "outcome"), [(State.FAILED, Outcome.REFUSED), (State.UNKNOWN, Outcome.UNKNOWN), (None, None)]
)
def test_what_is_not_delivered_is_noticed(
    exact: Any, ledger: Ledger, leases: Leases, desk: Desk, state: State | None, outcome: Outcome | None
) -> None:
    accept(ledger)
    end(leases, desk, 2, State.DELIVERED, Outcome.DELIVERED)
    if state and outcome:
        end(leases, desk, 1, state, outcome)
    with pytest.raises(exact.NotExact, match="the ledger has"):
        exact.check_messages(lambda: Counter(("ou_a", "ou_b")), ledger, desk.name)
    with pytest.raises(exact.NotExact, match="not 3 delivered"):
        exact.check_all_delivered(ledger, [desk.name], 3)
