"""A `Delivery` whose Feishu answers as the test says: no sandbox, no sleep."""

import random
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import create_autospec

from feishu.codes import Kind
from feishu.images import Images
from feishu.verdict import Verdict
from ledger.leases import Leases
from ledger.settings import Desk
from worker.delivery import Delivery
from worker.metrics import DeskMetrics
from worker.retries import RetryPolicy

__all__ = ["RETRY_FOR", "FeishuByHand", "NoTickets", "a_verdict", "delivery_by_hand"]

RETRY_FOR = timedelta(hours=24)


def a_verdict(kind: Kind, **fields: Any) -> Verdict:
    return Verdict(call="send", kind=kind, started_at_ms=0, **{"elapsed_ms": 5, **fields})


class FeishuByHand:
    """`ready` is where a worker asks Redis for the token; `answer` is asked with the receiver."""

    def __init__(self, answer: Callable[[str], Verdict], before_the_call: Callable[[], None] = lambda: None) -> None:
        self._answer, self._before_the_call = answer, before_the_call
        self.receivers: list[str] = []

    def ready(self) -> Verdict | None:
        self._before_the_call()
        return None

    def send(self, receiver_id: str, *_: str) -> Verdict:
        self.receivers.append(receiver_id)
        return self._answer(receiver_id)


class NoTickets:
    """Nobody is known to have an open ticket, and nobody has one."""

    def known_open(self, *_: Any) -> frozenset[str]:
        return frozenset()

    def is_open(self, _: Any) -> bool:
        return False

    def is_learnt(self, _: Any) -> bool:
        return False

    def refresh_if_due(self) -> None: ...


def delivery_by_hand(
    desk: Desk,
    leases: Leases,
    feishu: FeishuByHand,
    stopping: threading.Event | None = None,
    tickets: Any = None,
    images: Any = None,
) -> Delivery:
    policy = RetryPolicy(RETRY_FOR, random.Random(1))
    images = images or create_autospec(Images, instance=True)
    metrics = create_autospec(DeskMetrics, instance=True)
    return Delivery(
        desk, leases, feishu, tickets or NoTickets(), images, policy, metrics, stopping or threading.Event()
    )
