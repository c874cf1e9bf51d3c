"""The key of a stored image that Feishu no longer knows: the bytes are there, so it is uploaded again, once."""

import hashlib

import orjson
import pytest
import redis

from feishu import images
from feishu.codes import Kind
from feishu.images import Images
from feishu.verdict import Verdict
from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Desk
from ledger.states import State
from tests.integration.worker.feishu_by_hand import FeishuByHand, a_verdict, delivery_by_hand

__all__: list[str] = []

PICTURE = b"\x89PNG\r\n\x1a\n picture"
SHA256 = hashlib.sha256(PICTURE).hexdigest()
MESSAGE = {"msg_type": "image", "content": {"image_sha256": SHA256}}


class Feishu(FeishuByHand):
    """Gives each upload a key of its own, and knows only those keys that it has not lost."""

    def __init__(self, code: int = 230017) -> None:
        super().__init__(lambda _: a_verdict(Kind.DELIVERED))
        self.uploads = 0
        self.known: set[str] = set()
        self.code = code

    def upload_image(self, *_: object) -> str:
        self.uploads += 1
        self.known.add(key := f"img_{self.uploads}")
        return key

    def send(self, receiver_id: str, *more: str) -> Verdict:
        delivered = super().send(receiver_id, *more)
        is_known = orjson.loads(more[-1])["image_key"] in self.known
        return delivered if is_known else a_verdict(Kind.REFUSED, code=self.code)


class Sending:
    def __init__(self, ledger: Ledger, leases: Leases, desk: Desk, feishu: Feishu) -> None:
        self.ledger, self.leases, self.desk, self.feishu = ledger, leases, desk, feishu
        self.images = Images(ledger.redis, ledger.keys, desk, feishu)  # type: ignore[arg-type]  # of it one method

    def state(self) -> State:
        """Of one more notification with the picture, after the worker has tried it."""
        notification = Notification.build({"receiver_id": "ou_ada", "message": MESSAGE})
        self.ledger.keep_image(SHA256, PICTURE, [notification])
        [accepted] = self.ledger.accept([notification])
        [released] = self.leases.release([(self.desk, 10, 10)])
        delivery_by_hand(self.desk, self.leases, self.feishu, images=self.images).deliver(released.ids)
        return self.ledger.get(accepted.id).progress.state

    def grow_old(self) -> None:
        [key] = self.ledger.redis.keys(self.ledger.keys.image_key("default", "*"))
        self.ledger.redis.expire(key, images.KEY_SECONDS - images.YOUNG_SECONDS - 1)


@pytest.fixture
def sending(ledger: Ledger, leases: Leases, desk: Desk) -> Sending:
    return Sending(ledger, leases, desk, Feishu())


@pytest.mark.parametrize("code", [154404, 200570, 230017, 230055])
def test_a_key_that_feishu_no_longer_knows_costs_one_upload_and_the_message_arrives(
    sending: Sending, code: int
) -> None:
    sending.feishu.code = code
    assert sending.state() is State.DELIVERED
    sending.feishu.known.clear()
    sending.grow_old()
    assert [sending.state(), sending.state()] == [State.DELIVERED] * 2
    assert (sending.feishu.uploads, len(sending.feishu.receivers)) == (2, 4)


def test_a_key_that_was_just_made_and_is_refused_is_not_made_again_for_each_receiver(sending: Sending) -> None:
    assert sending.state() is State.DELIVERED
    sending.feishu.known.clear()
    assert [sending.state() for _ in range(5)] == [State.FAILED] * 5
    assert sending.feishu.uploads == 1


def test_what_another_worker_has_uploaded_meanwhile_is_taken(sending: Sending) -> None:
    assert sending.state() is State.DELIVERED
    sending.grow_old()
    first = sending.images.renewed(SHA256, "img_1", 230017)
    assert (first, sending.images.renewed(SHA256, "img_1", 230017)) == ("img_2", "img_2")
    assert sending.feishu.uploads == 2


def test_another_refusal_and_lost_bytes_leave_the_key_alone(sending: Sending, client: redis.Redis) -> None:
    assert sending.state() is State.DELIVERED
    sending.grow_old()
    assert sending.images.renewed(SHA256, "img_1", 230013) is None
    client.delete(sending.ledger.keys.image(SHA256))
    assert sending.images.renewed(SHA256, "img_1", 230017) is None
    assert sending.images.key_of(SHA256) == "img_1"


def test_the_key_of_an_app_is_not_taken_for_that_of_the_app_that_the_desk_has_now(sending: Sending) -> None:
    assert sending.state() is State.DELIVERED
    sending.desk = sending.desk.model_copy(update={"app_id": "cli_other"})
    sending.images = Images(sending.ledger.redis, sending.ledger.keys, sending.desk, sending.feishu)  # type: ignore[arg-type]
    assert sending.state() is State.DELIVERED
    assert sending.feishu.uploads == 2
