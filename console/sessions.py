"""Signing in to the console, and staying signed in: one random cookie, one record in Redis."""

import hashlib
import secrets
from typing import cast

from console.viewer import Viewer
from ledger.api_keys import ApiKey, ApiKeys, Scope
from ledger.connection import text
from ledger.ledger import Ledger

__all__ = ["SESSION_SECONDS", "SIGN_INS_A_MINUTE", "Sessions", "anonymous_cookie", "csrf_token"]

#: After this whoever works in the console signs in again, seconds.
SESSION_SECONDS = 12 * 3600
#: From one address. A secret cannot be guessed; this keeps those who try from costing much.
SIGN_INS_A_MINUTE = 10


def anonymous_cookie() -> str:
    """For a browser that has none: its forms need it too, the one for signing in first of all."""
    return secrets.token_urlsafe(32)


def csrf_token(cookie: str) -> str:
    """Stands in each form. Only who can read the cookie, which no script and no other site can, knows it."""
    return hashlib.sha256(b"csrf\0" + cookie.encode()).hexdigest()


class Sessions:
    """A session ends at once when its key is revoked: the key is looked up anew for each page.

    Redis keeps the hash of the cookie alone, so that nobody who reads Redis can sign in with what stands there.
    """

    def __init__(self, ledger: Ledger, keys: ApiKeys) -> None:
        self._redis, self._names = ledger.redis, ledger.keys
        self._api_keys = keys

    def sign_in(self, secret: str) -> tuple[str, Viewer] | None:
        """A new cookie, and whose it is; None for a secret that is none, or whose key may not look."""
        key = self._api_keys.find(secret)
        if key is None or not may_look(key):
            return None
        cookie, digest = secrets.token_urlsafe(32), self._api_keys.digest_of(secret)
        self._redis.set(self._name(cookie), digest, ex=SESSION_SECONDS)
        return cookie, Viewer.of_key(key, digest)

    def viewer(self, cookie: str) -> Viewer | None:
        """Whose session it is; None when it is over."""
        digest = cast(bytes | None, self._redis.get(self._name(cookie)))
        return self.viewer_of_key(text(digest)) if digest else None

    def viewer_of_key(self, digest: str) -> Viewer | None:
        """By the hash of a key's secret; None when the key was revoked."""
        [key] = self._api_keys.find_hashed([digest])
        return Viewer.of_key(key, digest) if key and may_look(key) else None

    def sign_out(self, cookie: str) -> None:
        self._redis.delete(self._name(cookie))

    def are_needed(self) -> bool:
        """Whether a key is configured. Until then this machine alone is served, and nobody signs in."""
        return self._api_keys.are_configured()

    def tries_too_often(self, address: str) -> bool:
        """Counts one more try to sign in."""
        name = self._names.sign_ins(address)
        pipe = self._redis.pipeline()
        pipe.set(name, 0, ex=60, nx=True)
        pipe.incr(name)
        _, tries = pipe.execute()
        return int(tries) > SIGN_INS_A_MINUTE

    def _name(self, cookie: str) -> str:
        return self._names.session(hashlib.sha256(cookie.encode()).hexdigest())


def may_look(key: ApiKey) -> bool:
    return bool(key.scopes & {Scope.READ, Scope.OPERATE})
