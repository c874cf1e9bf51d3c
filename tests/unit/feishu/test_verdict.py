"""An answer is read into a verdict that holds the evidence and no secret."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from feishu.codes import CodeTable, Kind
from feishu.verdict import Call, Verdict, verdict_of_answer, verdict_of_failure
from http_client.errors import MaybeSent, NeverSent, NoAnswer, Unsendable
from http_client.response import Response
from ledger.states import Outcome

CODES = CodeTable.load()


def judged(body: Any, http_status: int = 200, private: tuple[str, ...] = (), **headers: str) -> Verdict:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    named = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    return verdict_of_answer(Call("send", private), Response(http_status, named, raw), CODES)


def test_a_success_carries_its_message_id() -> None:
    verdict = judged({"code": 0, "msg": "success", "data": {"message_id": "om_1"}}, X_Tt_Logid="2024")
    assert (verdict.kind, verdict.outcome, verdict.message_id) == (Kind.DELIVERED, Outcome.DELIVERED, "om_1")
    assert (verdict.log_id, verdict.ended) == ("2024", None)


def test_200_with_another_code_is_a_failure() -> None:
    assert judged({"code": 154000, "msg": "Bad request", "data": {"message_id": "om_1"}}).kind is Kind.REFUSED


def test_code_0_under_a_failing_status_is_no_success() -> None:
    assert judged({"code": 0}, 500).kind is Kind.UNKNOWN


@pytest.mark.parametrize(
    ("body", "ended"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"<html>Bad gateway</html>", "not JSON"),
        (b'{"code":0', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "no code"),
        (b"0", "no code"),
        (b"{}", "no code"),
        (b'{"code":"0"}', "no code"),
        (b'{"code":false}', "no code"),
        (b'{"code":0.0}', "no code"),
        (b'{"code":null}', "no code"),
    ],
)
def test_an_answer_without_an_integer_code_is_never_a_success(body: bytes, ended: str) -> None:
    verdict = judged(body)
    assert (verdict.kind, verdict.ended, verdict.code) == (Kind.UNKNOWN, ended, None)
    assert judged(body, 503).kind is Kind.TRANSIENT
    assert judged(body, 504).kind is Kind.UNKNOWN


@pytest.mark.parametrize("name", ["X-Tt-Logid", "x-tt-logid", "X-TT-LOGID"])
def test_the_log_id_is_found_in_any_case(name: str) -> None:
    assert judged({"code": 1}, 400, **{name: "20240911"}).log_id == "20240911"


@pytest.mark.parametrize("name", ["log_id", "logid"])
def test_the_log_id_is_found_in_the_body_too(name: str) -> None:
    assert judged({"code": 1, "error": {name: "20240911"}}, 400).log_id == "20240911"


def test_the_documented_reset_header_comes_before_the_courtesy() -> None:
    verdict = judged({"code": 99991400}, 429, x_ogw_ratelimit_reset="52", Retry_After="7", x_ogw_ratelimit_limit="100")
    assert (verdict.kind, verdict.retry_after_seconds, verdict.rate_limit) == (Kind.THROTTLED, 52.0, 100)
    assert judged({"code": 99991400}, 429, Retry_After="7").retry_after_seconds == 7.0


@pytest.mark.parametrize("value", ["", "soon", "-1", "inf", "nan", "1e9", "Wed, 21 Oct 2026 07:28:00 GMT", "99999999"])
def test_an_unreadable_wait_is_no_wait(value: str) -> None:
    assert judged({"code": 99991400}, 429, x_ogw_ratelimit_reset=value).retry_after_seconds is None


def test_msg_is_one_line_of_200_characters_at_most() -> None:
    verdict = judged({"code": 1, "msg": "a\nb\x1b[31m" + "c" * 500}, 400)
    assert verdict.msg.startswith("a b [31mccc")
    assert len(verdict.msg) == 200


def test_msg_does_not_repeat_the_content_of_the_message() -> None:
    content = '{"text":"The severance offer is 90,000"}'
    verdict = judged({"code": 230001, "msg": f"bad content: {content}!"}, 400, private=(content,))
    assert verdict.msg == "bad content: …!"
    part = judged({"code": 230001, "msg": "near 'severance offer is 9', ext=1"}, 400, private=(content,))
    assert part.msg == "near '…', ext=1"


def test_msg_repeats_no_secret_however_short() -> None:
    assert judged({"code": 10003, "msg": "bad hunter2"}, 200, private=("hunter2", "")).msg == "bad …"


@given(secret=st.text(min_size=10, max_size=40), before=st.text(max_size=20), after=st.text(max_size=20))
def test_no_secret_survives_in_msg_wherever_it_stands(secret: str, before: str, after: str) -> None:
    verdict = judged({"code": 1, "msg": f"{before}{secret}{after}"}, 400, private=(secret,))
    assert secret not in verdict.msg


@given(body=st.binary(max_size=200), http_status=st.integers(200, 599))
def test_no_bytes_break_the_reading(body: bytes, http_status: int) -> None:
    judged(body, http_status)


@given(
    st.recursive(
        st.none() | st.integers(-5, 5) | st.text(max_size=5), lambda inner: st.lists(inner) | inner, max_leaves=3
    )
)
def test_no_shape_of_a_field_breaks_the_reading(odd: Any) -> None:
    for name in ("msg", "data", "error"):
        judged({"code": 1, name: odd}, 400)
    judged({"code": 0, "data": {"message_id": odd}, "error": {"log_id": odd}})


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (NeverSent("connect refused"), Kind.TRANSIENT),
        (MaybeSent("cut"), Kind.UNKNOWN),
        (Unsendable("wrong address"), Kind.DESK),
    ],
)
def test_a_call_without_an_answer_is_judged_by_what_had_left(failure: NoAnswer, kind: Kind) -> None:
    verdict = verdict_of_failure(Call("send"), failure)
    assert (verdict.kind, verdict.ended, verdict.http_status) == (kind, failure.how, None)
    assert verdict.means
    assert verdict.do
