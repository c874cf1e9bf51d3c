"""The poster: what is owed is posted, again if need be, and nobody's slowness is another's."""

import base64
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import redis
import standardwebhooks

from http_client.egress import Egress
from ledger.announcement import Spec
from ledger.callback_format import signing_key
from ledger.callbacks import KEPT_MS, Callbacks
from ledger.ledger import Ledger
from ledger.notification import Notification
from tests.calm import Stopwatch
from tests.receiver import Answer, Receiver, answering, receiving
from worker import callback_room
from worker import callbacks as module
from worker.callbacks import Poster

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
LOOPBACK = Egress({"127.0.0.0/8"})


def owe(ledger: Ledger, url: str, count: int = 1) -> list[str]:
    """Notifications that were cancelled: the shortest way to an end."""
    given = {"receiver_id": "ou_ada", "text": "s3cret body", "callback_url": url}
    ids = [accepted.id for accepted in ledger.accept([Notification.build(given) for _ in range(count)])]
    ledger.cancel(ids, "me")
    return ids


def queue(ledger: Ledger) -> str:
    """Where what `owe` owes stands."""
    return ledger.keys.callbacks_of("@default")


def due_at_once(ledger: Ledger) -> None:
    for name in ledger.redis.zrange(queue(ledger), 0, -1):
        ledger.redis.zadd(queue(ledger), {name: 0})
    ledger.redis.zadd(ledger.keys.callback_owners, {"@default": 0})


@contextmanager
def posting(ledger: Ledger, outward: Egress = LOOPBACK, key: bytes | None = signing_key(SECRET)) -> Iterator[Poster]:
    poster = Poster(Callbacks(ledger), key, outward)
    poster.start()
    try:
        yield poster
    finally:
        poster.stop()
        # It does not wait for its posts; the ledger of a test must not be closed under them.
        until(lambda: all(thread.name != "callback" for thread in threading.enumerate()))


def until(look: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def settled(ledger: Ledger) -> bool:
    return Callbacks(ledger).counts()[0] == 0


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)


def test_what_is_owed_is_posted_signed_and_struck_off(ledger: Ledger) -> None:
    with receiving() as receiver, posting(ledger):
        [id] = owe(ledger, receiver.url)
        receiver.wait()
        until(lambda: settled(ledger))
    [received] = receiver.received
    document = standardwebhooks.Webhook(SECRET).verify(received.body, received.headers)
    assert (document["type"], document["data"]["id"]) == ("notification.cancelled", id)
    assert document["data"] == ledger.get(id).as_json()
    assert b"s3cret" not in received.body
    assert received.headers["content-type"] == "application/json"


def test_the_end_of_an_announcement_is_posted_with_its_counts(ledger: Ledger) -> None:
    message: dict[str, Any] = {"msg_type": "text", "content": {"text": "s3cret body"}}
    with receiving() as receiver, posting(ledger):
        spec = Spec(name="N", message=message, callback_url=receiver.url)
        id, _ = ledger.announcements.open(spec, key="k", digest="d")
        ledger.announcements.load(id, [b'[1,"ou_ada",[]]', b'[2,"ou_bob",[]]'])
        ledger.announcements.start(id, spec, 2)
        ledger.announcements.cancel(id, "me")
        receiver.wait()
    document = standardwebhooks.Webhook(SECRET).verify(receiver.received[0].body, receiver.received[0].headers)
    assert (document["type"], document["data"]["counts"]) == ("announcement.cancelled", {"cancelled": 2})


@pytest.mark.parametrize("refusal", [500, 404, 429, 302])
def test_what_was_refused_is_posted_again_under_the_same_name(ledger: Ledger, refusal: int) -> None:
    with receiving(answering(refusal), answering(200)) as receiver, posting(ledger):
        owe(ledger, receiver.url)
        receiver.wait()
        until(lambda: not _is_leased(ledger))
        due_at_once(ledger)
        receiver.wait()
        until(lambda: settled(ledger))
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def _is_leased(ledger: Ledger) -> bool:
    """Whether a post is under way: a callback that was put off is due before its lease would end."""
    [(_, due_ms)] = ledger.redis.zrange(queue(ledger), 0, -1, withscores=True)
    seconds, _ = ledger.redis.time()
    return bool(due_ms > (seconds + 10) * 1000)


def test_who_says_gone_is_not_asked_again(ledger: Ledger) -> None:
    with receiving(answering(410)) as receiver, posting(ledger):
        owe(ledger, receiver.url)
        receiver.wait()
        until(lambda: settled(ledger))
    assert len(receiver.received) == 1


def test_intervals_grow_with_the_age_and_have_an_end() -> None:
    waits = [module._wait_ms(age_ms) for age_ms in (0, 5_000, 60_000, 3_600_000, 80_000_000)]
    expected = [5_000, 5_000, 60_000, 3_600_000, 3_600_000]
    assert all(0.9 * each <= wait <= 1.1 * each for wait, each in zip(waits, expected, strict=True))
    age_ms, tries = 0, 0
    while age_ms <= module.OLDEST_MS:
        age_ms, tries = age_ms + module._wait_ms(age_ms), tries + 1
    assert 25 < tries < 45


def test_after_a_day_it_is_given_up(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    with receiving(answering(500)) as receiver:
        owe(ledger, receiver.url)
        [name] = ledger.redis.zrange(queue(ledger), 0, -1)
        ledger.redis.hset(ledger.keys.callback(name.decode()), "at", int(time.time() * 1000) - module.OLDEST_MS)
        with posting(ledger):
            until(lambda: settled(ledger))
    assert "given up after a day" in caplog.text
    assert len(receiver.received) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"])
def test_a_private_address_is_not_called(ledger: Ledger, caplog: pytest.LogCaptureFixture, host: str) -> None:
    with receiving() as receiver:
        owe(ledger, receiver.url.replace("127.0.0.1", host) + "?token=s3cret")
        with posting(ledger, Egress(())):
            until(lambda: "DESKBELL_CALLBACK_ALLOW" in caplog.text)
    assert receiver.received == []
    assert "s3cret" not in caplog.text


def test_a_name_that_changes_between_check_and_call_leads_nowhere_else(ledger: Ledger) -> None:
    """DNS rebinding: allowed at the check, somebody else's address a moment later."""
    looked_up: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["10.0.0.1"]

    with receiving() as receiver:
        owe(ledger, receiver.url.replace("127.0.0.1", "hooks.example.com"))
        with posting(ledger, Egress({"127.0.0.1/32"}, rebinding)):
            until(lambda: settled(ledger))
    assert looked_up == ["hooks.example.com"]
    assert receiver.received[0].headers["host"].startswith("hooks.example.com:")


def test_without_a_secret_nothing_is_posted_and_somebody_is_told(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving() as receiver:
        owe(ledger, receiver.url)
        with posting(ledger, key=None):
            until(lambda: "DESKBELL_CALLBACK_SECRET" in caplog.text)
    assert (receiver.received, Callbacks(ledger).counts()[0]) == ([], 1)


def test_without_a_secret_what_nobody_posts_is_not_owed_for_ever(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    owe(ledger, "https://hooks.example.com/bell")
    for name in ledger.redis.zrange(queue(ledger), 0, -1):
        ledger.redis.zincrby(queue(ledger), -KEPT_MS, name)
    owe(ledger, "https://hooks.example.com/bell")
    with posting(ledger, key=None):
        until(lambda: "1 callbacks wait" in caplog.text)
    assert Callbacks(ledger).counts()[0] == 1


def test_a_post_that_gets_no_thread_leaves_its_room_to_the_next(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    owe(ledger, "https://hooks.example.com/bell")
    poster = Poster(Callbacks(ledger), signing_key(SECRET), LOOPBACK, send=lambda *_: 200)
    with monkeypatch.context() as scarce:
        scarce.setattr(threading.Thread, "start", refused)
        for _ in range(callback_room.AT_ONCE + 1):
            due_at_once(ledger)
            with pytest.raises(RuntimeError):
                poster.look()


def refused(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def hang_until(event: threading.Event) -> Answer:
    def hang(handler: BaseHTTPRequestHandler) -> None:
        event.wait(20)
        handler.close_connection = True

    return hang


def test_a_host_that_hangs_leaves_room_for_the_others(ledger: Ledger) -> None:
    over = threading.Event()
    with receiving(hang_until(over)) as slow, receiving() as quick, posting(ledger):
        owe(ledger, slow.url, 20)
        owe(ledger, quick.url, 30)
        quick.wait(30)
        assert len(slow.received) <= callback_room.AT_ONCE_TO_HOST
        over.set()


def test_many_are_posted_without_a_pause_for_each(ledger: Ledger) -> None:
    with receiving() as receiver, posting(ledger):
        watch = Stopwatch()
        owe(ledger, receiver.url, 200)
        receiver.wait(200)
        assert watch.calm_seconds < 20
        until(lambda: settled(ledger))
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 200
    assert len(receiver.received) == 200


def test_a_host_that_does_not_answer_is_left_alone_for_a_while(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    with receiving(cut) as receiver, posting(ledger):
        owe(ledger, receiver.url, 10)
        until(lambda: "did not answer" in caplog.text)
        time.sleep(0.3)
        assert len(receiver.received) <= 2 * callback_room.AT_ONCE_TO_HOST
    assert Callbacks(ledger).counts()[0] == 10


def test_a_lost_poster_s_callback_is_posted_after_its_lease(ledger: Ledger) -> None:
    with receiving() as receiver:
        owe(ledger, receiver.url)
        assert len(Callbacks(ledger).due(10, 300)) == 1
        with posting(ledger):
            receiver.wait()
            until(lambda: settled(ledger))


def test_redis_may_go_and_come_back(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AFTER_ERROR_SECONDS", 0.02)
    real, failures = ledger.verbs.call, iter([redis.ConnectionError("away"), RuntimeError("a bug")])

    def failing(verb: str, *arguments: Any) -> Any:
        if verb == "callbacks" and (error := next(failures, None)):
            raise error
        return real(verb, *arguments)

    monkeypatch.setattr(ledger.verbs, "call", failing)
    with receiving() as receiver, posting(ledger):
        owe(ledger, receiver.url)
        receiver.wait()


def test_what_nobody_foresaw_is_tried_again_later_and_logged_without_the_url(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    url = "https://hooks.example.com/s3cret"

    def broken(host: str, port: int) -> list[str]:
        raise LookupError(url)

    owe(ledger, url)
    with posting(ledger, Egress((), broken)):
        until(lambda: "posted again in" in caplog.text)
    assert "LookupError" in caplog.text
    assert "s3cret" not in caplog.text
    assert Callbacks(ledger).counts()[0] == 1


def test_no_log_line_has_a_secret(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    receiver: Receiver
    with receiving(answering(500), answering(410)) as receiver, posting(ledger):
        owe(ledger, receiver.url + "?token=s3cret")
        owe(ledger, "http://127.0.0.1:1/s3cret")
        owe(ledger, "http://hooks.invalid./s3cret")
        until(lambda: "Errno" in caplog.text or "did not answer" in caplog.text)
        receiver.wait()
    ours = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith(("worker", "ledger", "http_client", "feishu"))
    ]
    assert ours
    assert "s3cret" not in " ".join(ours)
    assert SECRET not in caplog.text
