"""What the check of an announcement finds, and which rows the ledger gets."""

import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feishu.contact import Unresolved
from ledger.addresses import Contact
from ledger.delivery_options import ReceiveType, UserIdType
from ledger.errors import BadInput
from ledger.messages.content import Message
from ledger.notification import Notification
from producers.announcements.addressing import Address, Addressing, Options
from producers.announcements.check import Resolver, accepted_rows, check
from producers.announcements.invalid_rows import write_invalid
from producers.announcements.recipients import Recipients, Row
from tests.all_of import all_of

__all__: list[str] = []

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
TEXT = {"msg_type": "text", "content": {"text": "Dear {{ name }}"}}


class Run:
    """One file checked, and loaded."""

    def __init__(
        self,
        content: str | bytes,
        message: Mapping[str, Any] = TEXT,
        resolver: Resolver | None = None,
        **options: Any,
    ) -> None:
        data = content.encode() if isinstance(content, str) else content
        chosen = Options(now=NOW, **options)
        with (
            Recipients.open("-", io.BytesIO(data)) as recipients,
            check(recipients, message, chosen, resolver=resolver) as self.checked,
        ):
            self.accepted = [json.loads(row) for row in accepted_rows(recipients, self.checked)]

    @property
    def problems(self) -> list[str]:
        return [str(problem) for problem in self.checked.problems]


def csv_of(*rows: str, header: str = "receiver_id,name") -> str:
    return "\n".join([header, *rows])


# --- rows that are right ---------------------------------------------------------------------------------------------


def test_the_ledger_gets_line_receiver_and_the_values_of_all_other_columns_in_the_order_of_the_file() -> None:
    run = Run(csv_of("1,ou_1,Ann,x", '2,ou_2,"B\nob",y', "3,ou_3,Cy,", header="no,receiver_id,name,unused"))
    assert run.accepted == [
        [2, "ou_1", ["1", "Ann", "x"]],
        [3, "ou_2", ["2", "B\nob", "y"]],
        [5, "ou_3", ["3", "Cy", None]],
    ]
    assert run.checked.columns == ("no", "name", "unused")
    assert (run.checked.rows, run.checked.accepted, run.checked.invalid) == (3, 3, 0)
    run.checked.refuse_invalid()


def test_choices_of_a_row_are_kept_where_they_differ_from_the_options() -> None:
    header = "receiver_id,name,receive_type,user_id_type,send_at"
    run = Run(
        csv_of("ou_1,A,chat,,", "x2,B, user ,user_id,1h", "ou_3,C,,open_id,2026-11-30T09:00+08:00", header=header)
    )
    day_ms = 86_400_000
    assert run.accepted == [
        [2, "ou_1", ["A"]],
        [3, "x2", ["B"], {"receive_type": "user", "user_id_type": "user_id", "send_at_ms": 1795341600000}],
        [4, "ou_3", ["C"], {"send_at_ms": 1795341600000 - 9 * 3_600_000 + 8 * day_ms}],
    ]


def test_a_jsonl_row_without_a_column_has_null_and_is_undefined_for_the_template() -> None:
    message = {"msg_type": "text", "content": {"text": "Dear {{ name|default('colleague') }}"}}
    run = Run('{"receiver_id": "ou_a", "name": "Ann"}\n{"receiver_id": "ou_b", "room": 7}', message)
    assert run.accepted == [[1, "ou_a", ["Ann", None]], [2, "ou_b", [None, "7"]]]
    assert [sample.message.content["text"] for sample in run.checked.samples] == ["Dear Ann", "Dear colleague"]


def test_a_column_that_the_template_does_not_use_may_hold_anything() -> None:
    assert Run(csv_of("ou_1,Ann,{{ 7 * 7 }}", header="receiver_id,name,class")).accepted == [
        [2, "ou_1", ["Ann", "{{ 7 * 7 }}"]]
    ]


def test_samples_are_the_first_row_the_longest_and_the_last() -> None:
    checked = Run(csv_of("ou_a,A", "ou_b,Bobby", "ou_c,Cy", "ou_d,Di", ",Emilia-Alexandra")).checked
    assert [(sample.line, sample.message) for sample in checked.samples] == [
        (2, Message.text("Dear A")),
        (3, Message.text("Dear Bobby")),
        (5, Message.text("Dear Di")),
    ]


# --- rows that are wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (",Ann,,,", 'line 2, column "receiver_id": is empty'),
        ("张三,Ann,,,", 'line 2, column "receiver_id": must be 1 to 128 visible ASCII characters'),
        ("a b,Ann,,,", 'line 2, column "receiver_id": must be 1 to 128 visible ASCII characters'),
        (f"{'x' * 129},Ann,,,", 'line 2, column "receiver_id": must be 1 to 128'),
        ("on_1,Ann,,,", 'line 2, column "receiver_id": begins with on_, so it cannot be open_id'),
        ("ou_1,Ann,,union_id,", 'line 2, column "receiver_id": begins with ou_, so it cannot be union_id'),
        ("ou_1,Ann,fax,,", 'line 2, column "receive_type": must be one of chat, user, or empty for chat'),
        (
            "ou_1,Ann,,id,",
            'line 2, column "user_id_type": must be one of open_id, union_id, user_id, or empty for open_id',
        ),
        ("ou_1,Ann,,,soon", 'line 2, column "send_at": is not a valid time: use 2026-11-30T09:00+08:00'),
        ("ou_1,Ann,,,99999999999d", 'line 2, column "send_at": is not a valid time'),
        ("ou_1,Ann,,", "line 2: has 4 cells, but the header names 5"),
        (
            f"ou_1,{'x' * 32_768},,,",
            'line 2, column "name": has 32,768 characters; at most 32,767 are allowed: shorten it',
        ),
        (f"ou_1,{'x' * 32_767},,,", "line 2: message.content.text: renders to more than 153,600 characters"),
    ],
)
def test_a_wrong_row_is_named_by_line_and_column(row: str, problem: str) -> None:
    message = {"msg_type": "text", "content": {"text": "{{ name }}" * 5}}
    run = Run(csv_of(row, header="receiver_id,name,receive_type,user_id_type,send_at"), message)
    assert run.problems[0].startswith(problem)
    assert (run.checked.accepted, run.checked.invalid, run.accepted) == (0, 1, [])
    with pytest.raises(BadInput, match=r"^line 2"):
        run.checked.refuse_invalid()


def test_a_variable_that_a_row_lacks_is_named_with_its_line() -> None:
    run = Run('{"receiver_id": "ou_a", "name": "Ann"}\n{"receiver_id": "ou_b"}\n{"receiver_id": "ou_c", "name": null}')
    problem = 'column "name": has no value, but the message needs one'
    assert run.problems == [f"line 2, {problem}", f"line 3, {problem}"]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("nmae", 'there is no column "nmae"; did you mean "name"?'),
        ("x1", 'there is no column "x1": there are "name"'),
        ("receive_type", 'the column "receive_type" says how a row is sent, so it is not a variable'),
    ],
)
def test_a_variable_that_is_no_column_is_refused_at_once(written: str, problem: str) -> None:
    message = {"msg_type": "text", "content": {"text": f"Dear {{{{ {written} }}}}"}}
    with pytest.raises(BadInput) as refused:
        Run(csv_of("ou_1,Ann,chat", header="receiver_id,name,receive_type"), message)
    assert str(refused.value) == f"message.content.text: {problem}"


def test_a_card_over_30_kb_is_found_in_row_7341_alone() -> None:
    card = {"msg_type": "interactive", "content": {"elements": [{"tag": "markdown", "content": "{{ name }}"}]}}
    rows = [f"ou_{line},{'汉' * 11_000 if line == 7341 else 'Ann'}" for line in range(2, 8001)]
    run = Run(csv_of(*rows), card)
    assert len(run.problems) == 1
    assert run.problems[0].startswith("line 7341: message.content: serialises to 33,0")
    assert run.checked.accepted == 7998


def test_a_row_may_have_several_problems_and_all_are_counted_beyond_a_thousand() -> None:
    link = {"msg_type": "post", "content": {"zh_cn": {"content": [[{"tag": "a", "text": "x", "href": "{{ name }}"}]]}}}
    checked = Run(csv_of(*[",nowhere"] * 1500), link).checked
    assert (checked.invalid, checked.problem_count, len(checked.problems)) == (1500, 3000, 1000)
    assert str(checked.problems[1]).startswith("line 2: message.content.post.zh_cn.content[0][0].href: must be a link")
    with pytest.raises(BadInput, match=r'line 2, column "receiver_id": is empty \(and 2,999 more problems\)'):
        checked.refuse_invalid()


def test_the_invalid_rows_are_written_with_their_problems_and_can_be_mended(tmp_path: Path) -> None:
    content = csv_of("ou_1;Ann", ";Bob", 'ou_3;"C;y";z', "ou_4;Di", header="receiver_id;name")
    with (
        Recipients.open("-", io.BytesIO(content.encode())) as recipients,
        check(recipients, TEXT) as checked,
    ):
        assert write_invalid(tmp_path / "invalid.csv", recipients, checked) == 2
    written = (tmp_path / "invalid.csv").read_text("utf-8-sig").splitlines()
    assert written == [
        "problem;receiver_id;name",
        '"line 3, column ""receiver_id"": is empty";;Bob',
        'line 4: has 3 cells, but the header names 2;ou_3;"C;y";z',
    ]
    mended = "\n".join([written[0], written[1].replace(";;", ";ou_2;")])
    assert [row[1] for row in Run(mended).accepted] == ["ou_2"]
    assert [row[1] for row in Run(content).accepted] == ["ou_1", "ou_4"]


# --- duplicates ------------------------------------------------------------------------------------------------------


def test_duplicates_are_dropped_and_told_with_the_first_line() -> None:
    run = Run(csv_of("ou_1,A", "ou_2,B", "ou_1 ,C", "ou_1,D", "ou_2,E"))
    assert run.checked.duplicates == ((4, 2), (5, 2), (6, 3))
    assert (run.checked.accepted, run.checked.duplicate_count) == (2, 3)
    assert [row[0] for row in run.accepted] == [2, 3]


def test_duplicates_are_kept_when_they_are_allowed_and_told_still() -> None:
    run = Run(csv_of("ou_1,A", "ou_1,B"), allow_duplicates=True)
    assert [row[0] for row in run.accepted] == [2, 3]
    assert run.checked.duplicates == ((3, 2),)


def test_an_invalid_row_makes_no_later_one_a_duplicate() -> None:
    run = Run('{"receiver_id": "ou_a"}\n{"receiver_id": "ou_a", "name": "Ann"}')
    assert run.checked.duplicate_count == 0
    assert [row[0] for row in run.accepted] == [2]


# --- the hash of the content -----------------------------------------------------------------------------------------


def test_the_same_content_for_the_same_people_has_the_same_hash_whatever_the_file() -> None:
    one = Run(csv_of("ou_1,Ann", "ou_2,Bob")).checked
    other = Run('{"name": "Bob", "receiver_id": "ou_2", "x": 1}\n\n{"receiver_id": "ou_1", "name": "Ann"}').checked
    doubled = Run(csv_of("ou_1,Ann", "ou_2,Bob", "ou_1,Ann")).checked
    assert one.content_hash == other.content_hash == doubled.content_hash
    assert one.sha256 != other.sha256


@pytest.mark.parametrize("rows", [["ou_1,Ann"], ["ou_1,Ann", "ou_3,Bob"], ["ou_1,Bob", "ou_2,Ann"]])
def test_another_person_or_text_has_another_hash(rows: list[str]) -> None:
    assert Run(csv_of(*rows)).checked.content_hash != Run(csv_of("ou_1,Ann", "ou_2,Bob")).checked.content_hash


def test_duplicates_that_are_allowed_count_in_the_hash() -> None:
    rows = csv_of("ou_1,Ann", "ou_1,Ann")
    assert Run(rows).checked.content_hash != Run(rows, allow_duplicates=True).checked.content_hash


# --- emails and mobiles ----------------------------------------------------------------------------------------------


class Directory:
    """Answers as the one that asks Feishu does, and notes what it was asked."""

    def __init__(self) -> None:
        self.calls: list[Sequence[Contact]] = []

    def __call__(self, contacts: Sequence[Contact]) -> dict[Contact, str | Unresolved]:
        self.calls.append(contacts)
        answers: dict[Contact, str | Unresolved] = {each: f"ou_{each.value.partition('@')[0]}" for each in contacts}
        answers.pop(Contact("email", "nobody@x.y"), None)
        if (gone := Contact("email", "gone@x.y")) in answers:
            answers[gone] = Unresolved("belongs to somebody who has resigned")
        return answers


def test_contacts_are_resolved_for_fifty_rows_at_a_time() -> None:
    directory = Directory()
    rows = [f"p{n}@x.y,Ann" for n in range(120)]
    run = Run(csv_of(*rows, header="email,name"), resolver=directory)
    assert [len(call) for call in directory.calls] == [50, 50, 20]
    assert run.accepted[119] == [121, "ou_p119", ["p119@x.y", "Ann"]]
    assert len(directory.calls) == 3, "the second pass asks nobody"


def test_people_who_are_not_found_are_problems_of_their_rows() -> None:
    rows = [
        "ou_1,ignored@x.y,,A",
        ",nobody@x.y,,B",
        ",gone@x.y,,C",
        ",no email,,D",
        ",,+49 (151) 23-45,E",
        ",,12,F",
        ",,,G",
    ]
    run = Run(csv_of(*rows, header="receiver_id,email,mobile,name"), resolver=Directory())
    assert [(row[0], row[1]) for row in run.accepted] == [(2, "ou_1"), (6, "ou_+491512345")]
    assert run.problems == [
        'line 3, column "email": leads to nobody',
        'line 4, column "email": belongs to somebody who has resigned',
        'line 5, column "email": is not an email address',
        'line 7, column "mobile": is not a mobile number: use digits, with +country code outside mainland China',
        'line 8, column "receiver_id": is empty (as well as email, mobile)',
    ]


def test_two_contacts_of_one_person_are_duplicates() -> None:
    run = Run(csv_of("ann@x.y,A", "ann@z.y,A", header="email,name"), resolver=Directory())
    assert run.checked.duplicates == ((3, 2),)


def test_an_id_type_that_the_contact_does_not_lead_to_is_a_problem() -> None:
    run = Run(csv_of("a@x.y,A,user_id", header="email,name,user_id_type"), resolver=Directory())
    assert run.problems == ['line 2, column "user_id_type": must be empty or open_id: the email leads to that']


@pytest.mark.parametrize("content", ["email,name\na@x.y,A", "receiver_id,email,name\nou_1,,A\n,a@x.y,A"])
def test_without_a_resolver_the_missing_credentials_are_named(content: str) -> None:
    with pytest.raises(BadInput, match="set DESKBELL_APP_ID and DESKBELL_APP_SECRET to find people"):
        Run(content)


# --- a file that changes, rules that agree ---------------------------------------------------------------------------


def test_a_file_that_changes_between_check_and_load_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(csv_of("ou_1,Ann", "ou_2,Bob"))
    with Recipients.open(path) as recipients, check(recipients, TEXT) as checked:
        path.write_text(csv_of("ou_1,Ann", "ou_3,Eve"))
        with pytest.raises(BadInput, match="changed while it was read"):
            list(accepted_rows(recipients, checked))


@given(
    st.text(st.characters(max_codepoint=0x100), max_size=6) | st.sampled_from(["ou_1", "on_1", "x" * 128, "x" * 129]),
    st.sampled_from(UserIdType),
)
def test_a_receiver_is_right_exactly_when_a_notification_takes_it(receiver_id: str, id_type: UserIdType) -> None:
    addressing = Addressing(("receiver_id",), Options(user_id_type=id_type))
    found = addressing.address(Row(2, (receiver_id,)), {})
    expected = taken(receiver_id.strip(), id_type)
    assert isinstance(found, Address) == expected
    if isinstance(found, Address):
        assert found == Address(receiver_id.strip(), ReceiveType.CHAT, id_type)


def taken(receiver_id: str, id_type: UserIdType) -> bool:
    try:
        Notification.build({"receiver_id": receiver_id, "user_id_type": id_type, "text": "x"})
    except BadInput:
        return False
    return True


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=5))
def test_whatever_values_a_row_has_the_ledger_gets_them_and_the_message_is_whole(names: list[str]) -> None:
    lines = [json.dumps({"receiver_id": f"ou_{n}", "name": name}) for n, name in enumerate(names)]
    run = Run("\n".join(lines))
    kept = [[n + 1, f"ou_{n}", [name]] for n, name in enumerate(names) if name and not name.isspace()]
    assert run.accepted == kept, "a row without the value that the message needs is invalid"
    assert all(sample.message.content.keys() == {"text"} for sample in run.checked.samples)


def test_the_work_for_all_rows_together_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.announcements.check._WORK", 0)
    message = {"msg_type": "text", "content": {"text": "{{ name|title|urlencode|title|urlencode }}"}}
    with pytest.raises(BadInput, match=r"message: needs too much work \(after \d rows\): "):
        Run(csv_of(*[f"ou_{row},{'Ann' * 300}" for row in range(50)]), message)


def test_honest_messages_stay_far_below_the_work_for_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.announcements.check._WORK", 0)
    text = "Dear {{ name|title }}, {% for p in name.split(' ') %}{{ loop.index }} {{ p|trim|upper }}{% endfor %}"
    run = Run(csv_of(*[f"ou_{row},Ann Lee" for row in range(50)]), {"msg_type": "text", "content": {"text": text}})
    assert run.checked.accepted == 50


# --- any column, any name --------------------------------------------------------------------------------------------


def a_text(text: str) -> dict[str, Any]:
    return {"msg_type": "text", "content": {"text": text}}


def texts(content: str, text: str, **options: Any) -> list[str]:
    return [sample.message.content["text"] for sample in Run(content, a_text(text), **options).checked.samples]


@all_of(
    ("header", "text"),
    [
        ("First Name", "{{ First Name }}"),
        ("First Name", "{{- first NAME | trim -}}"),
        ("First Name", "{% if row['First Name'] %}{{ row[\"first name\"]|string }}{% endif %}"),
        ("start-date", "{{ start-date }}"),
        ("user.name", "{{ user.name }}"),
        ("金额(元)", "{{ 金额（元） }}"),
        ("it's", "{{ it's }}"),
        ("ｎａｍｅ", "{{ name }}"),
        ("pre\u0301nom", "{{ pr\u00e9nom }}"),
        ("Name", "{{ name }}"),
        *(
            (word, f"{{{{ {word} }}}}")
            for word in ("range", "self", "None", "true", "if", "in", "loop", "row", "import")
        ),
        ("range", "{{ range }}{{ range(0)|join }}"),
        ("name", "{% for name in name.split('x') %}{{ name }}{% endfor %}"),
        ("row", "{{ row }}"),
    ],
)
def test_any_header_is_a_variable(header: str, text: str) -> None:
    assert texts(f"receiver_id;{header}\nou_1;Ada\n", text) == ["Ada"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ Fist Name }}", 'there is no column "Fist Name"; did you mean "First Name"?'),
        ("{{ row['Fist Name'] }}", 'there is no column "Fist Name"; did you mean "First Name"?'),
        ("{% if nmae %}x{% endif %}", 'there is no column "nmae"; did you mean "name"?'),
        ("{{ self }}", 'there is no column "self": there are "First Name", "name"'),
        ("{{ None }}", 'there is no column "None": there are "First Name", "name"'),
        ("{{ true|upper }}", 'there is no column "true"'),
        ("{{ range }}", 'there is no column "range"'),
        ("{{ name + }}", "is not a valid template"),
        ("{{ name.upper }}", "writes something other than text, a number or a list"),
        ("{% for x in name %}{{ loop }}{% endfor %}", "writes something other than text, a number or a list"),
    ],
)
def test_a_name_that_is_no_column_is_told_in_words(text: str, problem: str) -> None:
    try:
        run = Run("receiver_id,First Name,name\nou_1,Ada,Ada", a_text(text))
        said = run.problems[0]
    except BadInput as error:
        said = str(error)
    assert problem in said


def test_what_is_written_raw_or_as_a_remark_stays() -> None:
    text = "{# {{ First Name }} #}{% raw %}{{ First Name }}{% endraw %} {{ First Name }}"
    assert texts("receiver_id,First Name\nou_1,Ada", text) == ["{{ First Name }} Ada"]


def test_the_receiver_is_a_variable_however_the_row_is_addressed() -> None:
    content = "receiver_id,email\nou_1,\n,bob@x.y\n"
    assert texts(content, "{{ receiver_id }}", resolver=Directory()) == ["ou_1", "ou_bob"]


# --- empty cells -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("empty", ["", '""', " ", '"  "', "\u3000"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a{{ name|default('you') }}", "ayou"),
        ("a{% if name is defined %}b{% endif %}", "a"),
        ("a{% if name %}b{% else %}c{% endif %}", "ac"),
        ("a{% if name == 'VIP' %}b{% endif %}", "a"),
        ("a{% if name == '' %}b{% endif %}", "ab"),
        ("a{{ name or 'c' }}", "ac"),
        ("a{% if 'x' in name or name in ['x'] %}b{% endif %}", "a"),
    ],
)
def test_an_empty_cell_is_no_value_and_a_test_of_it_no_need(text: str, expected: str, empty: str) -> None:
    assert texts(f"receiver_id,name\nou_1,{empty}\n", text) == [expected]


@pytest.mark.parametrize(
    "text", ["Dear {{ name }}", "{{ name|upper }}", "{{ name ~ '!' }}", "{% for x in name %}{% endfor %}a"]
)
def test_an_empty_cell_that_the_message_needs_makes_the_row_invalid(text: str) -> None:
    run = Run("receiver_id,name\nou_1,Ada\nou_2,\n", a_text(text))
    assert run.problems == ['line 3, column "name": has no value, but the message needs one']


def test_columns_are_told_with_their_use_and_their_empty_cells() -> None:
    run = Run("receiver_id,name,room,send_at\nou_1,Ada,,1h\nou_2,Bob,7,\n")
    assert run.checked.all_columns == (
        ("receiver_id", True, 0),
        ("name", True, 0),
        ("room", False, 1),
        ("send_at", True, 1),
    )


# --- addresses of all kinds ------------------------------------------------------------------------------------------


def test_a_row_goes_to_the_first_address_that_is_filled_in_and_each_kind_is_counted() -> None:
    rows = ["ou_1,a@x.y,139,on_1", ",b@x.y,138,on_2", ",c@x.y,137,", ",,13600136000,"]
    run = Run(csv_of(*rows, header="open_id,邮箱,手机号,union_id"), a_text("hi"), resolver=Directory())
    assert [row[1:2] + row[3:] for row in run.accepted] == [
        ["ou_1"],
        ["on_2", {"user_id_type": "union_id"}],
        ["ou_c"],
        ["ou_13600136000"],
    ]
    assert run.checked.addressed == {"receiver_id": 0, "open_id": 1, "union_id": 1, "email": 1, "mobile": 1}


def test_a_column_that_is_named_says_to_whom_whatever_is_in_it() -> None:
    rows = ["a@x.y,ou_9", "+49 151 2345,ou_9", "13600136000,ou_9", "ou_4,ou_9"]
    content = csv_of(*rows, header="Reach,receiver_id")
    run = Run(content, a_text("hi"), resolver=Directory(), address_column="reach")
    assert [row[1] for row in run.accepted] == ["ou_a", "ou_+491512345", "ou_13600136000", "ou_4"]


def test_two_columns_of_one_kind_must_agree() -> None:
    content = csv_of("a@x.y,a@x.y", "a@x.y,b@x.y", ",c@x.y", header="mail,邮箱")
    run = Run(content, a_text("hi"), resolver=Directory(), allow_duplicates=True)
    assert [row[1] for row in run.accepted] == ["ou_a", "ou_c"]
    assert run.problems == ['line 3, column "邮箱": differs from "mail": name the column to use with --address-column']


def test_full_width_and_unseen_characters_in_an_address_are_what_they_look_like() -> None:
    content = csv_of("\u200bｏｕ＿1\u2060,", ",ann＠x.y\ufeff", header="receiver_id,email")
    assert [row[1] for row in Run(content, a_text("hi"), resolver=Directory()).accepted] == ["ou_1", "ou_ann"]


# --- times of single rows --------------------------------------------------------------------------------------------


def test_a_row_that_is_due_after_the_end_or_long_ago_is_invalid() -> None:
    rows = ["ou_1,2026-11-22T12:00Z", "ou_2,3h", "ou_3,2025-11-23T09:00Z", "ou_4,2026-11-22T08:00Z", "ou_5,"]
    expires_at = datetime(2026, 11, 22, 11, tzinfo=UTC)
    run = Run(csv_of(*rows, header="receiver_id,send_at"), a_text("hi"), expires_at=expires_at)
    late = "is not before the end (expires), so the row could never be sent"
    assert run.problems == [
        f'line 2, column "send_at": {late}',
        f'line 3, column "send_at": {late}',
        'line 4, column "send_at": is more than a day ago: check the year, or leave it empty for now',
    ]
    assert [row[1] for row in run.accepted] == ["ou_4", "ou_5"]


# --- samples, and rows set aside -------------------------------------------------------------------------------------


def test_samples_are_of_rows_that_are_sent() -> None:
    rows = ["ou_1,A", "ou_2,Bo", "ou_1,the longest of all", *["ou_2,Cy"] * 20]
    assert [sample.line for sample in Run(csv_of(*rows)).checked.samples] == [2, 3]


def set_aside(tmp_path: Path, content: str, name: str = "people.csv", **message: Any) -> str:
    (tmp_path / name).write_text(content)
    with Recipients.open(tmp_path / name) as recipients, check(recipients, message or TEXT) as checked:
        write_invalid(tmp_path / "out.csv", recipients, checked)
    return (tmp_path / "out.csv").read_text("utf-8-sig")


def test_a_row_set_aside_keeps_its_text_and_has_one_problem_however_often(tmp_path: Path) -> None:
    once = set_aside(tmp_path, 'receiver_id,name\nou_a,ok\nou_b,"27" screen\nou_c,\n')
    twice = set_aside(tmp_path, once)
    inside = (
        'has a quote inside a cell: put the cell in quotes, and write each quote in it twice (""""),ou_b,"27" screen'
    )
    lacks = 'column ""name"": has no value, but the message needs one",ou_c,'
    for written, first in ((once, 3), (twice, 2)):
        assert written.splitlines() == [
            "problem,receiver_id,name",
            f'"line {first}: {inside}'.replace('twice (""""),', 'twice ("""")",'),
            f'"line {first + 1}, {lacks}',
        ]


def test_a_line_that_is_no_json_keeps_its_text_too(tmp_path: Path) -> None:
    written = set_aside(
        tmp_path, '{"receiver_id": "a", "name": "A"}\n{"receiver_id": "b", "name": B}\n', "people.jsonl"
    )
    assert '"{""receiver_id"": ""b"", ""name"": B}"' in written
