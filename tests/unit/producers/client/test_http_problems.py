"""Every error of the ledger there and back: the client raises what the server reported as a problem."""

import inspect

import orjson
import pytest

import ledger.errors
from ledger.errors import (
    BadInput,
    Changed,
    DeskbellError,
    FeishuFailed,
    Forbidden,
    GrantRefused,
    KeyLimit,
    KeyReused,
    LedgerFull,
    LedgerUnreachable,
    LedgerUnwritable,
    NotAllowed,
    NotDurable,
    NotFound,
    NotPermitted,
    WrongVersion,
)
from producers.client.http_problems import error_of
from producers.web.problems import problem_of

__all__: list[str] = []

URL = "https://deskbell.example.com"
#: The outside contract: status, last part of the URN, title, and exit code.
CONTRACT: list[tuple[DeskbellError, tuple[int, str, str, int]]] = [
    (BadInput("text", "must not be blank"), (422, "bad-input", "The input cannot be accepted", 2)),
    (KeyReused("k", "n_0"), (422, "key-reused", "The key was already used for other content", 2)),
    (NotFound("n_1"), (404, "not-found", "Nothing has this id", 5)),
    (GrantRefused("hr cannot grant it"), (403, "grant-refused", "The key lacks what it would grant", 1)),
    (KeyLimit("four a day"), (403, "key-limit", "The key's limit is reached", 1)),
    (NotAllowed("n_1", "cancel", "delivered"), (409, "not-allowed", "The state does not allow it", 2)),
    (Changed("a_1", 3), (409, "changed", "It was changed since it was read", 2)),
    (NotPermitted("ada wrote it"), (403, "not-permitted", "It needs the approval of somebody else", 2)),
    (FeishuFailed("no scope"), (502, "feishu-failed", "Feishu did not answer a question", 1)),
    (LedgerUnreachable("gone"), (503, "ledger-unreachable", "Redis is not reached", 3)),
    (LedgerUnwritable("a replica"), (503, "ledger-unwritable", "Redis accepts no writes", 1)),
    (LedgerFull("full"), (503, "ledger-full", "Redis has no room left", 1)),
    (NotDurable("slow"), (503, "not-durable", "Redis did not confirm the fsync", 1)),
    (WrongVersion.of("9", 1), (503, "wrong-version", "The ledger has another version", 1)),
]
CLASSES = {kind for _, kind in inspect.getmembers(ledger.errors, inspect.isclass) if issubclass(kind, DeskbellError)}


def test_every_class_is_in_the_contract() -> None:
    assert {type(error) for error, _ in CONTRACT} == CLASSES - {DeskbellError, Forbidden}, (
        "but the root, and that of what keys may not do"
    )


@pytest.mark.parametrize(("error", "reported"), CONTRACT, ids=lambda value: type(value).__name__)
def test_an_error_is_reported_as_the_contract_has_it(error: DeskbellError, reported: tuple[int, str, str, int]) -> None:
    told = problem_of(error).as_json()
    status, name, title, exit_code = reported
    assert (told["status"], told["type"], told["title"]) == (status, f"urn:deskbell:problem:{name}", title)
    assert error.exit_code == exit_code


@pytest.mark.parametrize("error", [error for error, _ in CONTRACT], ids=lambda error: type(error).__name__)
def test_an_error_comes_back_as_its_own_class_with_all_that_it_had(error: DeskbellError) -> None:
    told = orjson.loads(orjson.dumps(problem_of(error).as_json()))
    back = error_of(told["status"], told, url=URL, key="k", id="n_1")
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))


def test_a_subclass_comes_back_as_the_class_that_is_public() -> None:
    class Particular(BadInput):
        """Such as the ledger has for its own use."""

    told = problem_of(Particular("text", "is wrong")).as_json()
    back = error_of(told["status"], told, url=URL, key=None, id=None)
    assert (type(back), str(back)) == (BadInput, "text: is wrong")


@pytest.mark.parametrize("name", ["key-reused", "bad-input"])
def test_a_problem_that_lacks_a_member_is_the_nearest_error(name: str) -> None:
    told = {"type": f"urn:deskbell:problem:{name}", "title": "T", "status": 422, "detail": "D"}
    back = error_of(422, told, url=URL, key="k", id=None)
    assert (type(back), str(back)) == (BadInput, "request: D")


def test_an_internal_error_of_the_server_says_its_status() -> None:
    told = problem_of(ValueError("nobody may repeat this")).as_json()
    back = error_of(500, told, url=URL, key=None, id=None)
    assert type(back) is DeskbellError
    assert str(back).startswith(f"{URL} answered 500 (Something went wrong)")
