"""Local images: uploaded once per app, then sent by their key."""

from typing import cast

import redis

from feishu.client import FeishuClient
from ledger.connection import text
from ledger.redis_keys import RedisKeys
from ledger.settings import Desk

__all__ = ["ImageGone", "Images"]

#: An image_key has no documented end; after this it is uploaded again, seconds.
KEY_SECONDS = 30 * 86400


class ImageGone(Exception):
    """The bytes of a local image are no longer in the ledger, so the message cannot be sent."""


class Images:
    """Turns the hash of a local image into the `image_key` that the API takes."""

    def __init__(self, client: redis.Redis, keys: RedisKeys, desk: Desk, feishu: FeishuClient) -> None:
        self._redis = client
        self._keys = keys
        self._desk = desk
        self._feishu = feishu

    def key_of(self, sha256: str) -> str:
        """Uploads it if no worker has. Two may do so at once, which costs an upload and does no harm.

        Raises ImageGone, AskFailed.
        """
        cache = self._keys.image_key(self._desk.name, sha256)
        cached_key = self._redis.get(cache)
        if cached_key:
            return text(cached_key)
        image = self._redis.get(self._keys.image(sha256))
        if image is None:
            raise ImageGone(f"the image {sha256[:12]}… is no longer in the ledger")
        image_key = self._feishu.upload_image(cast(bytes, image), sha256[:12])
        self._redis.set(cache, image_key, ex=KEY_SECONDS)
        return image_key
