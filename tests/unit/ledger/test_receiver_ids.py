import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.delivery_options import UserIdType
from ledger.errors import BadInput
from ledger.notification import Notification
from ledger.receiver_ids import receiver_id_problem
from tests.all_of import all_of

OPEN_ID, UNION_ID, USER_ID = UserIdType.OPEN_ID, UserIdType.UNION_ID, UserIdType.USER_ID
OWN = "0123456789abcdef" * 2  #: what follows the prefix of an id of Feishu's


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ou_ada", OPEN_ID),
        (f"ou_{OWN}", OPEN_ID),
        ("on_ada", UNION_ID),
        ("7d3e1f2a", USER_ID),
        ("e10", USER_ID),
        ("1e5f", USER_ID),
        ("ou_pressed", USER_ID),
        ("zhang.san-2+b/c!", USER_ID),
        ("a" * 128, USER_ID),
    ],
)
def test_an_id_may_look_so(text: str, kind: UserIdType) -> None:
    assert receiver_id_problem(text, kind) is None


@all_of(
    ("text", "kind", "problem"),
    [
        ("", OPEN_ID, "must not be empty"),
        ("ann@corp.example", OPEN_ID, "looks like an e-mail address, which is not an id: give it as email (in a file"),
        ("ann@corp.example", USER_ID, "looks like an e-mail address"),
        ("安@corp.example", OPEN_ID, "looks like an e-mail address"),
        ('="ou_ada"', OPEN_ID, "contains =, which is never part of an id"),
        ('"ou_ada"', OPEN_ID, 'contains ", which'),
        ("'ou_ada", OPEN_ID, "contains ', which"),
        ("ou_ada,ou_bob", OPEN_ID, "contains ,, which"),
        ("@ada", USER_ID, "contains @, which"),
        ("7.3E+17", OPEN_ID, "rounded"),
        ("7.3E+17", USER_ID, "rounded"),
        ("7,3E+17", USER_ID, "rounded"),
        ("7E17", USER_ID, "rounded"),
        ("on_ada", OPEN_ID, "begins with on_, so it cannot be open_id"),
        ("oc_group", OPEN_ID, "begins with oc_, so it cannot be open_id"),
        ("cli_app", OPEN_ID, "begins with cli_, so it cannot be open_id"),
        ("ou_ada", UNION_ID, "begins with ou_, so it cannot be union_id"),
        (f"ou_{OWN}", USER_ID, "begins with ou_, so it cannot be user_id"),
        ("zhang.san", OPEN_ID, "does not begin with ou_ as every open_id does: a user_id needs user_id_type user_id"),
        ("10086", OPEN_ID, "does not begin with ou_"),
        ("OU_ada", OPEN_ID, "does not begin with ou_"),
        ("7d3e1f2a", UNION_ID, "does not begin with on_ as every union_id does"),
        ("用户", OPEN_ID, "must be 1 to 128 visible ASCII characters without spaces"),
        ("ou_a da", OPEN_ID, "without spaces"),
        ("a" * 129, USER_ID, "must be 1 to 128"),
    ],
)
def test_what_is_no_id_is_told_in_words(text: str, kind: UserIdType, problem: str) -> None:
    assert problem in (receiver_id_problem(text, kind) or "")
    with pytest.raises(BadInput) as caught:
        Notification.build({"receiver_id": text, "text": "x", "user_id_type": str(kind)})
    assert caught.value.field == "receiver_id"
    assert problem in caught.value.problem


@given(st.text(max_size=140), st.sampled_from(UserIdType))
def test_any_text_is_an_id_or_has_a_problem_that_does_not_repeat_it(text: str, kind: UserIdType) -> None:
    problem = receiver_id_problem(text, kind)
    assert problem is None or len(text) < 20 or text not in problem
    if problem is None:
        assert text.isascii()
        assert text.isprintable()
        assert 1 <= len(text) <= 128
        assert not set(text) & set(" @='\",;<>")
