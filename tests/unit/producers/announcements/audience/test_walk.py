"""The walk: nobody twice, nobody missing, no call too many; and what the app may not see is told."""

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from feishu.directory import Directory, StalePage, TooDeep
from feishu.member import SCOPES
from feishu.query_retry import QueryRetry
from feishu.verdict import AskFailed
from ledger.errors import BadInput
from producers.announcements.audience.roster import FRESH_SECONDS, Roster
from producers.announcements.audience.walk import Walk
from tests.company import ALL_SCOPES, Company, Person, refusal

NARROW = "contact:contact.base:readonly"


def company(**more: Any) -> Company:
    """A head with two departments, of which one has one below it; Ann is in two of them."""
    people = {
        "ou_head": Person(["0"]),
        "ou_ann": Person(["od-a", "od-aa"]),
        "ou_bob": Person(["od-a"]),
        "ou_cat": Person(["od-aa"], {"is_frozen": True}),
        "ou_dan": Person(["od-b"]),
    }
    return Company(people, {"od-a": "0", "od-aa": "od-a", "od-b": "0"}, **more)


def walked(
    company: Company, *departments: str, groups: Iterable[str] = (), roster: Roster | None = None, **how: Any
) -> Roster:
    roster = roster or Roster.open(None)
    directory = Directory(company, lambda: None, QueryRetry(lambda _: None))  # type: ignore[arg-type]
    Walk(directory, roster, list(SCOPES), lambda *_: None).run(departments, groups, **how)
    return roster


def listed(roster: Roster) -> list[str]:
    return sorted(person for (person,) in roster.database.execute("SELECT person FROM listed"))


def people(roster: Roster) -> set[str]:
    return {person for (person,) in roster.database.execute("SELECT person FROM people")}


def test_a_department_brings_all_below_it() -> None:
    roster = walked(company(), "od-a")
    assert people(roster) == {"ou_ann", "ou_bob", "ou_cat"}
    assert listed(roster).count("ou_ann") == 2


def test_direct_members_alone() -> None:
    assert people(walked(company(), "od-a", direct=True)) == {"ou_ann", "ou_bob"}


def test_everyone_includes_those_without_a_department() -> None:
    assert people(walked(company(), everyone=True)) == {"ou_head", "ou_ann", "ou_bob", "ou_cat", "ou_dan"}
    assert people(walked(company(), "0")) == {"ou_head", "ou_ann", "ou_bob", "ou_cat", "ou_dan"}


def test_a_department_within_another_is_walked_once() -> None:
    asked = company()
    assert len(listed(walked(asked, "od-a", "od-aa"))) == 4
    assert [params["department_id"] for path, params in asked.asked if path == "users/find_by_department"] == [
        "od-a",
        "od-aa",
    ]


def test_ids_of_the_companys_own_are_found() -> None:
    roster = walked(company(), "aa", "no")
    assert people(roster) == {"ou_ann", "ou_cat"}
    assert roster.unseen() == ("no",)


def test_no_call_is_made_that_is_not_needed() -> None:
    """2,000 departments below the root with 50 people each: 40 pages of departments, and one call for each of them."""
    departments = {f"od-{n}": "0" for n in range(2000)}
    staff = {f"ou_{n}-{m}": Person([f"od-{n}"]) for n in range(0, 2000, 200) for m in range(60)}
    asked = Company(staff, departments, deepest=5000)
    assert len(people(walked(asked, everyone=True))) == 600
    assert asked.calls("departments/0/children") == 40
    # One for the root, one for each department, and a second one for those with more than 50.
    assert asked.calls("users/find_by_department") == 1 + 2000 + 10
    assert len(asked.asked) == 40 + 2011


def test_a_department_too_large_to_list_at_once_is_walked_level_by_level() -> None:
    departments = {"od-a": "0", "od-b": "0"} | {f"od-a{n}": "od-a" for n in range(5)} | {"od-a0x": "od-a0"}
    asked = Company({f"ou_{id}": Person([id]) for id in departments}, departments, deepest=7)
    assert len(people(walked(asked, everyone=True))) == 8
    ways = [(path, params["fetch_child"]) for path, params in asked.asked if path.endswith("children")]
    # Those below are few enough again, so each of them is listed at once.
    assert sorted(ways) == [
        ("departments/0/children", "false"),
        ("departments/0/children", "true"),
        ("departments/od-a/children", "true"),
        ("departments/od-b/children", "true"),
    ]


def test_level_by_level_all_the_way_down() -> None:
    departments = {"od-a": "0", "od-aa": "od-a", "od-aaa": "od-aa", "od-aaaa": "od-aaa"}
    asked = Company({f"ou_{id}": Person([id]) for id in departments}, departments, deepest=0)
    assert len(people(walked(asked, "od-a"))) == 4


def test_groups_bring_their_people_and_departments() -> None:
    asked = company(groups={"g1": ["ou_dan", "ou_ann", "od-a"], "dyn": ["ou_head"]})
    roster = walked(asked, groups=["g1", "dyn"])
    assert people(roster) == {"ou_head", "ou_ann", "ou_bob", "ou_cat", "ou_dan"}
    # Ann came with the department: only the others are asked about.
    [(_, params)] = [call for call in asked.asked if call[0] == "users/batch"]
    assert params["user_ids"] == ["ou_dan", "ou_head"]


def test_departments_of_a_group_are_walked_whole_also_for_direct_members() -> None:
    roster = walked(company(groups={"g1": ["od-a"]}), "od-b", groups=["g1"], direct=True)
    assert people(roster) == {"ou_ann", "ou_bob", "ou_cat", "ou_dan"}


def test_people_of_a_group_whom_the_app_may_not_see_are_told() -> None:
    roster = walked(company(groups={"g1": ["ou_dan", "ou_bob"]}, hidden={"ou_bob"}), groups=["g1"])
    assert (people(roster), listed(roster), roster.unseen()) == ({"ou_dan"}, ["ou_dan"], ("ou_bob",))


def test_without_the_narrow_scope_people_of_a_group_are_asked_about_one_by_one() -> None:
    asked = company(groups={"g1": ["ou_dan", "ou_bob"]}, hidden={"ou_bob"}, scopes=ALL_SCOPES - {NARROW})
    roster = walked(asked, groups=["g1"])
    assert (people(roster), roster.unseen()) == ({"ou_dan"}, ("ou_bob",))


def test_what_the_app_may_not_see_is_told_and_the_rest_is_walked() -> None:
    roster = walked(company(hidden={"od-b"}), "od-a", "od-b", "od-no", groups=["g-no"])
    assert people(roster) == {"ou_ann", "ou_bob", "ou_cat"}
    assert roster.unseen() == ("g-no", "od-b", "od-no")


def test_everyone_without_the_range_of_all_staff() -> None:
    assert walked(company(hidden={"0"}), everyone=True).unseen() == ("0",)
    roster = walked(company(hidden={"0", "od-b"}), everyone=True, partial=True)
    assert (people(roster), roster.unseen()) == ({"ou_ann", "ou_bob", "ou_cat"}, ("0",))


USER_ID = "contact:user.employee_id:readonly"


@pytest.mark.parametrize(("scopes", "is_known"), [(ALL_SCOPES, True), (ALL_SCOPES - {USER_ID}, False)])
def test_people_whom_the_range_names_one_by_one_may_be_withheld(scopes: frozenset[str], is_known: bool) -> None:
    asked = company(hidden={"0"}, scopes=scopes)
    asked.people["ou_eve"] = Person([])
    roster = walked(asked, everyone=True, partial=True)
    assert ("ou_eve" in people(roster), roster.lacks_range_people()) == (is_known, not is_known)
    assert walked(asked, "od-a").lacks_range_people() is False, "its range was not asked for"


def test_a_range_that_leaves_an_empty_list_out_names_nobody() -> None:
    """Where the scope is there, as an id of somebody shows, no list is an empty one."""

    class Terse(Company):
        def _range(self, params: Any) -> dict[str, Any]:
            told = super()._range(params)
            return {name: value for name, value in told.items() if value != []}

    terse = Terse(company().people, company().departments, hidden={"0"})
    assert walked(terse, everyone=True, partial=True).lacks_range_people() is False


@pytest.mark.parametrize("named", [("od-a", "od-b"), ("a",)])
def test_a_department_that_was_deleted_is_refused_before_anybody_is_walked(named: tuple[str, ...]) -> None:
    asked = company(deleted={"od-a"})
    with pytest.raises(BadInput, match=f"departments: {named[0]} was deleted in Feishu"):
        walked(asked, *named)
    assert asked.calls("users/find_by_department") == 0


def test_with_the_scope_for_walking_alone_departments_are_walked() -> None:
    """`contact:department.organize:readonly` opens the lists of people and departments alone."""

    class Narrow(Company):
        def _answer(self, path: Any, params: Any) -> dict[str, Any]:
            if path[0] == "departments" and path[-1] != "children":
                raise refusal(99991672)
            return super()._answer(path, params)

    asked = Narrow(company().people, company().departments)
    assert people(walked(asked, "od-a")) == {"ou_ann", "ou_bob", "ou_cat"}
    with pytest.raises(AskFailed):
        walked(asked, "a")


@pytest.mark.parametrize("call", ["departments/od-a/children", "users/find_by_department"])
def test_what_cannot_be_listed_level_by_level_either_is_an_error(call: str) -> None:
    class Refusing(Company):
        def _answer(self, path: Any, params: Any) -> dict[str, Any]:
            if "/".join(path) == call:
                raise refusal(43010)
            return super()._answer(path, params)

    with pytest.raises(TooDeep):
        walked(Refusing(company().people, company().departments), "od-a")


def test_pages_that_lead_to_themselves_are_an_error() -> None:
    class Circular(Company):
        def _paged(self, name: str, items: Any, params: Any) -> dict[str, Any]:
            return {name: [], "has_more": True, "page_token": "t0"}

    with pytest.raises(AskFailed, match="lacks what was asked for"):
        walked(Circular({}, {}), everyone=True)


def test_a_page_that_feishu_forgot_is_begun_again() -> None:
    staff = {f"ou_{n}": Person(["od-a"]) for n in range(7)}
    asked = Company(staff, {"od-a": "0"}, page=2, faults={4: refusal(40012)})
    roster = walked(asked, "od-a")
    assert listed(roster) == sorted(staff)


def test_pages_that_are_forgotten_again_and_again_are_an_error() -> None:
    asked = Company({}, {"od-a": "0"}, faults={n: refusal(40012) for n in range(1, 30)})
    with pytest.raises(StalePage, match="lost its place in a list again and again: try again"):
        walked(asked, "od-a")


def test_departments_have_names_wherever_they_come_from() -> None:
    asked = company(groups={"g1": ["ou_dan"]})
    roster = walked(asked, "od-a", groups=["g1"])
    names = dict(roster.database.execute("SELECT person, name FROM people LEFT JOIN departments ON id = department"))
    assert names == {"ou_ann": "D od-a", "ou_bob": "D od-a", "ou_cat": "D od-aa", "ou_dan": "D od-b"}
    assert "department" in roster.given()


def test_a_field_without_its_scope_was_not_given() -> None:
    assert walked(company(), "od-a").given() == {"name", "en_name", "email", "mobile", "employee_no", "department"}
    fewer = company(scopes=ALL_SCOPES - {"contact:user.email:readonly", "contact:department.base:readonly"})
    assert walked(fewer, "od-a").given() == {"name", "en_name", "mobile", "employee_no"}


# -- going on


class Killed(BaseException):
    """As a kill: nothing of the walk has a chance to tidy up."""


class Mortal(Company):
    """Kills whoever makes its n-th call."""

    def __init__(self, of: Company, dies_at: int) -> None:
        super().__init__(of.people, of.departments, of.groups, page=of.page, deepest=of.deepest)
        self._dies_at = dies_at

    def ask(self, *about: str, params: Any) -> Any:
        if len(self.asked) == self._dies_at:
            raise Killed
        return super().ask(*about, params=params)


def large(seed: int) -> Company:
    chance = random.Random(seed)
    departments = {f"od-{n}": "0" if n < 3 else f"od-{chance.randrange(n)}" for n in range(30)}
    staff = {f"ou_{n}": Person(chance.sample(sorted(departments), chance.choice([1, 1, 2]))) for n in range(200)}
    groups = {"g1": chance.sample(sorted(staff), 40), "g2": ["od-5", *chance.sample(sorted(staff), 5)]}
    return Company(staff, departments, groups, page=3, deepest=chance.choice([5, 1000]))


@pytest.mark.parametrize("seed", range(8))
def test_a_walk_that_was_killed_at_any_moment_goes_on(seed: int, tmp_path: Path) -> None:
    whole = large(seed)
    expected = walked(whole, "od-0", "od-1", groups=["g1", "g2"])
    chance, calls = random.Random(seed), 0
    path = tmp_path / "walk.sqlite3"
    for _ in range(1000):
        mortal = Mortal(whole, dies_at=chance.randrange(1, 40))
        roster = Roster.open(path)
        try:
            walked(mortal, "od-0", "od-1", groups=["g1", "g2"], roster=roster)
        except Killed:
            calls += len(mortal.asked)
            roster.database.close()
            continue
        break
    assert (people(roster), listed(roster)) == (people(expected), listed(expected))
    # Of a batch of four, three answers at most were lost with each kill.
    assert len(mortal.asked) < len(whole.asked)
    roster.close(keep=False)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_feishus_leaves_the_walk_to_be_continued(tmp_path: Path) -> None:
    asked = company(faults={n: refusal(99991672) for n in range(3, 30)})
    roster = Roster.open(tmp_path / "walk.sqlite3")
    with pytest.raises(AskFailed):
        walked(asked, "od-a", roster=roster)
    roster.close(keep=True)
    again = company()
    assert people(walked(again, "od-a", roster=Roster.open(tmp_path / "walk.sqlite3"))) == {
        "ou_ann",
        "ou_bob",
        "ou_cat",
    }
    assert again.calls("departments/od-a/children") == 0


def test_a_walk_given_up_long_ago_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "walk.sqlite3"
    roster = walked(company(), "od-a", roster=Roster.open(path))
    roster.close(keep=True)
    written = path.stat().st_mtime
    assert people(Roster.open(path, clock=lambda: written + FRESH_SECONDS - 5))
    assert not people(Roster.open(path, clock=lambda: written + FRESH_SECONDS + 60))


def test_two_that_walk_the_same_way_do_not_share_a_roster(tmp_path: Path) -> None:
    first = walked(company(), "od-a", roster=Roster.open(tmp_path / "walk.sqlite3"))
    second = Roster.open(tmp_path / "walk.sqlite3")
    assert people(first)
    assert not people(second)
    second.close(keep=False)
    assert (tmp_path / "walk.sqlite3").exists()


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "walk.sqlite3").write_bytes(b"not a database, by any means" * 1000)
    assert people(walked(company(), "od-a", roster=Roster.open(tmp_path / "walk.sqlite3")))


def test_its_file_is_private(tmp_path: Path) -> None:
    walked(company(), "od-a", roster=Roster.open(tmp_path / "walks/walk.sqlite3"))
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "walks").iterdir()} == {0o600}
    assert (tmp_path / "walks").stat().st_mode & 0o777 == 0o700


def test_a_place_that_cannot_be_had_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "walks").write_text("a file")
    assert people(walked(company(), "od-a", roster=Roster.open(tmp_path / "walks/walk.sqlite3")))
