"""How a call ended is one closed set, whoever writes it, and each has its Chinese."""

import re
from pathlib import Path

import pytest

import http_client
from console.i18n import language
from console.maybe_sent import way_of
from http_client.errors import translated
from ledger.endings import HAD_LEFT, Ending, told_ending
from ledger.notification import Notification
from ledger.progress import Attempt, Progress
from ledger.record import Record
from ledger.states import Outcome, State
from tests.all_of import all_of
from tests.english import english_in

__all__: list[str] = []

ROOT = Path(http_client.__file__).parents[1]
CHINESE = language("zh-CN")


def test_what_an_exchange_ends_with_is_in_the_set() -> None:
    written = (ROOT / "http_client/errors.py").read_text("utf-8").partition("_HOW:")[2].partition("\n)\n")[0]
    words = set(re.findall(r', "([^"]+)"\),', written)) | {"too long"}
    assert len(words) > 10
    assert words <= set(Ending)


def test_what_the_verbs_write_is_in_the_set() -> None:
    for file, ending in (("sweep.lua", Ending.WORKER_LOST), ("shared/records.lua", Ending.DAMAGED)):
        assert f"'{ending}'" in (ROOT / "ledger/lua" / file).read_text("utf-8")


@all_of("ending", Ending)
def test_each_is_told_in_chinese_with_and_without_the_call_having_left(ending: Ending) -> None:
    for words in (ending.value, HAD_LEFT + ending):
        told = told_ending(words)
        assert told == words
        assert CHINESE.meaning(told) != words
        assert english_in(CHINESE.meaning(told)) == []


def test_what_is_not_ours_stands_as_it_is() -> None:
    assert CHINESE.meaning(told_ending("Resource not found")) == "Resource not found"
    assert CHINESE.meaning(told_ending(f"{HAD_LEFT}Internal error")) == "请求已完整发出，随后：Internal error"
    assert told_ending(translated(RuntimeError("x"), whole_request_left=True).how) == "broken (RuntimeError)"


def record(attempt: Attempt | None) -> Record:
    progress = Progress(State.UNKNOWN, 1, (attempt,) if attempt else ())
    return Record("n_1", Notification.build({"receiver_id": "ou_a", "text": "x"}), progress, 1)


@pytest.mark.parametrize(
    ("msg", "code", "http_status", "way"),
    [
        (HAD_LEFT + Ending.TIMED_OUT, None, None, "timed_out"),
        (HAD_LEFT + Ending.CUT, None, None, "cut"),
        (HAD_LEFT + Ending.TRUNCATED, None, None, "other"),
        (str(Ending.WORKER_LOST), None, None, "worker"),
        (str(Ending.DAMAGED), None, None, "damaged"),
        (HAD_LEFT + Ending.NOT_JSON, None, 200, "answer"),
        ("the gateway timed out", 155000, 500, "answer"),
        ("timed out", 155000, 500, "answer"),
        ("clear-cut: cut", None, None, "other"),
        (None, None, None, "other"),
    ],
)
def test_why_it_was_maybe_sent_follows_from_how_the_call_ended(
    msg: str | None, code: int | None, http_status: int | None, way: str
) -> None:
    assert way_of(record(Attempt(1, None, Outcome.UNKNOWN, code, http_status, msg=msg))) == way


def test_without_an_attempt_nothing_is_known() -> None:
    assert way_of(record(None)) == "other"
