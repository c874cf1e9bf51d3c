"""The contact API of the sandbox, over a real socket: answers, ranges, scopes, pages, limits and errors."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

import sandbox
from sandbox.contacts.refusals import BY_CODE

CONTACT = "/open-apis/contact/v3/"
FAST = ("--contact-rate", "unlimited", "--special-rate", "unlimited")
COMPANY = """
[[department]]
id = "shanghai"
name = "上海"
en_name = "Shanghai"
leader = "lina"

[[department]]
id = "sales"
name = "销售"
parent = "shanghai"

[[department]]
id = "beijing"
name = "北京"

[[person]]
id = "lina"
name = "李娜"
email = "li.na@acme.example"
enterprise_email = "li.na@mail.acme.example"
mobile = "+86 139 0000 0001"
employee_no = "A1"
departments = ["shanghai", "sales"]

[[person]]
id = "wei"
name = "王伟"
email = "wei@acme.example"
departments = ["sales"]
status = "resigned"

[[person]]
id = "jie"
email = "jie@acme.example"
departments = ["beijing"]
status = "frozen"

[[person]]
id = "boss"

[[group]]
id = "g-wardens"
name = "Wardens"
people = ["lina"]
departments = ["beijing"]

[[group]]
id = "g-all"
kind = "dynamic"
people = ["lina", "jie"]
"""


class Caller:
    def __init__(self, base_url: str, session: requests.Session) -> None:
        self.base_url, self.session = base_url, session
        credentials = {"app_id": "cli_sandbox", "app_secret": "sandbox-secret"}
        token = self.post("/open-apis/auth/v3/tenant_access_token/internal", credentials)["tenant_access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def post(self, path: str, document: Any) -> Any:
        return self.session.post(self.base_url + path, json=document, timeout=120).json()

    def ask(self, path: str, **query: Any) -> requests.Response:
        return self.session.get(self.base_url + CONTACT + path, params=query, timeout=120)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.ask(path, **query).json()
        assert answer["code"] == 0, answer
        data: dict[str, Any] = answer["data"]
        return data

    def refused(self, path: str, **query: Any) -> tuple[int, int]:
        answer = self.ask(path, **query)
        return answer.status_code, answer.json()["code"]

    def find(self, *emails: str, mobiles: tuple[str, ...] = (), with_resigned: bool = False) -> list[dict[str, Any]]:
        document = {"emails": emails, "mobiles": mobiles, "include_resigned": with_resigned}
        return list(self.post(f"{CONTACT}users/batch_get_id", document)["data"]["user_list"])

    def walk(self, path: str, name: str = "items", **query: Any) -> list[Any]:
        rows, token = [], {}
        while True:
            page = self.get(path, **query, **token)
            rows += page[name]
            assert ("page_token" in page) == page["has_more"]
            if not page["has_more"]:
                return rows
            token = {"page_token": page["page_token"]}


@contextmanager
def calling(*arguments: str, **more: Any) -> Iterator[Caller]:
    with sandbox.running(*arguments, **more) as base_url, requests.Session() as session:
        yield Caller(base_url, session)


@pytest.fixture(scope="module")
def company_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("company") / "company.toml"
    path.write_text(COMPANY)
    return str(path)


@pytest.fixture
def company(company_file: str) -> Iterator[Caller]:
    with calling(*FAST, "--directory", company_file) as caller:
        yield caller


@pytest.fixture(scope="module")
def crowd() -> Iterator[Caller]:
    with calling(*FAST, "--people", "3000", "--departments", "60") as caller:
        yield caller


def test_addresses_are_found_singly_and_four_reasons_look_alike(company: Caller) -> None:
    found = company.find(
        "li.na@acme.example",
        "nobody@acme.example",
        "wei@acme.example",
        "li.na@mail.acme.example",
        mobiles=("13900000001",),
    )
    assert [entry.get("user_id") for entry in found] == ["ou_lina", None, None, None, "ou_lina"]
    assert found[1] == {"email": "nobody@acme.example"}
    assert found[0]["status"] == {
        "is_frozen": False,
        "is_resigned": False,
        "is_activated": True,
        "is_exited": False,
        "is_unjoin": False,
    }


def test_the_second_question_tells_who_resigned(company: Caller) -> None:
    (entry,) = company.find("wei@acme.example", with_resigned=True)
    assert (entry["user_id"], entry["status"]["is_resigned"]) == ("ou_wei", True)


def test_a_department_has_its_direct_members_and_somebody_in_two_comes_twice(company: Caller) -> None:
    in_shanghai = company.walk("users/find_by_department", department_id="od-shanghai")
    in_sales = company.walk("users/find_by_department", department_id="sales", department_id_type="department_id")
    assert [user["open_id"] for user in in_shanghai] == ["ou_lina"]
    assert [user["open_id"] for user in in_sales] == ["ou_lina", "ou_wei"]
    assert in_sales[0]["department_ids"] == ["shanghai", "sales"]
    assert "department_path" not in in_sales[0]
    root = company.walk("users/find_by_department", department_id="0")
    assert [user["open_id"] for user in root] == ["ou_boss"]


def test_children_are_one_level_or_with_fetch_child_all(company: Caller) -> None:
    tops = company.walk("departments/0/children")
    assert [top["open_department_id"] for top in tops] == ["od-shanghai", "od-beijing"]
    everything = company.walk("departments/0/children", fetch_child="true")
    assert [one["department_id"] for one in everything] == ["shanghai", "sales", "beijing"]
    assert everything[0] == {
        "open_department_id": "od-shanghai",
        "department_id": "shanghai",
        "name": "上海",
        "i18n_name": {"zh_cn": "", "en_us": "Shanghai", "ja_jp": ""},
        "parent_department_id": "0",
        "leader_user_id": "ou_lina",
        "member_count": 2,  # lina is in two of its departments and counts once
        "status": {"is_deleted": False},
    }
    assert company.walk("departments/od-shanghai/children")[0]["parent_department_id"] == "od-shanghai"


def test_batches_leave_out_what_they_do_not_know(company: Caller) -> None:
    users = company.get("users/batch", user_ids=["ou_lina", "ou_unknown", "ou_boss"])["items"]
    assert [user["open_id"] for user in users] == ["ou_lina", "ou_boss"]
    departments = company.get("departments/batch", department_ids=["od-sales", "od-none"])["items"]
    assert [department["name"] for department in departments] == ["销售"]
    assert company.refused("users/batch", user_ids=["ou_x"] * 51) == (400, 99992402)
    assert company.refused("departments/od-none") == (400, 40015)
    assert company.get("departments/od-sales")["department"]["name"] == "销售"


def test_groups_are_listed_by_type_and_their_members_by_kind(company: Caller) -> None:
    assert [group["id"] for group in company.walk("group/simplelist", "grouplist")] == ["g-wardens"]
    assert [group["id"] for group in company.walk("group/simplelist", "grouplist", type=2)] == ["g-all"]
    group = company.get("group/g-wardens")["group"]
    assert (group["member_user_count"], group["member_department_count"], group["type"]) == (1, 1, 1)
    members = "group/g-wardens/member/simplelist"
    assert company.walk(members, "memberlist") == [{"member_id": "ou_lina", "member_type": "user"}]
    assert company.walk(members, "memberlist", member_type="department") == [
        {"member_id": "od-beijing", "member_type": "department"}
    ]
    own = company.walk(members, "memberlist", member_type="department", member_id_type="department_id")
    assert own[0]["member_id"] == "beijing"
    assert company.walk("group/g-all/member/simplelist", "memberlist", member_type="department") == []
    assert company.walk("group/member_belong", "group_list", member_id="ou_lina") == ["g-wardens", "g-all"]
    assert company.walk("group/member_belong", "group_list", member_id="ou_lina", group_type=2) == ["g-all"]


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("group/og-g-wardens", {}, (400, 42002)),  # `group_id` is not what the calls take
        ("group/g-wardens/member/simplelist", {"member_type": "robot"}, (400, 41074)),
        ("group/g-wardens/member/simplelist", {"member_id_type": "name"}, (400, 41071)),
        ("group/g-wardens/member/simplelist", {"member_id_type": "department_id"}, (400, 41072)),
        ("group/member_belong", {"member_id": "u_lina"}, (400, 41073)),
        ("group/simplelist", {"page_size": "101"}, (400, 40011)),
        ("departments/0/children", {"page_size": "51"}, (400, 40011)),
        ("departments/0/children", {"page_token": "abc"}, (400, 40012)),
        ("users/u_lina", {}, (400, 41012)),
    ],
)
def test_a_wrong_question_is_told_by_its_code(
    company: Caller, path: str, query: dict[str, str], expected: tuple[int, int]
) -> None:
    assert company.refused(path, **query) == expected


def test_what_is_out_of_range_is_refused_or_missing(company_file: str) -> None:
    with calling(*FAST, "--directory", company_file, "--range", "od-shanghai,g-all") as caller:
        assert caller.refused("departments/0/children") == (403, 40004)
        assert caller.refused("users/find_by_department", department_id="od-beijing") == (403, 40004)
        assert caller.refused("users/ou_boss") == (400, 41050)
        assert caller.refused("group/g-wardens") == (403, 42009)
        assert caller.refused("group/member_belong", member_id="ou_boss") == (403, 41050)
        assert caller.get("users/batch", user_ids=["ou_boss", "ou_lina"])["items"][0]["open_id"] == "ou_lina"
        assert caller.get("departments/batch", department_ids=["od-beijing"])["items"] == []
        assert [entry.get("user_id") for entry in caller.find("boss@else.example", "jie@acme.example")] == [
            None,
            "ou_jie",  # as a member of the group
        ]
        assert caller.get("scopes") == {
            "has_more": False,
            "user_ids": [],
            "department_ids": ["od-shanghai"],
            "group_ids": ["g-all"],
        }
        assert caller.walk("departments/od-shanghai/children")[0]["name"] == "销售"


def test_a_group_in_range_brings_the_people_of_its_departments(company_file: str) -> None:
    with calling(*FAST, "--directory", company_file, "--range", "g-wardens") as caller:
        found = caller.find("li.na@acme.example", "jie@acme.example", "boss@else.example")
        assert [entry.get("user_id") for entry in found] == ["ou_lina", "ou_jie", None]


def test_everybody_in_range_is_told_by_the_first_level(company: Caller) -> None:
    first = company.get("scopes", page_size=2)
    assert (first["user_ids"], first["department_ids"], first["group_ids"]) == (["ou_boss"], ["od-shanghai"], [])
    second = company.get("scopes", page_size=2, page_token=first["page_token"])
    assert (second["department_ids"], second["group_ids"]) == (["od-beijing"], ["g-wardens"])
    assert second["has_more"] is True


def test_a_field_without_its_scope_is_absent(company_file: str) -> None:
    withheld = ("contact:user.email:readonly", "contact:user.employee:readonly", "contact:department.base:readonly")
    old = ["contact:contact:readonly_as_app", "contact:contact:readonly", "contact:contact:access_as_app"]
    without = [word for scope in (*withheld, *old) for word in ("--without-scope", scope)]
    with calling(*FAST, "--directory", company_file, *without) as caller:
        user = caller.get("users/ou_lina")["user"]
        assert user.keys().isdisjoint({"email", "status", "enterprise_email", "job_title", "city"})
        assert (user["name"], user["employee_no"]) == ("李娜", "A1")
        assert caller.find("li.na@acme.example") == [{"email": "li.na@acme.example", "user_id": "ou_lina"}]
        (first, *_) = caller.walk("departments/0/children")
        assert first.keys().isdisjoint({"name", "department_id", "i18n_name"})


def test_an_old_wide_scope_opens_no_batch(company_file: str) -> None:
    scope = "contact:contact:readonly_as_app"
    with calling(*FAST, "--directory", company_file, "--scopes", scope) as caller:
        assert "email" not in caller.get("users/ou_lina")["user"]
        answer = caller.ask("users/batch", user_ids=["ou_lina"])
        assert (answer.status_code, answer.json()["code"]) == (400, 99991672)
        violations = answer.json()["error"]["permission_violations"]
        assert violations == [{"type": "action_scope_required", "subject": "contact:contact.base:readonly"}]


def test_a_page_token_is_good_for_its_question_and_for_a_while() -> None:
    now = [1_700_000_000.0]
    arguments = (*FAST, "--people", "200", "--departments", "30", "--page-tokens-live-seconds", "60")
    with calling(*arguments, clock=lambda: now[0]) as caller:
        token = caller.get("departments/0/children", fetch_child="true", page_size=10)["page_token"]
        again = {"fetch_child": "true", "page_token": token}
        assert caller.get("departments/0/children", **again, page_size=20)["has_more"] is False
        assert caller.refused("departments/0/children", page_token=token) == (400, 40012)
        now[0] += 61
        assert caller.refused("departments/0/children", **again) == (400, 40012)


def test_a_department_above_the_limit_is_walked_level_by_level() -> None:
    with calling(*FAST, "--people", "200", "--departments", "30", "--recursion-limit", "20") as caller:
        assert caller.refused("departments/0/children", fetch_child="true") == (400, 43010)
        assert len(caller.walk("departments/0/children", page_size=50)) == 8
        assert len(caller.walk("departments/od-d00001/children", fetch_child="true")) == 8


def test_each_kind_of_call_has_its_limit() -> None:
    now = [1_700_000_000.0]
    with calling(
        "--people", "10", "--contact-rate", "2/second", "--special-rate", "1/second", clock=lambda: now[0]
    ) as c:
        assert [c.ask("scopes").status_code for _ in range(3)] == [200, 200, 429]
        refused = c.ask("scopes")
        assert (refused.json()["code"], refused.headers["x-ogw-ratelimit-reset"]) == (99991400, "1")
        assert [c.ask("departments/od-d00001").status_code for _ in range(2)] == [200, 429]
        assert c.ask("group/simplelist").status_code == 200
        now[0] += 1
        assert c.ask("scopes").status_code == 200


def test_a_generated_tenant_is_whole_and_the_same_every_time(crowd: Caller) -> None:
    departments = crowd.walk("departments/0/children", fetch_child="true", page_size=50)
    assert len({department["open_department_id"] for department in departments}) == 60
    seen: Counter[str] = Counter()
    for department_id in ("0", *(department["open_department_id"] for department in departments)):
        users = crowd.walk("users/find_by_department", department_id=department_id, page_size=50)
        seen.update(user["open_id"] for user in users)
    assert len(seen) == 3000
    assert sum(1 for count in seen.values() if count == 2) == sum(seen.values()) - 3000 > 100
    assert crowd.get("departments/0")["department"]["member_count"] == 3000
    assert crowd.find("p000007@corp.example", "p003000@corp.example")[1] == {"email": "p003000@corp.example"}
    assert crowd.find(mobiles=("+8613800000007",))[0]["user_id"] == "ou_p000007"


def test_the_statuses_of_a_generated_tenant_have_known_shares(crowd: Caller) -> None:
    statuses = Counter(
        tuple(sorted(flag for flag, is_set in user["status"].items() if is_set))
        for page in range(60)
        for user in crowd.get("users/batch", user_ids=[f"ou_p{page * 50 + n:06d}" for n in range(50)])["items"]
    )
    assert statuses == {
        ("is_activated",): 2775,
        ("is_activated", "is_frozen"): 30,
        ("is_activated", "is_resigned"): 60,
        ("is_activated", "is_exited"): 15,
        ("is_unjoin",): 30,
        (): 90,
    }


@pytest.mark.parametrize("code", [*BY_CODE, 99991400])
def test_every_documented_error_can_be_ordered(crowd: Caller, code: int) -> None:
    order = {"match": {"path": "department_children", "id": "od-d00002"}, "times": 1, "do": {"code": code}}
    crowd.post("/sandbox/faults", order)
    assert crowd.ask("departments/od-d00001/children").status_code == 200
    answer = crowd.ask("departments/od-d00002/children")
    assert (answer.json()["code"], answer.status_code >= 400) == (code, True)
    assert crowd.ask("departments/od-d00002/children").status_code == 200


def test_a_fault_may_stand_from_the_start() -> None:
    with calling("--fault", '{"match": {"path": "scopes"}, "do": {"code": 42008}}') as caller:
        assert caller.refused("scopes") == (401, 42008)


def test_a_person_changes_on_order(company: Caller) -> None:
    company.post("/sandbox/people/ou_lina", {"status": "resigned"})
    assert company.find("li.na@acme.example") == [{"email": "li.na@acme.example"}]
    company.post("/sandbox/people/ou_jie", {"email": "jie.new@acme.example"})
    found = company.find("jie@acme.example", "jie.new@acme.example")
    assert [entry.get("user_id") for entry in found] == [None, "ou_jie"]
    assert "error" in company.post("/sandbox/people/ou_jie", {"status": "asleep"})
    assert "error" in company.post("/sandbox/people/ou_unknown", {})


def test_what_the_app_may_see_changes_on_order(company: Caller) -> None:
    company.post("/sandbox/contacts", {"range": "od-beijing", "without_scopes": ["contact:user.email:readonly"]})
    assert company.refused("users/ou_lina") == (400, 41050)
    assert "email" not in company.get("users/ou_jie")["user"]


def test_nobody_exists_beside_those_of_a_file_that_lists_all(tmp_path: Path) -> None:
    path = tmp_path / "company.json"
    path.write_text('{"only_listed": true, "person": [{"id": "ann", "email": "ann@x.example"}]}')
    with calling("--directory", str(path)) as caller:
        assert caller.find("ann@x.example", "bob@y.example")[1] == {"email": "bob@y.example"}
        assert caller.refused("users/ou_bob") == (400, 99992351)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[person]]\nid = "a"\ndepartments = ["x"]', "person a: department 'x' is not in the file"),
        ('[[department]]\nid = "a"\nparent = "a"', "department a: it is its own parent"),
        ('[[person]]\nid = "a"\n[[person]]\nid = "a"', "person a: the id is used twice"),
        ('[[person]]\nid = "a"\nstatus = "ill"', "person a: status must be one of"),
        ('[[person]]\nid = "a"\nage = 3', "person: 'age' is not known"),
        ('[[group]]\nid = "g"\nkind = "dynamic"\ndepartments = ["x"]', "a dynamic one has no departments"),
        ("person = 3", "person must be a list"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    path = tmp_path / "company.toml"
    path.write_text(text)
    with pytest.raises(SystemExit):
        sandbox.main(["--directory", str(path)])
    assert said in capsys.readouterr().err


def test_a_demo_has_a_small_company() -> None:
    with calling("--demo") as caller:
        assert len(caller.walk("departments/0/children", fetch_child="true")) > 8
        assert caller.find("li.na@acme.example")[0]["user_id"] == "ou_li.na"
        assert caller.find("anybody@else.example")[0]["user_id"] == "ou_anybody"
