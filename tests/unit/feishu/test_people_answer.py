"""The answer of `batch_get_id`, read: one person for each contact, or no answer at all."""

from typing import Any

import pytest

from feishu.client import Person, people_of_answer
from feishu.codes import Kind
from feishu.verdict import AskFailed, Verdict

VERDICT = Verdict(call="people", kind=Kind.DELIVERED, code=0, http_status=200, started_at_ms=0, elapsed_ms=1)
STATUS = {"is_frozen": False, "is_resigned": False, "is_activated": True, "is_exited": False, "is_unjoin": False}


def people(rows: Any, emails: tuple[str, ...] = (), mobiles: tuple[str, ...] = ()) -> list[Person]:
    return people_of_answer({"user_list": rows}, emails, mobiles, VERDICT)


def test_each_contact_has_its_person_wherever_its_entry_stands() -> None:
    rows = [{"mobile": "13012345678", "user_id": "ou_2"}, {"email": "b@x.cn"}, {"email": "a@x.cn", "user_id": "ou_1"}]
    found = people(rows, ("a@x.cn", "b@x.cn"), ("13012345678",))
    assert found == [Person("ou_1"), Person(None), Person("ou_2")]


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ({}, None),
        ({"status": None}, None),
        ({"status": {}}, None),
        ({"status": STATUS}, False),
        ({"status": STATUS | {"is_frozen": True}}, False),
        ({"status": STATUS | {"is_resigned": True}}, True),
        ({"status": STATUS | {"is_exited": True}}, True),
    ],
)
def test_who_left_is_known_when_the_status_comes(told: dict[str, Any], left: bool | None) -> None:
    assert people([{"email": "a@x.cn", "user_id": "ou_1", **told}], ("a@x.cn",)) == [Person("ou_1", left)]


@pytest.mark.parametrize(
    ("asked", "echoed"),
    [
        ("+8613812345678", "13812345678"),
        ("13812345678", "+8613812345678"),
        ("+86 138-1234-5678", "+8613812345678"),
        ("+1 (650) 555-0100", "+16505550100"),
        ("+8613812345678", "+8613812345678"),
    ],
)
def test_a_number_may_come_back_in_another_spelling(asked: str, echoed: str) -> None:
    assert people([{"mobile": echoed, "user_id": "ou_1"}], (), (asked,)) == [Person("ou_1")]


def test_an_address_may_come_back_in_lower_case() -> None:
    assert people([{"email": "ann@x.cn", "user_id": "ou_1"}], ("Ann@X.cn",)) == [Person("ou_1")]


@pytest.mark.parametrize("empty", [None, "", 7])
def test_an_empty_id_is_nobody_s(empty: Any) -> None:
    assert people([{"email": "a@x.cn", "user_id": empty}], ("a@x.cn",)) == [Person(None)]


@pytest.mark.parametrize("data", [{}, {"user_list": None}, {"user_list": []}])
def test_who_is_left_out_is_nobody(data: dict[str, Any]) -> None:
    assert people_of_answer(data, ["a@x.cn"], [], VERDICT) == [Person(None)]


@pytest.mark.parametrize(
    "rows",
    [
        {"a@x.cn": "ou_1"},
        ["ou_1"],
        [{"user_id": "ou_1"}],
        [{"email": "", "user_id": "ou_1"}],
        [{"email": "somebody.else@x.cn", "user_id": "ou_1"}],
        [{"mobile": "138****5678", "user_id": "ou_1"}],
    ],
)
def test_an_entry_that_cannot_be_told_apart_is_no_answer(rows: Any) -> None:
    with pytest.raises(AskFailed) as told:
        people(rows, ("a@x.cn",), ("13812345678",))
    assert told.value.verdict.ended == "unexpected answer"
