"""Why nobody is asked who addresses belong to, and for how long at first."""

import threading
from collections.abc import Iterable
from typing import cast

import pytest

from feishu.codes import Kind
from feishu.contact import Resolved
from feishu.people import People
from feishu.verdict import AskFailed, Verdict
from ledger.addresses import Contact
from ledger.settings import Desk, Settings
from ledger.unresolved import Answer, ContactHold, Questions, Unresolved, answer_json
from worker.resolver import OUTAGE_MS, REFUSED_MS, THROTTLE_MS, Asker

ANN = Contact("email", "ann@x.cn")


class Ledger:
    """Has one address to ask about, until it is answered."""

    def __init__(self) -> None:
        self.questions = [Questions([ANN], 10_000)]
        self.answers: list[tuple[list[Answer], ContactHold | None]] = []

    def ask(self, _: Desk, __: str) -> Questions:
        return self.questions.pop() if self.questions else Questions([], None)

    def answer(self, _: Desk, __: str, answers: Iterable[Answer], hold: ContactHold | None = None) -> int:
        self.answers.append((list(answers), hold))
        return 0


class Feishu:
    def __init__(self, answer: Resolved | AskFailed) -> None:
        self._answer = answer

    def ask(self, contacts: list[Contact]) -> dict[Contact, Resolved]:
        if isinstance(self._answer, AskFailed):
            raise self._answer
        return dict.fromkeys(contacts, self._answer)

    def answer(self, contact: Contact, resolved: Resolved) -> Answer:
        return Answer(contact, answer_json(str(resolved)), 1)


def told(answer: Resolved | AskFailed) -> tuple[list[Answer], ContactHold | None]:
    ledger = Ledger()
    desk = Settings(_env_file=None).desk("default")
    asker = Asker(cast(Unresolved, ledger), desk, cast(People, Feishu(answer)), threading.Event())
    assert asker.ask_all() is None
    [answered] = ledger.answers
    return answered


def test_what_feishu_says_is_handed_on() -> None:
    assert told("ou_ann") == ([Answer(ANN, answer_json("ou_ann"), 1)], None)


@pytest.mark.parametrize(
    ("kind", "seconds", "hold", "hold_ms"),
    [
        (Kind.TRANSIENT, None, "outage", OUTAGE_MS),
        (Kind.THROTTLED, None, "throttled", THROTTLE_MS),
        (Kind.THROTTLED, 7.5, "throttled", 7_500),
        (Kind.DESK, None, "credentials", REFUSED_MS),
        (Kind.TOKEN, None, "credentials", REFUSED_MS),
        (Kind.QUOTA_SPENT, None, "quota", REFUSED_MS),
        (Kind.REFUSED, None, "refused", REFUSED_MS),
    ],
)
def test_a_failure_is_a_hold(kind: Kind, seconds: float | None, hold: str, hold_ms: int) -> None:
    verdict = Verdict(
        call="people", kind=kind, retry_after_seconds=seconds, code=5, http_status=400, msg="no", started_at_ms=0,
        elapsed_ms=1,
    )  # fmt: skip
    answers, held = told(AskFailed(verdict))
    assert answers == []
    assert held is not None
    assert (held.kind, held.hold_ms, held.code, held.http_status) == (hold, hold_ms, 5, 400)
    assert held.reason.endswith(": no")
