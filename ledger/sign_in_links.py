"""One-time links that sign somebody in to the console with a key, instead of its secret.

Redis keeps only the hash of a link's token, so reading Redis does not allow signing in.
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

from ledger.api_key import ApiKey, digest_of
from ledger.api_keys import ApiKeys
from ledger.audit_log import record_action
from ledger.connection import text
from ledger.errors import BadInput
from ledger.key_grants import check_grant
from ledger.phrases import Phrase
from ledger.store import Store

__all__ = ["MOST_LINKS", "SignInLink", "SignInLinks"]

#: How long a link works: somebody is waiting for it.
WORKS_FOR = timedelta(minutes=10)
#: Links of one key that are made within this time.
MOST_LINKS = 20


class SignInLink(NamedTuple):
    """A link that was made. Its token is stored nowhere."""

    key: ApiKey
    token: str
    ends_at: datetime

    def url(self, base: str) -> str:
        """The token stands in the query, which our log leaves out."""
        return f"{base.rstrip('/')}/console/sign-in/link?{urlencode({'token': self.token})}"

    def __repr__(self) -> str:
        return f"SignInLink(key={self.key.name!r}, ends_at={self.ends_at!r})"


class SignInLinks:
    """Raises redis-py's errors."""

    def __init__(self, store: Store, keys: ApiKeys) -> None:
        self._store, self._api_keys = store, keys
        self._redis, self._names = store.redis, store.keys

    def make(self, id_or_name: str, by: str, grantor: ApiKey | None = None) -> SignInLink:
        """A link for a key, whose holder may do all that the key may. `grantor` is the key that asks for it.

        Raises NotFound, BadInput for a key that cannot sign in or has many links, and GrantRefused for more than the
        grantor has.
        """
        digest, key = self._api_keys.named(id_or_name)
        if key.revoked_at is not None:
            raise BadInput("key", Phrase("{key} was revoked", key=key.name))
        if not key.may_sign_in:
            raise BadInput("key", Phrase("{key} cannot sign in: that needs the scope read or operate", key=key.name))
        check_grant(grantor, key)
        self._count(key)
        token = secrets.token_urlsafe(32)
        self._redis.set(self._names.sign_in_link(digest_of(token)), digest, ex=WORKS_FOR)
        record_action(self._store, by, "make link", key.name)
        return SignInLink(key, token, datetime.now(UTC) + WORKS_FOR)

    def key_of(self, token: str) -> ApiKey | None:
        """The key that a link signs in with; None if it was used, is too old or never existed. It stays usable."""
        digest = cast(bytes | None, self._redis.get(self._names.sign_in_link(digest_of(token))))
        return self._usable(digest)

    def use(self, token: str) -> tuple[str, ApiKey] | None:
        """The hash of the key's secret, and the key. A link works once: of several calls at the same time, for one."""
        digest = cast(bytes | None, self._redis.getdel(self._names.sign_in_link(digest_of(token))))
        key = self._usable(digest)
        return (text(digest), key) if digest and key else None

    def _usable(self, digest: bytes | None) -> ApiKey | None:
        [key] = self._api_keys.find_hashed([text(digest)]) if digest else [None]
        return key if key and key.may_sign_in else None

    def _count(self, key: ApiKey) -> None:
        """Raises BadInput if the key has all the links that it may have."""
        name = self._names.sign_in_links(key.id)
        pipe = self._redis.pipeline()
        pipe.set(name, 0, ex=WORKS_FOR, nx=True)
        pipe.incr(name)
        answers: Any = pipe.execute()
        if int(answers[1]) > MOST_LINKS:
            problem = Phrase("{key} has had {most} links within ten minutes: wait", key=key.name, most=MOST_LINKS)
            raise BadInput("key", problem)
