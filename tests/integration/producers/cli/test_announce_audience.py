"""`deskbell announce` to departments, groups and everyone, over a real Valkey and the sandbox's contacts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from ledger.announcement import Spec
from ledger.ledger import Ledger
from ledger.settings import Settings
from producers.cli.command_line import run
from tests.integration.producers.cli.announcing_desk import Output, receivers
from tests.sandbox_company import company_running

NOBODY = {"frozen": 0, "resigned": 0, "not_joined": 0, "excluded": 0, "duplicate": 0}


class Office:
    """The command line before a company."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
        self._settings, self._monkeypatch, self._capsys = settings, monkeypatch, capsys

    @contextmanager
    def opened(self, *options: str) -> Iterator[None]:
        with company_running(self._settings, self._monkeypatch, *options) as self._url:
            yield

    def calls(self) -> int:
        """Of any API, that were made so far."""
        counted = requests.get(f"{self._url}/sandbox/stats", timeout=60).json()["calls"]
        return sum(sum(codes.values()) for codes in counted.values())

    def announce(self, *options: str, code: int = 0) -> str:
        """The id."""
        assert run(["announce", "--receive-type", "user", *options]) == code, self._capsys.readouterr().err
        self.said = self._capsys.readouterr()
        return self.said.out.split()[0] if self.said.out else ""

    def looks(self, *options: str, code: int = 0) -> Any:
        self.announce(*options, "--dry-run", "--json", code=code)
        return json.loads(self.said.out)

    def receivers(self, id: str) -> list[str]:
        return receivers(self.ledger, id)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self._settings)


@pytest.fixture
def office(empty_valkey: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> Office:
    return Office(empty_valkey, monkeypatch, capsys)


@pytest.fixture
def open_office(office: Office) -> Iterator[Office]:
    with office.opened():
        yield office


TEXT = ("--text", "Dear {{ name }}")


def test_a_department_gets_it_each_person_once(open_office: Office) -> None:
    told = open_office.looks("--department", "od-a", *TEXT)
    assert (told["accepted"], told["rows"]) == (2, 2)
    assert told["audience"] == {
        "found": 5,
        "left_out": {**NOBODY, "frozen": 1, "resigned": 1, "duplicate": 1},
        "not_visible": [],
        "status_known": True,
    }
    assert open_office.receivers(open_office.announce("--department", "od-a", *TEXT)) == ["ou_ann", "ou_bob"]


def test_everyone_less_those_who_left_or_have_not_joined(open_office: Office) -> None:
    told = open_office.looks("--everyone", *TEXT)
    left_out = told["audience"]["left_out"]
    assert left_out == {"frozen": 1, "resigned": 2, "not_joined": 2, "excluded": 0, "duplicate": 1}
    assert told["audience"]["found"] == told["accepted"] + sum(left_out.values())
    assert sorted(open_office.receivers(open_office.announce("--everyone", *TEXT))) == [
        "ou_ann",
        "ou_bob",
        "ou_hed",
        "ou_ian",
    ]


def test_groups_of_both_kinds(open_office: Office) -> None:
    id = open_office.announce("--group", "g-wardens", "--group", "g-clever", *TEXT)
    assert sorted(open_office.receivers(id)) == ["ou_ann", "ou_hed", "ou_ian"]


def test_direct_members_alone(open_office: Office) -> None:
    told = open_office.looks("--department", "a", "--direct", *TEXT)
    assert told["audience"] == {"found": 2, "left_out": NOBODY, "not_visible": [], "status_known": True}


def test_a_file_and_an_audience_less_exclusions(open_office: Office) -> None:
    """Ann is in the file by her mail, and in two departments; Ian is excluded by his mail, Bob by his number."""
    Path("guests.csv").write_text("email,name\nann@corp.example,Annie\nhed@corp.example,\n")
    Path("out.csv").write_text("email\nian@corp.example\nnobody@corp.example\n")
    Path("also.csv").write_text("mobile\n13800000001\n")
    options = ("guests.csv", "--everyone", "--exclude", "out.csv", "--exclude", "also.csv", *TEXT)
    told = open_office.looks(*options)
    assert told["accepted"] == 2
    left_out = {"frozen": 1, "resigned": 2, "not_joined": 2, "excluded": 2, "duplicate": 3}
    assert told["audience"]["left_out"] == left_out
    assert told["audience"]["found"] == 2 + sum(left_out.values())
    id = open_office.announce(*options)
    assert "1 exclusion matches nobody" in open_office.said.err
    rows = [found.row for found in open_office.ledger.announcements.rows(id)]
    # What the file says counts first; Hed's name, which it lacks, comes from the contacts.
    names = open_office.ledger.announcements.get(id).spec.columns
    assert [(row.receiver_id, dict(zip(names, row.values, strict=True))["name"]) for row in rows] == [
        ("ou_ann", "Annie"),
        ("ou_hed", "Hed"),
    ]


def test_exclusions_from_a_file_alone(open_office: Office) -> None:
    Path("all.csv").write_text("receiver_id\nou_ann\nou_bob\non_ian\n".replace("on_ian", "ou_ian"))
    Path("out.csv").write_text("union_id\non_ian\n")
    id = open_office.announce("all.csv", "--exclude", "out.csv", "--text", "Hello")
    assert open_office.receivers(id) == ["ou_ann", "ou_bob"]


def test_rows_keep_the_variables_that_the_message_uses_and_no_others(open_office: Office) -> None:
    id = open_office.announce(
        "--group", "g-wardens", "--text", "{{ name }} in {{ city | default('?') }}, {{ department }}"
    )
    announcement = open_office.ledger.announcements.get(id)
    assert announcement.spec.columns == ("name", "city", "department")
    rows = {found.row.receiver_id: found.row.values for found in open_office.ledger.announcements.rows(id)}
    assert rows == {"ou_ann": ("Ann", None, "Alpha two"), "ou_ian": ("Ian", "Shanghai", "Beta")}
    assert run(["export", id, "--format", "jsonl"]) == 0


def test_a_field_without_its_scope_is_one_error_that_names_the_scope(office: Office) -> None:
    with office.opened("--without-scope", "contact:user.email:readonly"):
        office.announce("--department", "od-a", "--text", "{{ email }}", code=2)
        assert office.said.err.count("\n") == 1
        assert "contact:user.email:readonly" in office.said.err
        # Where the message can do without, it is only remarked.
        office.announce("--department", "od-a", "--text", "Hello {{ email | default('you') }}")
        assert "contact:user.email:readonly" in office.said.err


def test_an_empty_field_is_a_row_without_a_value(open_office: Office) -> None:
    told = open_office.looks("--department", "od-a", "--text", "{{ email }}", code=2)
    assert [problem["column"] for problem in told["problems"]] == ["email"]
    assert "ou_bob" in told["problems"][0]["problem"]
    id = open_office.announce("--department", "od-a", "--text", "{{ email }}", "--skip-invalid")
    assert open_office.receivers(id) == ["ou_ann"]


def test_without_a_status_nobody_is_left_out_for_it(office: Office) -> None:
    with office.opened("--scopes", "contact:contact.base:readonly,contact:user.base:readonly"):
        told = office.looks("--department", "od-b", *TEXT)
        assert told["audience"] == {"found": 4, "left_out": NOBODY, "not_visible": [], "status_known": False}


def test_what_the_app_cannot_see_is_an_error_unless_partial(office: Office) -> None:
    with office.opened("--range", "od-a"):
        seen = ("--department", "od-a", "--department", "od-b", "--group", "g-clever", *TEXT)
        assert office.looks(*seen, code=2)["audience"]["not_visible"] == ["g-clever", "od-b"]
        office.announce(*seen, code=2)
        assert "od-b" in office.said.err
        assert list(office.ledger.announcements.newest()) == []
        assert office.looks(*seen, "--partial")["accepted"] == 2
        assert office.receivers(office.announce(*seen, "--partial")) == ["ou_ann", "ou_bob"]


def test_everyone_needs_the_range_of_all_staff(office: Office) -> None:
    with office.opened("--range", "od-a"):
        assert office.looks("--everyone", *TEXT, code=2)["audience"]["not_visible"] == ["0"]
        assert office.receivers(office.announce("--everyone", "--partial", *TEXT)) == ["ou_ann", "ou_bob"]


def test_a_range_that_is_too_small_for_everyone_is_told_as_the_whole_company(office: Office) -> None:
    """It was told as the root department, `0`, which nobody knows."""
    with office.opened("--range", "od-it"):
        office.announce("--everyone", *TEXT, code=2)
        assert "the app cannot see the whole company: widen" in office.said.err
        office.announce("--everyone", *TEXT, "--dry-run", code=2)
        assert "the app cannot see the whole company: nothing is sent" in office.said.out


def test_only_who_is_new_since_an_earlier_one(open_office: Office) -> None:
    first = open_office.announce("--department", "od-a", *TEXT)
    told = open_office.looks("--everyone", "--new-since", first, *TEXT)
    assert told["audience"]["left_out"]["excluded"] == 2
    assert sorted(open_office.receivers(open_office.announce("--everyone", "--new-since", first, *TEXT))) == [
        "ou_hed",
        "ou_ian",
    ]
    open_office.announce("--department", "od-a", "--new-since", first, *TEXT, code=2)
    assert "nobody is left" in open_office.said.err


@pytest.mark.parametrize("key", [(), ("--key", "move")])
def test_one_that_was_accepted_is_found_without_asking_feishu(open_office: Office, key: tuple[str, ...]) -> None:
    Path("out.csv").write_text("email\nann@corp.example\n")
    asked = ("--everyone", "--exclude", "out.csv", "--text", "Dear {{ name }}", *key)
    first = open_office.announce(*asked)
    calls = open_office.calls()
    assert open_office.announce(*asked, "--json").startswith("{")
    assert json.loads(open_office.said.out) == {"id": first, "total": 3, "duplicate": True}
    assert open_office.calls() == calls
    assert open_office.looks(*asked)["audience"]["found"] == 10, "a look is a look at the contacts as they are now"


def test_a_key_that_stands_for_another_audience_is_refused_without_asking_feishu(open_office: Office) -> None:
    asked = ("--everyone", "--text", "Dear {{ name }}", "--key", "move")
    first = open_office.announce(*asked)
    calls = open_office.calls()
    Path("out.csv").write_text("email\nann@corp.example\n")
    for other in (("--direct", "--department", "od-a"), ("--exclude", "out.csv")):
        open_office.announce(*asked, *other, code=2)
        assert f"'move' was already used for {first} with other content" in open_office.said.err
    assert open_office.calls() == calls


def test_announcing_the_same_again_is_one_announcement(open_office: Office) -> None:
    first = open_office.announce("--department", "od-a", "--department", "od-b", *TEXT)
    assert open_office.announce("--department", "od-b", "--department", "od-a", *TEXT) == first
    assert open_office.announce("--department", "od-b", *TEXT) != first


def test_the_dry_run_is_readable_on_eighty_columns(open_office: Office) -> None:
    open_office.announce("--everyone", *TEXT, "--dry-run")
    lines = open_office.said.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if "paused by an administrator" in line and "ou_cat (Cat)" in line]
    assert "ou_hed  name: Hed" in lines


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (("--direct",), "direct"),
        (("--partial",), "partial"),
        (("--department", "a b"), "departments"),
        (("--everyone", "--user-id-type", "union_id"), "user_id_type"),
        (("--everyone", "--new-since", "n_1"), "new_since"),
        ((), "recipients"),
    ],
)
def test_what_makes_no_audience_is_refused(open_office: Office, options: tuple[str, ...], field: str) -> None:
    open_office.announce(*options, *TEXT, code=2)
    assert field in open_office.said.err


def test_an_unknown_earlier_announcement(open_office: Office) -> None:
    open_office.announce("--everyone", "--new-since", "a_01kb3v8tj9qz01kb3v8tj9qz00", *TEXT, code=5)


def test_a_mistyped_variable_is_told_before_anybody_walks(open_office: Office) -> None:
    open_office.announce("--everyone", "--text", "{{ nmae }}", code=2)
    assert 'did you mean "name"' in open_office.said.err


def test_nothing_is_left_of_a_walk(open_office: Office, empty_valkey: Settings) -> None:
    kept = empty_valkey.data_dir / "walks"
    before = set(kept.glob("*"))
    open_office.announce("--everyone", *TEXT)
    assert set(kept.glob("*")) == before


def test_a_waiting_row_costs_little_besides_its_values(open_office: Office) -> None:
    """With ids as long as Feishu's: `ou_` and 32 digits."""
    ledger = open_office.ledger
    spec = Spec(name="x", message={"msg_type": "text", "content": {"text": "{{ name }}"}}, columns=("name",))
    count, name = 20_000, "Ada Lovelace"
    before = ledger.redis.info("memory")["used_memory"]
    id, _ = ledger.announcements.open(spec, key="k", digest="k")
    ledger.announcements.load(id, (orjson.dumps([n, f"ou_{n:032x}", [name]]) for n in range(1, count + 1)))
    ledger.announcements.start(id, spec, count)
    used = ledger.redis.info("memory")["used_memory"] - before
    assert used / count - len(name) <= 140
