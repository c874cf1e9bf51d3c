"""Redis goes away in the middle of a delivery: what is known all the same does not end as `unknown`."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from feishu.codes import Kind
from feishu.verdict import Verdict
from ledger.delivery_options import OnUnknown
from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Desk
from ledger.states import Outcome, State
from tests.integration.worker.feishu_by_hand import FeishuByHand, a_verdict, delivery_by_hand


def away(times: int, then: Callable[..., Any], error: redis.RedisError) -> Callable[..., Any]:
    """Fails so often, and then does it."""
    left: Iterator[int] = iter(range(times))

    def call(*arguments: Any) -> Any:
        if next(left, None) is not None:
            raise error
        return then(*arguments)

    return call


AWAY = [redis.ConnectionError("gone"), redis.TimeoutError("no answer"), redis.ResponseError("MISCONF no disk")]


@pytest.fixture(params=AWAY, ids=["cut", "lost", "unwritable"])
def error(request: pytest.FixtureRequest) -> redis.RedisError:
    error: redis.RedisError = request.param
    return error


def deliver(leases: Leases, desk: Desk, feishu: FeishuByHand) -> None:
    [released] = leases.release([(desk, 1, 10)])
    delivery_by_hand(desk, leases, feishu).deliver(released.ids)


def always(verdict: Verdict) -> FeishuByHand:
    return FeishuByHand(lambda _: verdict)


def accept(ledger: Ledger) -> str:
    asked = Notification.build({"receiver_id": "ou_a", "text": "hi", "on_unknown": OnUnknown.HOLD})
    return ledger.accept([asked])[0].id


def test_a_throttle_that_cannot_be_told_to_all_at_once_does_not_end_as_unknown(
    ledger: Ledger, leases: Leases, desk: Desk, error: redis.RedisError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hold was tried once. Its error broke the delivery off, and the end of the lease made it `unknown`."""
    id = accept(ledger)
    monkeypatch.setattr(leases, "hold", away(2, leases.hold, error))
    deliver(leases, desk, always(a_verdict(Kind.THROTTLED, http_status=429, retry_after_seconds=30)))

    progress = ledger.get(id).progress
    assert (progress.state, [each.outcome for each in progress.attempts]) == (State.QUEUED, [Outcome.THROTTLED])
    assert leases.release([(desk, 1, 10)])[0].ids == [], "all hold back"


def test_what_was_not_called_for_goes_back_to_its_lane(
    ledger: Ledger, leases: Leases, desk: Desk, error: redis.RedisError
) -> None:
    """The token's copy was too old, Redis was away for a moment, and it became `unknown` although nobody had called."""
    id = accept(ledger)
    feishu = FeishuByHand(lambda _: a_verdict(Kind.DELIVERED), away(1, lambda: None, error))
    deliver(leases, desk, feishu)
    assert (ledger.get(id).progress.state, ledger.get(id).progress.attempts, feishu.receivers) == (State.QUEUED, (), [])

    deliver(leases, desk, feishu)
    assert (ledger.get(id).progress.state, feishu.receivers) == (State.DELIVERED, ["ou_a"])


def test_another_try_that_finds_no_redis_leaves_the_result_of_the_last_one(
    ledger: Ledger, leases: Leases, desk: Desk, error: redis.RedisError, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = accept(ledger)
    monkeypatch.setattr(leases, "renew", away(1, leases.renew, error))
    monkeypatch.setattr("worker.delivery.INLINE_WAIT_SECONDS", (0.001, 0.001))
    deliver(leases, desk, always(a_verdict(Kind.TRANSIENT, code=155000)))

    progress = ledger.get(id).progress
    assert (progress.state, [each.outcome for each in progress.attempts]) == (State.DEFERRED, [Outcome.TRANSIENT])


def test_an_error_that_does_not_pass_is_left_to_the_end_of_the_lease(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id = accept(ledger)
    wrong = redis.ResponseError("ERR a script of ours is wrong")
    deliver(leases, desk, FeishuByHand(lambda _: a_verdict(Kind.DELIVERED), away(1, lambda: None, wrong)))
    assert ledger.get(id).progress.state is State.SENDING
