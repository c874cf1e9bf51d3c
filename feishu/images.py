"""Local images: uploaded once per app, then sent by their key."""

import hashlib
from collections.abc import Callable
from typing import cast

import redis

from feishu.client import FeishuClient
from ledger.connection import text
from ledger.endings import Ending
from ledger.messages.images import LocalImage
from ledger.redis_keys import RedisKeys
from ledger.settings import Desk

__all__ = ["ImageGone", "Images"]

#: An image_key has no documented end; after this it is uploaded again, seconds.
KEY_SECONDS = 30 * 86400
#: A key of less than this is not at fault, seconds: to upload each time would cost each notification a call more.
YOUNG_SECONDS = 3600
#: What Feishu answers when it does not know an image_key, or not as one of this app's.
_UNKNOWN_KEY = frozenset({154404, 200570, 230017, 230055})


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
        return self._key(sha256, lambda: self._kept(sha256))

    def uploaded(self, image: LocalImage) -> str:
        """As `key_of`, for an image that need not be in the ledger. Raises AskFailed."""
        return self._key(image.sha256, lambda: image.data)

    def _key(self, sha256: str, data: Callable[[], bytes]) -> str:
        cache = self._cache(sha256)
        if cached_key := self._redis.get(cache):
            return text(cached_key)
        image_key = self._feishu.upload_image(data(), sha256[:12])
        self._redis.set(cache, image_key, ex=KEY_SECONDS)
        return image_key

    def _kept(self, sha256: str) -> bytes:
        image = self._redis.get(self._keys.image(sha256))
        if image is None:
            raise ImageGone(Ending.IMAGE_GONE)
        return cast(bytes, image)

    def renewed(self, sha256: str, image_key: str, code: int | None) -> str | None:
        """Another key for an image that was refused under this one, by the code of the refusal.

        None if the key is not what was wrong, or cannot be replaced. Raises AskFailed.
        """
        if code not in _UNKNOWN_KEY:
            return None
        cache = self._cache(sha256)
        cached_key = self._redis.get(cache)
        if cached_key and text(cached_key) != image_key:
            return text(cached_key)  # another worker was first
        is_young = self._redis.ttl(cache) > KEY_SECONDS - YOUNG_SECONDS
        if is_young or not self._redis.exists(self._keys.image(sha256)):
            return None
        self._redis.delete(cache)
        return self.key_of(sha256)

    def _cache(self, sha256: str) -> str:
        """A key is good for one app only, so the hash begins with the desk's credentials."""
        of_app = hashlib.sha256(f"{self._desk.fingerprint}\0{sha256}".encode()).hexdigest()
        return self._keys.image_key(self._desk.name, of_app)
