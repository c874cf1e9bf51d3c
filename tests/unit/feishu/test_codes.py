"""The table of codes knows every code of the documents, and takes no unknown one for a success."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feishu.codes import CodeTable, Kind
from ledger.errors import BadInput
from ledger.states import Outcome
from tests.all_of import all_of

TABLE = CodeTable.load()

#: (HTTP status as documented or seen, code, class); 400 where no source names a status.
DOCUMENTED = [
    (200, 0, Kind.DELIVERED),
    # helpdesk: business errors come with 401
    (400, 154000, Kind.REFUSED),
    (401, 154001, Kind.DESK),
    (403, 154003, Kind.DESK),
    (401, 154003, Kind.DESK),
    (404, 154004, Kind.REFUSED),
    (405, 154005, Kind.REFUSED),
    (401, 154401, Kind.REFUSED),
    (401, 154402, Kind.REFUSED),
    (401, 154403, Kind.REFUSED),
    (401, 154404, Kind.REFUSED),
    (500, 155000, Kind.TRANSIENT),
    # credentials; 10003 comes with 200
    (200, 10003, Kind.DESK),
    (200, 10012, Kind.TRANSIENT),
    (200, 10013, Kind.TRANSIENT),
    (200, 10014, Kind.DESK),
    (200, 10015, Kind.DESK),
    (400, 99991543, Kind.DESK),
    (401, 99991401, Kind.DESK),
    (400, 99991662, Kind.DESK),
    (400, 99991672, Kind.DESK),
    (400, 99991673, Kind.DESK),
    (400, 99991676, Kind.DESK),
    (400, 99991677, Kind.DESK),
    (400, 99991679, Kind.DESK),
    # tokens
    (400, 99991661, Kind.TOKEN),
    (400, 99991663, Kind.TOKEN),
    (200, 99991663, Kind.TOKEN),
    (400, 99991664, Kind.TOKEN),
    (400, 99991665, Kind.TOKEN),
    (400, 99991668, Kind.TOKEN),
    (400, 99991671, Kind.TOKEN),
    # limits
    (429, 99991400, Kind.THROTTLED),
    (400, 99991400, Kind.THROTTLED),
    (429, 99991403, Kind.QUOTA_SPENT),
    (429, 99991406, Kind.QUOTA_SPENT),
    (400, 11247, Kind.QUOTA_SPENT),
    (400, 11232, Kind.THROTTLED),
    (400, 1000004, Kind.THROTTLED),
    (400, 1000005, Kind.THROTTLED),
    (400, 230020, Kind.TRANSIENT),
    (400, 11233, Kind.TRANSIENT),
    # trouble at Feishu's
    *((500, code, Kind.TRANSIENT) for code in (2200, 1500, 1642, 1663, 1668, 5000, 10101, 10105, 18121, 55001, 105001)),
    (400, 230049, Kind.TRANSIENT),
    (400, 232096, Kind.TRANSIENT),
    # content and receiver
    *((400, code, Kind.REFUSED) for code in (11246, 11248, 11310, 11312, 19002, 19036, 9499, 100290)),
    *((400, code, Kind.REFUSED) for code in (200380, 200381, 200570, 200621, 200732, 200737, 200861)),
    *((400, code, Kind.REFUSED) for code in (230001, 230013, 230017, 230022, 230025, 230028, 230029)),
    *((400, code, Kind.REFUSED) for code in (230035, 230053, 230099, 232009)),
    *((400, code, Kind.REFUSED) for code in (234001, 234006, 234007, 234010, 234011, 234039)),
    (401, 234002, Kind.REFUSED),
    *((400, code, Kind.REFUSED) for code in (99992351, 99992352, 99992360, 99992361, 99992363, 99992364)),
    *((400, code, Kind.REFUSED) for code in (99992381, 99992402, 99991201, 99991301)),
    # contacts
    *((status, 40003, Kind.TRANSIENT) for status in (400, 500)),
    (500, 48002, Kind.TRANSIENT),
    (400, 40008, Kind.TRANSIENT),
    *((403, code, Kind.REFUSED) for code in (40004, 40014, 41050, 42009)),
    *((400, code, Kind.REFUSED) for code in (40001, 40011, 40012, 40015, 41012, 41050, 42002, 42029, 43010)),
    *((400, code, Kind.REFUSED) for code in (41071, 41072, 41073, 41074, 48001)),
    (401, 42008, Kind.DESK),
]


@all_of(("http_status", "code", "kind"), DOCUMENTED)
def test_a_documented_code_has_its_class_and_a_text_for_the_operator(http_status: int, code: int, kind: Kind) -> None:
    rule = TABLE.rule(code, http_status)
    assert rule.kind is kind
    assert code in rule.code, "a row of its own, not the last resort"
    assert rule.means
    assert rule.do


def test_11246_is_worth_another_try_only_with_the_words_of_an_internal_error() -> None:
    assert TABLE.rule(11246, 400, "ErrMsg: service internal error, retry").kind is Kind.TRANSIENT
    assert TABLE.rule(11246, 400, "content is empty").kind is Kind.REFUSED


def test_every_helpdesk_code_but_those_of_the_credentials_may_mean_an_open_ticket() -> None:
    asking = {code for code in range(153000, 157000) if TABLE.rule(code, 401).ticket}
    assert asking == {*range(154000, 155000), 155000} - {154001, 154003}


def test_401_alone_never_asks_for_another_token() -> None:
    assert TABLE.rule(154499, 401).kind is Kind.REFUSED
    assert TABLE.rule(31415, 401).kind is Kind.REFUSED
    assert TABLE.rule(None, 401).kind is Kind.TRANSIENT


@pytest.mark.parametrize(
    ("http_status", "kind"),
    [(200, Kind.REFUSED), (400, Kind.REFUSED), (429, Kind.THROTTLED), (500, Kind.TRANSIENT), (503, Kind.TRANSIENT)],
)
def test_an_unknown_code_is_judged_by_its_status(http_status: int, kind: Kind) -> None:
    assert TABLE.rule(31415926, http_status).kind is kind


@pytest.mark.parametrize(
    ("http_status", "kind"),
    [
        (200, Kind.UNKNOWN),
        (204, Kind.UNKNOWN),
        (302, Kind.TRANSIENT),
        (400, Kind.REFUSED),
        (403, Kind.TRANSIENT),
        (413, Kind.REFUSED),
        (429, Kind.THROTTLED),
        (500, Kind.TRANSIENT),
        (502, Kind.UNKNOWN),
        (503, Kind.TRANSIENT),
        (504, Kind.UNKNOWN),
    ],
)
def test_an_answer_without_a_code_is_judged_by_what_may_stand_behind_it(http_status: int, kind: Kind) -> None:
    assert TABLE.rule(None, http_status).kind is kind


@given(code=st.one_of(st.none(), st.integers(-(2**63), 2**63)), http_status=st.integers(100, 599))
def test_every_answer_has_a_row_and_only_code_0_in_2xx_is_a_success(code: int | None, http_status: int) -> None:
    delivered = TABLE.rule(code, http_status).kind is Kind.DELIVERED
    assert delivered == (code == 0 and 200 <= http_status <= 299)


def test_a_class_that_is_no_outcome_is_recorded_as_one_under_which_nothing_was_sent() -> None:
    assert {kind: kind.outcome for kind in (Kind.TOKEN, Kind.DESK, Kind.QUOTA_SPENT)} == {
        Kind.TOKEN: Outcome.TRANSIENT,
        Kind.DESK: Outcome.TRANSIENT,
        Kind.QUOTA_SPENT: Outcome.THROTTLED,
    }
    assert {kind.outcome for kind in Kind} == set(Outcome)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "codes.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_rows_of_an_operator_come_first(tmp_path: Path) -> None:
    own = written(tmp_path, '[[rule]]\ncode = [154499, "7777x"]\nhttp_status = "4xx"\nclass = "ticket_open"\n')
    table = CodeTable.load(own)
    assert table.rule(154499, 401).kind is Kind.TICKET_OPEN
    assert table.rule(77771, 400).kind is Kind.TICKET_OPEN
    assert table.rule(154499, 500).kind is Kind.REFUSED
    assert table.rule(154001, 401).kind is Kind.DESK


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[rule]]\ncode = 1\nclass = \n", "line 3"),
        ("[rule]\ncode = 1", "[[rule]]"),
        ("rules = 1", "[[rule]]"),
        ('[[rule]]\ncode = 1\nclass = "refused"\n[[rule]]\ncode = 2\nclass = "fine"', "number 2 (code 2): class:"),
        ('[[rule]]\nclass = "refused"', "number 1 (code None): code:"),
        ('[[rule]]\ncode = 1\nclass = "refused"\ncolour = "red"', "colour:"),
        ('[[rule]]\ncode = "15z"\nclass = "refused"', "'15z'"),
        ('[[rule]]\ncode = true\nclass = "refused"', "number 1 (code True): code:"),
        ('[[rule]]\ncode = 1\nclass = "delivered"', "only code 0"),
        ('[[rule]]\ncode = 0\nclass = "refused"', "code 0 cannot be redefined"),
        ('[[rule]]\ncode = "x"\nclass = "refused"', "'x'"),
        ('[[rule]]\ncode = 1\nclass = "token"', "`then`"),
    ],
)
def test_a_faulty_file_is_told_by_line_or_row(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        CodeTable.load(written(tmp_path, text))
    assert caught.value.field == "DESKBELL_ERROR_CODES"
    assert told in caught.value.problem


def test_a_missing_file_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.toml"):
        CodeTable.load(tmp_path / "nowhere.toml")
