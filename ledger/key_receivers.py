"""The receivers of a key that may write only to some addresses.

An address is compared as it is given. An id also counts as listed if a listed e-mail or mobile number is known to lead
to it. The reverse is not enough: an address is resolved after acceptance, and may lead to another person by then.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache

import orjson

from ledger.addresses import ADDRESS_FIELDS, Contact, address_fields, contact_of, spelling_of
from ledger.api_key import ApiKey
from ledger.delivery_options import UserIdType
from ledger.errors import KeyLimit
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.store import Store

__all__ = ["Receivers", "receiver_refusals"]


class Receivers:
    """The receivers that a key may write to."""

    def __init__(self, key: ApiKey, open_ids: Callable[[Sequence[Contact]], Iterable[str]]) -> None:
        """`open_ids` resolves contacts: it is called once for all listed ones, at the first id that is not listed."""
        self._key, self._open_ids = key, open_ids

    def has(self, fields: dict[str, str], id_type: UserIdType) -> bool:
        if self._key.only is None or spelling_of(fields) in _spellings(self._key.only):
            return True
        receiver_id = fields.get("receiver_id")
        return receiver_id is not None and id_type is UserIdType.OPEN_ID and receiver_id in self._known

    def refusal(self) -> KeyLimit:
        listed = len(self._key.only or ())
        problem = Phrase(
            "{key} may write only to {n:,} address, and this is not it"
            " | {key} may write only to {n:,} addresses, and this is not one of them",
            key=self._key.name,
            n=listed,
        )
        return KeyLimit(problem)

    @cached_property
    def _known(self) -> frozenset[str]:
        contacts = list(filter(None, map(contact_of, map(address_fields, self._key.only or ()))))
        return frozenset(self._open_ids(contacts)) if contacts else frozenset()


def receiver_refusals(store: Store, key: ApiKey | None, notifications: Sequence[Notification]) -> list[KeyLimit | None]:
    """Why the key may not send each of these; None where it may."""
    if key is None or key.only is None:
        return [None] * len(notifications)
    of_desk: dict[str, Receivers] = {}
    refusals = []
    for each in notifications:
        if each.desk not in of_desk:
            of_desk[each.desk] = Receivers(key, _Cached(store.at(each.desk), each.desk))
        receivers = of_desk[each.desk]
        given = {name: value for name in ADDRESS_FIELDS if (value := getattr(each, name))}
        refusals.append(None if receivers.has(given, each.user_id_type) else receivers.refusal())
    return refusals


class _Cached:
    """Where contacts are known to lead, without asking Feishu."""

    def __init__(self, store: Store, desk: str) -> None:
        self._redis, self._keys, self._app = store.redis, store.keys, store.settings.desk(desk).app

    def __call__(self, contacts: Sequence[Contact]) -> Iterable[str]:
        kept = self._redis.mget([self._keys.person(self._app, contact.digest) for contact in contacts])
        answers = (orjson.loads(each) for each in kept if each)
        return [answer["open_id"] for answer in answers if "open_id" in answer]


@lru_cache(maxsize=64)
def _spellings(only: tuple[str, ...]) -> frozenset[str]:
    """Cached, since each request reads its key again."""
    return frozenset(spelling_of(address_fields(text)) for text in only)
