"""Callbacks of one key at one desk that hang, in any number and by any trick, hold up nobody else's."""

import threading
import time
from collections.abc import Sequence
from itertools import cycle, islice

import pytest

from http_client.egress import Egress, Resolver
from ledger.callbacks import Callbacks
from ledger.ledger import Ledger
from ledger.notification import Notification
from tests.integration.worker.test_callback_poster import posting, until
from tests.receiver import receiving
from tests.tarpits import silent_name_server, tarpits
from worker import callback_room

#: Within so many seconds another's callback has to come. A post into a tarpit takes 10.
SOON_SECONDS = 5


def owe(
    ledger: Ledger, urls: Sequence[str], caller: str | None, desk: str = "default", count: int | None = None
) -> None:
    given = {"receiver_id": "ou_ada", "text": "x", "desk": desk}
    wanted = list(islice(cycle(urls), count or len(urls)))
    asked = [Notification.build({**given, "callback_url": url}, caller=caller) for url in wanted]
    ledger.cancel([accepted.id for accepted in ledger.accept(asked)], "me")


def posts_under_way() -> int:
    return sum(thread.name == "callback" for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("caller", "desk"), [("good", "hr"), ("good", "default"), ("evil", "hr"), (None, "hr")], ids=str
)
def test_forty_tarpits_of_one_key_hold_up_nobody_else(ledger_of_desks: Ledger, caller: str | None, desk: str) -> None:
    ledger = ledger_of_desks
    with posting(ledger), tarpits(40) as slow, receiving() as good:
        owe(ledger, slow, "evil")
        until(lambda: posts_under_way() >= callback_room.AT_ONCE_TO_ADDRESS)
        owe(ledger, [good.url], caller, desk)
        good.wait(seconds=SOON_SECONDS)
        assert posts_under_way() >= callback_room.AT_ONCE_TO_ADDRESS, "they still hang"


def test_tarpits_of_several_keys_and_desks_leave_room_too(ledger_of_desks: Ledger) -> None:
    ledger = ledger_of_desks
    with posting(ledger), tarpits(20) as slow, receiving() as good:
        for caller, desk in (("evil", "hr"), ("evil", "it"), ("evil", "ops"), ("bad", "hr"), ("bad", "it")):
            owe(ledger, slow, caller, desk)
        until(lambda: posts_under_way() >= 2 * callback_room.AT_ONCE_TO_ADDRESS)
        owe(ledger, [good.url], "good")
        good.wait(seconds=SOON_SECONDS)


def test_hundreds_that_hang_hold_up_nobody_else(ledger: Ledger) -> None:
    with receiving() as good, posting(ledger), tarpits(10) as slow:
        owe(ledger, slow, "evil", count=200)
        owe(ledger, [good.url], "good")
        good.wait(seconds=SOON_SECONDS)


def test_one_key_and_desk_has_half_of_the_posts_at_most(ledger: Ledger) -> None:
    """Its addresses are many: all of 127.0.0.0/8 is this machine's."""
    most = 0
    with posting(ledger), tarpits(1) as [slow]:
        owe(ledger, [slow.replace("127.0.0.1", f"127.0.0.{number}") for number in range(2, 42)], "evil")
        ends_at = time.monotonic() + 1
        while time.monotonic() < ends_at:
            most = max(most, posts_under_way())
            time.sleep(0.01)
    assert most <= callback_room.AT_ONCE // 2


def test_a_name_server_that_says_nothing_takes_no_thread_for_long(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    with silent_name_server() as port, receiving() as good:
        outward = Egress({"127.0.0.0/8"}, Resolver(0.5, servers=["127.0.0.1"], udp_port=port))
        with posting(ledger, outward):
            owe(ledger, [f"http://n{number}.evil.example/bell" for number in range(40)], "evil")
            owe(ledger, [good.url], "good")
            good.wait(seconds=SOON_SECONDS)
            until(lambda: "could not be looked up in time" in caplog.text)
    assert Callbacks(ledger).counts()[0] == 40
