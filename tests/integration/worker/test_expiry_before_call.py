"""What expires after its claim is not called for any more."""

import time

from feishu.codes import Kind
from ledger.delivery_options import ReceiveType
from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.rate import parse_rate
from ledger.settings import Desk
from ledger.states import Outcome, State
from tests.integration.worker.feishu_by_hand import FeishuByHand, a_verdict, delivery_by_hand

#: When it expires, and how long the worker is kept from its call: longer, seconds.
EXPIRES_SECONDS, KEPT_SECONDS = 3, 3.2


def kept() -> None:
    time.sleep(KEPT_SECONDS)


def accept(ledger: Ledger) -> str:
    asked = Notification.build({"receiver_id": "ou_a", "text": "hi", "expires": f"{EXPIRES_SECONDS}s"})
    return ledger.accept([asked])[0].id


def test_it_goes_back_without_a_call_and_its_slot_is_free_again(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    limited = desk.model_copy(update={"rate": parse_rate("10/minute")})
    id = accept(ledger)
    feishu = FeishuByHand(lambda _: a_verdict(Kind.DELIVERED), kept)
    [released] = leases.release([(limited, 1, 10)])
    delivery_by_hand(desk, leases, feishu).deliver(released.ids)
    assert (feishu.receivers, ledger.get(id).progress.state) == ([], State.QUEUED)
    assert ledger.redis.llen(ledger.keys.slots("default")) == 0


def test_no_second_try_is_made_after_it_expired(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    """A retry within seconds was made whenever its slot came."""
    id = accept(ledger)
    feishu = FeishuByHand(lambda _: kept() or a_verdict(Kind.TRANSIENT, code=155000))  # type: ignore[func-returns-value]
    [released] = leases.release([(desk, 1, 10)])
    delivery_by_hand(desk, leases, feishu).deliver(released.ids)
    assert len(feishu.receivers) == 1
    progress = ledger.get(id).progress
    assert [(each.via, each.outcome) for each in progress.attempts] == [(ReceiveType.CHAT, Outcome.TRANSIENT)]
    assert progress.state is State.DEFERRED
    assert progress.due_ms <= (ledger.get(id).notification.expires_ms or 0)
