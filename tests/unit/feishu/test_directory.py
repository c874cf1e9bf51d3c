"""The contact API, call by call: pages, ids of every type, and what its refusals mean."""

import pytest

from feishu.codes import Kind
from feishu.directory import Directory, NotVisible, StalePage, TooDeep
from feishu.member import Standing, member_of
from feishu.query_retry import TRIES, QueryRetry
from feishu.verdict import AskFailed
from tests.company import ALL_SCOPES, Company, Person, refusal

NARROW = "contact:contact.base:readonly"


class Asked:
    """A directory over a company, whose waits are counted and take no time."""

    def __init__(self, company: Company) -> None:
        self.company, self.turns = company, 0
        self.directory = Directory(company, self._wait, QueryRetry(lambda _: None))  # type: ignore[arg-type]

    def _wait(self) -> None:
        self.turns += 1


@pytest.fixture
def asked() -> Asked:
    people = {f"ou_{n}": Person(["od-a"]) for n in range(3)} | {"ou_9": Person(["od-b"])}
    departments = {"od-a": "0", "od-b": "od-a", "od-c": "od-b"}
    return Asked(Company(people, departments, {"g1": ["ou_0", "od-b"], "dyn": ["ou_1"]}, page=2))


def test_members_come_page_by_page(asked: Asked) -> None:
    first = asked.directory.members("od-a")
    assert [member.open_id for member in first.items] == ["ou_0", "ou_1"]
    last = asked.directory.members("od-a", first.token)
    assert [member.open_id for member in last.items] == ["ou_2"]
    assert last.token is None
    path, params = asked.company.asked[1]
    assert path == "users/find_by_department"
    assert params == {
        "department_id": "od-a",
        "user_id_type": "open_id",
        "department_id_type": "open_department_id",
        "page_size": 50,
        "page_token": first.token,
    }


def test_children_are_asked_for_on_all_levels_or_one(asked: Asked) -> None:
    assert [each.id for each in asked.directory.children("od-a").items] == ["od-b", "od-c"]
    assert [each.id for each in asked.directory.children("od-a", all_levels=False).items] == ["od-b"]


def test_too_many_below_say_so(asked: Asked) -> None:
    asked.company.deepest = 1
    with pytest.raises(TooDeep):
        asked.directory.children("od-a")


@pytest.mark.parametrize(("code", "status"), [(40004, 403), (40014, 403), (41050, 400), (42009, 403), (40015, 400)])
def test_what_is_out_of_range_is_not_visible(asked: Asked, code: int, status: int) -> None:
    asked.company.faults = {1: refusal(code, status)}
    with pytest.raises(NotVisible):
        asked.directory.members("od-a")


def test_a_page_that_feishu_forgot_says_so(asked: Asked) -> None:
    asked.company.faults = {1: refusal(40012)}
    with pytest.raises(StalePage):
        asked.directory.members("od-a", "t2")


@pytest.mark.parametrize(("code", "status"), [(40003, 400), (40003, 500), (40008, 400), (99991400, 429)])
def test_what_may_pass_is_asked_again_in_a_turn_of_its_own(asked: Asked, code: int, status: int) -> None:
    asked.company.faults = {1: refusal(code, status)}
    assert asked.directory.members("od-b").items[0].open_id == "ou_9"
    assert asked.turns == 2


def test_what_does_not_pass_is_told_with_its_code(asked: Asked) -> None:
    asked.company.faults = {n: refusal(40003, 500) for n in range(1, TRIES + 1)}
    with pytest.raises(AskFailed, match="code 40003") as told:
        asked.directory.members("od-b")
    assert told.value.verdict.kind is Kind.TRANSIENT
    assert len(asked.company.asked) == TRIES


def test_a_page_without_the_way_to_the_next_is_an_error_and_not_the_last(asked: Asked) -> None:
    answer = asked.company.ask

    def cut(*about: str, params: dict[str, object]) -> object:
        verdict, data = answer(*about, params)
        return verdict, {**data, "page_token": None}

    asked.company.ask = cut  # type: ignore[assignment, method-assign]
    with pytest.raises(AskFailed, match="lacks what was asked for"):
        asked.directory.members("od-a")


def test_people_are_found_by_ids_of_every_type(asked: Asked) -> None:
    asked.company.hidden = {"ou_1"}
    assert asked.directory.people(["ou_0", "ou_1", "ou_no"]).keys() == {"ou_0"}
    assert {id: one.open_id for id, one in asked.directory.people(["on_ou_2"], "union_id").items()} == {
        "on_ou_2": "ou_2"
    }
    assert {id: one.open_id for id, one in asked.directory.people(["u_ou_2"], "user_id").items()} == {"u_ou_2": "ou_2"}


def test_an_app_with_wide_scopes_alone_asks_for_one_at_a_time(asked: Asked) -> None:
    asked.company.scopes = ALL_SCOPES - {NARROW}
    assert asked.directory.people(["ou_0", "ou_no", "ou_2"]).keys() == {"ou_0", "ou_2"}
    assert asked.directory.departments(["od-a", "od-no", "b"]).keys() == {"od-a", "b"}


def test_ids_that_the_app_is_not_told_are_asked_about_singly(asked: Asked) -> None:
    asked.company.scopes = ALL_SCOPES - {"contact:user.employee_id:readonly"}
    assert asked.directory.people(["u_ou_2", "u_ou_1"], "user_id").keys() == {"u_ou_2", "u_ou_1"}
    assert asked.company.calls("users/u_ou_2") == 1


def test_one_person_out_of_range_does_not_hide_the_others(asked: Asked) -> None:
    asked.company.faults = {1: refusal(41050)}
    assert asked.directory.people(["ou_0", "ou_2"]).keys() == {"ou_0", "ou_2"}


def test_departments_are_found_by_feishus_ids_and_the_companys_own(asked: Asked) -> None:
    assert {id: each.id for id, each in asked.directory.departments(["od-a", "b"]).items()} == {
        "od-a": "od-a",
        "b": "od-b",
    }


def test_groups_of_both_kinds_and_their_members(asked: Asked) -> None:
    assert [group.id for group in asked.directory.groups("normal").items] == ["g1"]
    assert [group.id for group in asked.directory.groups("dynamic").items] == ["dyn"]
    assert asked.directory.group_people("g1").items == ("ou_0",)
    assert asked.directory.group_departments("g1").items == ("od-b",)


def test_the_range_has_the_highest_departments(asked: Asked) -> None:
    found, token = asked.directory.range()
    assert (found.departments, token) == (("od-a",), None)


HERE = {"is_frozen": False, "is_resigned": False, "is_activated": True, "is_exited": False, "is_unjoin": False}


@pytest.mark.parametrize(
    ("status", "standing"),
    [
        (HERE, Standing.HERE),
        (HERE | {"is_frozen": True}, Standing.FROZEN),
        (HERE | {"is_resigned": True, "is_frozen": True}, Standing.RESIGNED),
        (HERE | {"is_exited": True}, Standing.RESIGNED),
        (HERE | {"is_activated": False}, Standing.NOT_JOINED),
        (HERE | {"is_unjoin": True}, Standing.NOT_JOINED),
        (None, None),
        ({}, None),
    ],
)
def test_a_status_says_why_somebody_cannot_be_reached(status: object, standing: Standing | None) -> None:
    member = member_of({"open_id": "ou_1", "status": status})
    assert member
    assert member.standing is standing


def test_a_field_that_is_empty_was_given_and_an_absent_one_was_not() -> None:
    member = member_of({"open_id": "ou_1", "name": "Ann", "email": "", "city": None})
    assert member
    assert member.values == {"name": "Ann", "email": "", "city": ""}
