"""What a live test concludes from its steps, and that it names nobody."""

import json
from typing import Any

import pytest

from ledger.delivery_options import ReceiveType
from ledger.progress import Attempt
from ledger.states import Outcome
from producers.probe.report import CHAT, CHAT_BESIDE, OPENED, READ_USER, USER, USER_BESIDE, Report
from producers.probe.step import Step


def step(name: str, code: int | None = 0, http_status: int | None = None, **fields: Any) -> Step:
    return Step(name, is_done=code == 0, http_status=http_status or (200 if code == 0 else 400), code=code, **fields)


def report(*steps: Step, **fields: Any) -> Report:
    return Report("https://open.feishu.cn", list(steps), **fields)


OPEN = (step(USER), step(CHAT), step(OPENED))


@pytest.mark.parametrize(
    ("made", "code", "blocks"),
    [
        (report(*OPEN, step(CHAT_BESIDE, 154405, 401), step(USER_BESIDE)), 154405, True),
        (report(*OPEN, step(CHAT_BESIDE)), None, False),
        # Without an answer, with wrong credentials, or when `chat` failed before too, a ticket is not the reason.
        (report(*OPEN, step(CHAT_BESIDE, None)), None, None),
        (report(*OPEN, step(CHAT_BESIDE, 154001, 401)), None, None),
        (report(step(USER), step(CHAT, 154000), step(OPENED), step(CHAT_BESIDE, 154000)), None, None),
        (report(step(USER), step(CHAT), step(OPENED, 154402, 401)), None, None),
        # The ticket may have been there before.
        (report(step(USER), step(CHAT, 154405, 401), had_ticket=True), 154405, True),
        (report(step(USER), step(CHAT, 154405, 401), had_ticket=None), None, None),
        (report(step(USER, 230013), step(CHAT, 230013), had_ticket=True), None, None),
    ],
)
def test_a_code_is_learnt_only_where_nothing_but_the_ticket_can_be_the_reason(
    made: Report, code: int | None, blocks: bool | None
) -> None:
    assert (made.answers["ticket_code"], made.answers["ticket_blocks_chat"]) == (code, blocks)


def test_answers_are_null_for_what_was_not_asked() -> None:
    answers = report(step(USER), step(CHAT), had_ticket=False).answers
    assert {name for name, answer in answers.items() if answer is not None} == {
        "user_delivers",
        "chat_delivers",
        "had_ticket",
    }


def test_the_lines_are_narrow_and_say_what_was_found() -> None:
    made = report(
        *OPEN, step(CHAT_BESIDE, 154405, 401, msg="The user has a ticket in progress", ms=12, log_id="2" * 34)
    )
    made.steps.append(step(READ_USER, 230012))
    made.listed, made.listed_after_seconds = True, 0.4
    lines = list(made.lines())
    assert all(len(line) <= 80 for line in lines)
    assert "chat beside the ticket: HTTP 401, code 154405, 12 ms" in lines
    assert "A ticket that only the bot has blocks chat: yes, with code 154405" in lines
    assert "Feishu tells who has read a message sent by user: no" in lines
    assert "The ticket list shows it: yes, after 0.4 s" in lines


@pytest.mark.parametrize(
    "msg",
    [
        "invalid receive_id ou_7346484524",
        "union on_12ab34cd in chat oc_5ad11d72b830411d",
        "message om_dc13264520392913993dd051dba21dcf of cli_9f8f27b375e9100c",
        "helpdesk 6868205580868141059, ticket 7157961378652045340",
        "no user ann@corp.example",
        "user 5f4a6a3b not found",  # as it was given
        "tenant 736588c9260f175d9f8f27b375e9100c",
    ],
)
def test_no_id_is_repeated(msg: str) -> None:
    attempt = Attempt(1, ReceiveType.CHAT, Outcome.REFUSED, 154000, 400, "20240911085251BEA8869709BAD4373B10", msg=msg)
    shown = Step.of_attempt(CHAT, attempt, private=("5f4a6a3b", ""))
    assert shown.msg is not None
    assert "…" in shown.msg
    assert not any(character.isdigit() for character in shown.msg)
    assert "@" not in json.dumps(shown.as_json())


def test_a_message_without_ids_stays_as_it_is() -> None:
    msg = "Bad request, please check your request body (code 154000)"
    attempt = Attempt(1, ReceiveType.CHAT, Outcome.REFUSED, 154000, 400, msg=msg)
    assert Step.of_attempt(CHAT, attempt, private=()).msg == msg


def test_a_call_without_an_answer_says_how_it_ended() -> None:
    attempt = Attempt(1, ReceiveType.CHAT, Outcome.UNKNOWN, ms=20_000, msg="the whole request had left, then: timeout")
    shown = Step.of_attempt(CHAT, attempt, private=())
    assert shown.result == "the whole request had left, then: timeout, 20000 ms"
