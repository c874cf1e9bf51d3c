"""Every error of the ledger has its status, and nothing unexpected is repeated."""

import inspect
import logging

import pytest

import ledger.errors
from ledger.errors import Changed, DeskbellError, KeyReused, LedgerFull, NotAllowed, NotFound
from ledger.phrases import Phrase
from producers.web.problems import Problem, as_response, problem_of, tell_unexpected
from tests.all_of import all_of

__all__: list[str] = []

MADE = {Changed: ("a_1", 2), KeyReused: ("k", "n_1"), NotFound: ("n_1",), NotAllowed: ("n_1", "cancel", "sending")}
KINDS = [kind for _, kind in inspect.getmembers(ledger.errors, inspect.isclass) if issubclass(kind, DeskbellError)]
KINDS.remove(DeskbellError)


@all_of("kind", KINDS)
def test_each_error_of_the_ledger_has_a_status_of_its_own(kind: type[DeskbellError]) -> None:
    error = kind(*MADE.get(kind, ("key", "is wrong") if kind.__name__ == "BadInput" else ("words",)))
    problem = problem_of(error)
    assert 400 <= problem.http_status < 600
    assert problem.http_status != 500
    assert ("Retry-After" in problem.headers) == (problem.http_status == 503)


def test_a_key_that_was_used_names_its_field_and_its_first_id() -> None:
    told = problem_of(KeyReused("k", "n_1")).as_json()
    assert (told["status"], told["field"], told["first_id"]) == (422, "key", "n_1")


def test_a_subclass_is_told_as_what_it_is() -> None:
    assert problem_of(LedgerFull("full")).as_json()["type"] == "urn:deskbell:problem:ledger-full"


def test_what_is_unexpected_is_neither_told_nor_logged_with_its_text(caplog: pytest.LogCaptureFixture) -> None:
    secret = "nobody-may-repeat-this"
    try:
        raise ValueError(secret)
    except ValueError as error:
        told = problem_of(error)
        with caplog.at_level(logging.ERROR):
            tell_unexpected(error, "r-1")
    assert told.http_status == 500
    assert secret not in str(told.as_json()) + caplog.text.replace("raise ValueError(secret)", "")
    assert "ValueError" in caplog.text


def test_an_answer_carries_the_headers_and_the_id_of_the_request() -> None:
    response = as_response(
        Problem(429, Phrase("The key calls too often"), Phrase("send it again"), headers={"Retry-After": "3"}),
        {"request_id": "r-1"},
    )
    assert (response.headers["retry-after"], response.media_type) == ("3", "application/problem+json")
    assert b'"request_id":"r-1"' in response.body
