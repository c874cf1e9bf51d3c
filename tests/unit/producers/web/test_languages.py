"""Problems are told in the language of `Accept-Language`; what programs read stays as it is."""

from typing import Any

import orjson
import pytest

from ledger.errors import BadInput, NotAllowed
from ledger.phrases import Phrase
from ledger.states import State
from producers.web.problems import Problem, as_response, problem_of

__all__: list[str] = []


def told(problem: Problem, *accepted: str) -> tuple[dict[str, Any], str]:
    headers = [(b"accept-language", each.encode("latin-1")) for each in accepted]
    response = as_response(problem, {"request_id": "r-1", "headers": headers})
    assert response.headers["vary"] == "Accept-Language"
    return orjson.loads(response.body), response.headers["content-language"]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ([], "en"),
        ([""], "en"),
        (["zh"], "zh-CN"),
        (["zh-TW"], "zh-CN"),
        (["fr, zh-CN;q=0.5, en;q=0.4"], "zh-CN"),
        (["zh;q=0.4, en;q=0.5"], "en"),
        (["fr", "zh"], "zh-CN"),
        (["zh;q=0"], "en"),
        (["zh;q=lots"], "en"),
        (["\xff\xfe,;;q=,"], "en"),
        (["*"], "en"),
    ],
)
def test_the_language_is_the_first_that_is_accepted_and_known(accepted: list[str], language: str) -> None:
    problem, tag = told(problem_of(BadInput("desk", Phrase("must not be empty"))), *accepted)
    assert tag == language
    assert problem["title"] == {"en": "The input cannot be accepted", "zh-CN": "无法接受提交的内容"}[language]
    assert problem["detail"] == {"en": "must not be empty", "zh-CN": "不能为空"}[language]


def test_what_programs_read_is_the_same_in_every_language() -> None:
    error = NotAllowed("n_1", "cancel", State.DELIVERED)
    (english, _), (chinese, _) = told(problem_of(error)), told(problem_of(error), "zh")
    assert chinese["detail"] == "不能对 n_1 执行“取消”：当前状态是“已送达”"
    assert english.pop("detail") == "cannot cancel n_1: it is delivered"
    assert {**english, "title": chinese["title"], "detail": chinese["detail"]} == chinese
    assert (chinese["state"], chinese["verb"], chinese["status"]) == ("delivered", "cancel", 409)


def test_the_place_of_a_row_is_a_field_and_what_is_wrong_with_it_is_a_text() -> None:
    error = BadInput(Phrase("line {line}", line=2), Phrase("is empty"))
    errors = [{"line": 2, "column": None, "problem": Phrase("is empty")}]
    problem = problem_of(error)
    problem.more["errors"] = errors
    chinese, _ = told(problem, "zh")
    assert (chinese["field"], chinese["detail"]) == ("line 2", "为空")
    assert chinese["errors"] == [{"line": 2, "column": None, "problem": "为空"}]
