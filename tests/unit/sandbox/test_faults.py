"""Faults over a real socket, the rolling window, and the record that the sandbox keeps."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

import sandbox
from sandbox.quota import Limit, Quota, parse_rate
from tests.calm import Stopwatch

MESSAGE_PATH = "/open-apis/helpdesk/v1/message"
FAST = ("--rate", "unlimited")


class Caller:
    """Sends texts; every call has a connection of its own, so that a cut one spoils no other."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.headers = {
            "Authorization": f"Bearer {self.token()}",
            "X-Lark-Helpdesk-Authorization": base64.b64encode(b"1000000000000000000:ht-sandbox").decode(),
        }

    def token(self, app_id: str = "cli_sandbox", secret: str = "sandbox-secret") -> str:
        path = "/open-apis/auth/v3/tenant_access_token/internal"
        document = {"app_id": app_id, "app_secret": secret}
        return str(requests.post(self.base_url + path, json=document, timeout=120).json()["tenant_access_token"])

    def send(
        self, receiver: str = "ou_ann", receive_type: str = "chat", timeout_seconds: float = 10
    ) -> requests.Response:
        document = {
            "msg_type": "text",
            "content": json.dumps({"text": "hello"}),
            "receiver_id": receiver,
            "receive_type": receive_type,
        }
        url = self.base_url + MESSAGE_PATH
        return requests.post(url, json=document, headers=self.headers, timeout=timeout_seconds)

    def order(self, *rules: dict[str, Any]) -> None:
        requests.post(f"{self.base_url}/sandbox/faults", json=list(rules), timeout=120).raise_for_status()

    def ask(self, what: str) -> Any:
        return requests.get(f"{self.base_url}/sandbox/{what}", timeout=120).json()

    def last(self) -> dict[str, Any]:
        return dict(self.ask("calls")["calls"][-1])


@contextmanager
def calling(*arguments: str, **more: Any) -> Iterator[Caller]:
    with sandbox.running(*arguments, **more) as base_url:
        yield Caller(base_url)


@pytest.fixture
def caller() -> Iterator[Caller]:
    with calling(*FAST) as caller:
        yield caller


def until(condition: Any) -> None:
    """Waits for what another thread is about to do."""
    ends_at = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.005)


def test_an_ordered_answer_comes_as_often_as_ordered_and_nothing_is_delivered(caller: Caller) -> None:
    answer = {"status": 500, "code": 155000, "msg": "Internal error", "headers": {"X-Why": "fault"}}
    caller.order({"times": 2, "do": {"answer": answer}})
    spoiled = [caller.send() for _ in range(3)]
    assert [answer.status_code for answer in spoiled] == [500, 500, 200]
    assert spoiled[0].json()["code"] == 155000
    assert spoiled[0].headers["X-Why"] == "fault"
    assert len(caller.ask("messages")["messages"]) == 1
    assert caller.ask("faults")["faults"][0]["used"] == 2


def test_times_can_be_counted_per_receiver(caller: Caller) -> None:
    caller.order({"times": 1, "per_receiver": True, "do": {"html": 502}})
    assert [caller.send(receiver).status_code for receiver in ("ou_a", "ou_b", "ou_a")] == [502, 502, 200]


def test_the_first_rule_that_matches_decides(caller: Caller) -> None:
    caller.order(
        {"match": {"receiver_id": "ou_a"}, "do": {"html": 502}},
        {"match": {"prefix": "ou_b", "receive_type": "user"}, "do": {"html": 503}},
        {"match": {"path": "token"}, "do": {"html": 504}},
        {"match": {"share": 0.0}, "do": {"html": 505}},
        {"match": {"share": 1.0, "receive_type": "chat"}, "do": {"html": 500}},
    )
    sent = [("ou_a", "chat"), ("ou_b", "user"), ("ou_a2", "user"), ("ou_c", "chat")]
    assert [caller.send(*pair).status_code for pair in sent] == [502, 503, 200, 500]
    with pytest.raises(requests.exceptions.JSONDecodeError):
        caller.token()
    requests.delete(f"{caller.base_url}/sandbox/faults", timeout=120)
    assert caller.send("ou_a").status_code == 200


def test_a_share_is_drawn_from_the_seed() -> None:
    def statuses(seed: str) -> list[int]:
        with calling(*FAST, "--seed", seed) as caller:
            caller.order({"match": {"share": 0.5}, "do": {"html": 502}})
            return [caller.send().status_code for _ in range(20)]

    first = statuses("1")
    assert statuses("1") == first
    assert set(first) == {200, 502}
    assert statuses("2") != first


@pytest.mark.parametrize(
    ("do", "error", "delivered"),
    [
        ({"cut": "before"}, requests.ConnectionError, False),
        ({"cut": "after"}, requests.ConnectionError, True),
        ({"cut": "headers"}, requests.exceptions.ChunkedEncodingError, True),
        ({"truncate": True}, requests.exceptions.ChunkedEncodingError, True),
        ({"delay_ms": 20, "cut": "after"}, requests.ConnectionError, True),
    ],
)
def test_a_cut_call_is_delivered_or_not_as_ordered(
    caller: Caller, do: dict[str, Any], error: type[Exception], delivered: bool
) -> None:
    caller.order({"times": 1, "do": do})
    with pytest.raises(error):
        caller.send()
    until(lambda: caller.last()["ended_ms"])
    call = caller.last()
    assert (call["delivered"], call["answered"], call["code"]) == (delivered, False, None)
    assert call["fault"] == ",".join(f"{key}={value}" for key, value in do.items())
    assert caller.send().status_code == 200


def test_cut_before_resets_and_cut_after_closes(caller: Caller) -> None:
    caller.order({"times": 1, "do": {"cut": "before"}}, {"times": 1, "do": {"cut": "after"}})
    with pytest.raises(requests.ConnectionError, match="reset"):
        caller.send()
    with pytest.raises(requests.ConnectionError, match="without response"):
        caller.send()


@pytest.mark.parametrize(
    ("do", "status", "body", "delivered"),
    [
        ({"html": 502}, 502, "502 Bad Gateway", False),
        ({"html_delivered": 200}, 200, "200 OK", True),
        ({"empty": 200}, 200, "", True),
    ],
)
def test_an_answer_can_be_no_json(caller: Caller, do: dict[str, Any], status: int, body: str, delivered: bool) -> None:
    caller.order({"do": do})
    answer = caller.send()
    assert (answer.status_code, caller.last()["delivered"], caller.last()["answered"]) == (status, delivered, True)
    assert body in answer.text
    assert ("<html>" in answer.text) == bool(body)


def test_expire_token_makes_every_token_invalid(caller: Caller) -> None:
    caller.order({"times": 1, "do": {"expire_token": True}})
    assert [caller.send().json()["code"] for _ in range(2)] == [99991663, 99991663]
    caller.headers["Authorization"] = f"Bearer {caller.token()}"
    assert caller.send().json()["code"] == 0


def test_a_dripping_answer_comes_whole_in_the_end(caller: Caller) -> None:
    caller.order({"do": {"drip_ms": 1}})
    watch = Stopwatch()
    answer = caller.send()
    assert answer.json()["code"] == 0
    assert watch.seconds > (len(answer.content) - 1) * 0.001
    until(lambda: caller.last()["answered"])


def test_a_message_is_delivered_though_its_caller_gave_up_waiting(caller: Caller) -> None:
    caller.order({"times": 1, "do": {"delay_ms": 1000}})
    with pytest.raises(requests.ReadTimeout):
        caller.send(timeout_seconds=0.05)
    until(lambda: caller.last()["ended_ms"])
    assert (caller.last()["delivered"], caller.last()["answered"]) == (False, False)
    until(lambda: caller.last()["delivered"])
    assert (caller.last()["answered"], caller.last()["http_status"]) == (False, None)
    assert caller.ask("stats")["in_flight"] == 0


def test_latency_holds_up_no_other_call() -> None:
    with calling(*FAST, "--latency-ms", "700-800") as caller:
        threads = [threading.Thread(target=caller.send, args=(f"ou_{n % 2}",)) for n in range(6)]
        watch = Stopwatch()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = watch.seconds
        stats = caller.ask("stats")
    assert 0.7 <= took < 4.2  # 6 * 0.7, which they would take one after the other
    assert stats["max_in_flight"] == 6
    assert stats["max_in_flight_per_receiver"] == 3
    assert stats["several_in_flight"] == {"ou_0": 3, "ou_1": 3}
    assert stats["in_flight"] == 0


def test_the_demo_receivers_misbehave_on_their_own() -> None:
    with calling(*FAST, "--demo") as caller:
        assert [caller.send("ou_flaky_1").status_code for _ in range(3)] == [500, 500, 200]
        assert caller.send("ou_flaky_2").json()["code"] == 155000
        assert caller.send("ou_ticket_1").json()["code"] == 154405
        assert caller.send("ou_ticket_1", "user").json()["code"] == 0
        assert caller.send("ou_unknown_1").json()["code"] == 154004
        with pytest.raises(requests.ConnectionError):
            caller.send("ou_cut_1")
        assert caller.send("ou_cut_1").json()["code"] == 0
        url = f"{caller.base_url}/open-apis/helpdesk/v1/tickets"
        tickets = requests.get(url, params={"guest_id": "ou_ticket_2"}, headers=caller.headers, timeout=120).json()
    assert [ticket["status"] for ticket in tickets["data"]["tickets"]] == [2]


def test_a_demo_guests_ticket_stays_closed_once_closed() -> None:
    with calling(*FAST, "--demo") as caller:
        document = {"guest_id": "ou_ticket_1", "status": 50}
        requests.post(f"{caller.base_url}/sandbox/tickets", json=document, timeout=120)
        assert caller.send("ou_ticket_1").json()["code"] == 0


# The rolling window.


class SetClock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def test_the_window_rolls_and_refused_calls_take_nothing_of_it() -> None:
    clock = SetClock()
    started = clock.now
    with calling("--rate", "3/10second", clock=clock) as caller:

        def status_at(seconds: float) -> int:
            clock.now = started + seconds
            return caller.send().status_code

        assert [status_at(second) for second in (0, 4, 8, 9, 9.99)] == [200, 200, 200, 429, 429]
        # the call of second 0 has left; those of 4 and 8 have not
        assert [status_at(second) for second in (10, 10, 13.9)] == [200, 429, 429]
        refused = caller.send()
        peaks = caller.ask("stats")["max_in_window"]
    assert refused.json()["code"] == 99991400
    assert refused.headers["x-ogw-ratelimit-limit"] == "3"
    assert refused.headers["x-ogw-ratelimit-reset"] == "1"  # 14 - 13.9 s, in whole seconds
    assert peaks == {"cli_sandbox": {"10s": {"arrived": 8, "granted": 3}}}  # eight came from second 4 to 13.9


def test_the_window_is_kept_on_a_real_clock() -> None:
    with calling("--rate", "5/second") as caller:
        granted = 0
        while granted < 6:
            granted += caller.send().status_code == 200
            time.sleep(0.01)
        calls = [call for call in caller.ask("calls")["calls"] if call["path"] == MESSAGE_PATH]
    taken = [call["at"] for call in calls if call["http_status"] == 200]
    assert len(taken) == 6
    assert all(later - earlier >= 1 for earlier, later in zip(taken, taken[5:], strict=False))
    assert {call["http_status"] for call in calls} == {200, 429}


def test_every_app_has_a_quota_of_its_own() -> None:
    with calling("--rate", "1/minute", "--app", "cli_sandbox:sandbox-secret", "--app", "cli_b:b") as caller:
        assert [caller.send().status_code for _ in range(2)] == [200, 429]
        caller.headers["Authorization"] = f"Bearer {caller.token('cli_b', 'b')}"
        assert [caller.send().status_code for _ in range(2)] == [200, 429]
        assert [message["app_id"] for message in caller.ask("messages")["messages"]] == ["cli_sandbox", "cli_b"]


@given(
    gaps=st.lists(st.integers(0, 4000), max_size=60),
    limits=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 10)), min_size=1, max_size=3),
)
def test_no_rolling_window_ever_holds_more_than_the_quota(gaps: list[int], limits: list[tuple[int, int]]) -> None:
    quota = Quota(tuple(Limit(*pair) for pair in limits))
    now, granted = 0, []
    for gap in gaps:
        now += gap
        blocked = quota.take(now / 1000)
        if blocked is None:
            granted.append(now)
        else:
            assert 1 <= blocked[1] <= blocked[0].seconds
    for calls, seconds in limits:
        pairs = zip(granted, granted[calls:], strict=False)
        assert all(later - earlier >= seconds * 1000 for earlier, later in pairs)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("100/minute", [(100, 60)]),
        ("100/6second", [(100, 6)]),
        ("5/second; 100/minutes", [(5, 1), (100, 60)]),
        ("unlimited", []),
    ],
)
def test_rates_are_read_in_the_usual_notation(text: str, limits: list[tuple[int, int]]) -> None:
    assert [(limit.calls, limit.seconds) for limit in parse_rate(text)] == limits


@pytest.mark.parametrize("text", ["", "100", "0/minute", "5/0second", "5/fortnight", "5/second;"])
def test_a_wrong_rate_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid rate"):
        parse_rate(text)


# The record.


def test_every_call_is_on_record_with_what_came_and_what_went(caller: Caller) -> None:
    caller.send("ou_a")
    token, message = caller.ask("calls")["calls"]
    assert (token["seq"], token["app_id"], token["receiver_id"], token["delivered"]) == (1, "cli_sandbox", None, False)
    assert message["method"] == "POST"
    assert message["path"] == MESSAGE_PATH
    assert message["headers"]["x-lark-helpdesk-authorization"] == caller.headers["X-Lark-Helpdesk-Authorization"]
    assert message["body"]["receiver_id"] == message["receiver_id"] == "ou_a"
    assert message["raw_bytes"] == int(message["headers"]["content-length"])
    assert (message["http_status"], message["code"], message["answered"], message["fault"]) == (200, 0, True, None)
    assert message["message_id"].startswith("om_")
    assert abs(message["at"] - time.time()) < 10
    assert message["at"] * 1000 - 1 <= message["started_ms"] <= message["ended_ms"]
    assert caller.ask("calls?since=1")["calls"] == [message]
    assert caller.ask("calls?limit=1")["calls"] == [token]


def test_only_the_latest_calls_are_kept_and_the_others_counted() -> None:
    with calling(*FAST, "--keep-calls", "3") as caller:
        for number in range(5):
            caller.send(f"ou_{number}")
        kept = caller.ask("calls")
        assert [call["receiver_id"] for call in kept["calls"]] == ["ou_2", "ou_3", "ou_4"]
        assert [call["seq"] for call in caller.ask("calls?since=5")["calls"]] == [6]
        assert kept["dropped"] == 3  # the token call and two messages
        assert caller.ask("stats")["calls"]["message"] == {"0": 5}


def test_forgetting_calls_starts_the_counts_anew_and_goes_on_numbering(caller: Caller) -> None:
    caller.send()
    requests.delete(f"{caller.base_url}/sandbox/calls", timeout=120)
    assert caller.ask("calls") == {"calls": [], "dropped": 0}
    caller.send("ou_unknown")
    stats = caller.ask("stats")
    assert stats["calls"] == {"message": {"154004": 1}}
    assert (stats["delivered"], stats["kept"], caller.last()["seq"]) == (0, 1, 3)


def test_a_query_is_on_record_by_name(caller: Caller) -> None:
    url = f"{caller.base_url}/open-apis/helpdesk/v1/tickets?status_list=1&status_list=2&page=1"
    with closing(requests.get(url, headers=caller.headers, timeout=120)):
        assert caller.last()["query"] == {"status_list": ["1", "2"], "page": ["1"]}
        assert caller.last()["body"] is None
