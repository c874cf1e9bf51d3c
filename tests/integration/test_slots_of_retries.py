"""Each call has a slot of its own, also one that is made again within seconds."""

import pytest

from ledger.codes import Kind
from ledger.ledger import Ledger
from ledger.models import Notification
from ledger.settings import Desk, parse_rate
from ledger.work import Work
from tests.integration.feishu_by_hand import FeishuByHand, a_verdict, delivery_by_hand
from worker.policy import INLINE_TRIES


@pytest.mark.parametrize(("calls_left", "made"), [(10, INLINE_TRIES), (2, 2), (1, 1)])
def test_a_try_without_a_slot_is_not_made(
    ledger: Ledger, work: Work, desk: Desk, monkeypatch: pytest.MonkeyPatch, calls_left: int, made: int
) -> None:
    monkeypatch.setattr("worker.delivery.INLINE_WAIT_SECONDS", (0.001, 0.001))
    limited = desk.model_copy(update={"rate": parse_rate(f"{calls_left}/minute")})
    ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "hi"})])
    [released] = work.release([(limited, 1, 10)])
    feishu = FeishuByHand(lambda _: a_verdict(Kind.TRANSIENT, code=155000))
    delivery_by_hand(limited, work, feishu).deliver(released.ids)
    assert len(feishu.receivers) == made
    assert ledger.redis.llen(ledger.keys.slots("default")) == made
