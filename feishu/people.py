"""The person behind a mail address or a mobile number: asked of Feishu at its pace, and cached in Redis."""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import orjson
import redis

from feishu.client import FeishuClient, Person
from feishu.contact import CONTACTS_PER_CALL, Contact, Resolved, Unresolved
from feishu.contact_pace import ContactPace
from feishu.query_retry import QueryRetry
from ledger.phrases import Phrase
from ledger.redis_keys import RedisKeys
from ledger.settings import Desk

__all__ = ["People"]

#: An address hardly ever changes hands within a day, seconds.
PERSON_SECONDS = 86400
#: A problem may be fixed meanwhile, by a new permission for instance, so it is cached for less, seconds.
PROBLEM_SECONDS = 600


class People:
    """Resolves contacts to people."""

    def __init__(
        self,
        client: redis.Redis,
        keys: RedisKeys,
        desk: Desk,
        feishu: FeishuClient,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._redis = client
        self._keys = keys
        self._desk = desk
        self._feishu = feishu
        self._pace = ContactPace(client, keys, desk, sleep=sleep)
        self._retry = QueryRetry(sleep)

    def resolve(self, contacts: Iterable[Contact]) -> dict[Contact, Resolved]:
        """Waits for as long as Feishu makes it. Raises AskFailed."""
        distinct = list(dict.fromkeys(contacts))
        resolved: dict[Contact, Resolved] = {}
        for start in range(0, len(distinct), CONTACTS_PER_CALL):
            resolved |= self._resolve_some(distinct[start : start + CONTACTS_PER_CALL])
        return resolved

    def _resolve_some(self, contacts: Sequence[Contact]) -> dict[Contact, Resolved]:
        remembered = self._remembered(contacts)
        new = self._asked([contact for contact in contacts if contact not in remembered])
        self._remember(new)
        return remembered | new

    def _asked(self, contacts: Sequence[Contact]) -> dict[Contact, Resolved]:
        """Asks once, and a second time about the people whom Feishu did not name.

        A person who resigned and an unknown one look alike in the first answer. In the second, the one who resigned has
        an id. The status in the answers would show it as well, but only apps with one more permission get it; and
        asking for both kinds at once would, without it, take the id of a person who resigned for a receiver.
        """
        people = self._people(contacts, with_resigned=False)
        answers = {contact: _answer(contact, person) for contact, person in people.items()}
        unnamed = [contact for contact, person in people.items() if person.open_id is None and not person.left]
        for contact, person in self._people(unnamed, with_resigned=True).items():
            in_doubt = Person(person.open_id, person.open_id is not None if person.left is None else person.left)
            answers[contact] = _answer(contact, in_doubt)
        return answers

    def _people(self, contacts: Sequence[Contact], *, with_resigned: bool) -> dict[Contact, Person]:
        if not contacts:
            return {}
        emails = [contact for contact in contacts if contact.kind == "email"]
        mobiles = [contact for contact in contacts if contact.kind == "mobile"]
        people = self._retry(self._paced, _values(emails), _values(mobiles), with_resigned)
        return dict(zip(emails + mobiles, people, strict=True))

    def _paced(self, emails: Sequence[str], mobiles: Sequence[str], with_resigned: bool) -> list[Person]:
        """A repeated question takes its turn again."""
        self._pace.wait()
        return self._feishu.people(emails, mobiles, with_resigned=with_resigned)

    def _remembered(self, contacts: Sequence[Contact]) -> dict[Contact, Resolved]:
        values = self._redis.mget([self._key(contact) for contact in contacts])
        return {contact: _of_json(value) for contact, value in zip(contacts, values, strict=True) if value is not None}

    def _remember(self, resolved: Mapping[Contact, Resolved]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for contact, answer in resolved.items():
            if isinstance(answer, Unresolved):
                pipe.set(self._key(contact), orjson.dumps({"problem": answer.problem}), ex=PROBLEM_SECONDS)
            else:
                pipe.set(self._key(contact), orjson.dumps({"open_id": answer}), ex=PERSON_SECONDS)
        pipe.execute()

    def _key(self, contact: Contact) -> str:
        """An open_id is good for one app only, so the hash begins with the desk's credentials."""
        parts = (self._desk.fingerprint, *contact)
        return self._keys.person(self._desk.name, hashlib.sha256("\0".join(parts).encode()).hexdigest())


def _of_json(value: bytes | str) -> Resolved:
    answer = orjson.loads(value)
    return answer["open_id"] if "open_id" in answer else Unresolved(answer["problem"])


def _values(contacts: Iterable[Contact]) -> list[str]:
    return [contact.value for contact in contacts]


# Whole texts: cached as JSON, a phrase loses its values.
_RESIGNED = {
    "email": Phrase("the person with this email has resigned"),
    "mobile": Phrase("the person with this mobile has resigned"),
}
_NOBODY = {
    "email": Phrase("nobody with this email is visible to the app"),
    "mobile": Phrase("nobody with this mobile is visible to the app"),
}


def _answer(contact: Contact, person: Person) -> Resolved:
    if person.left:
        return Unresolved(_RESIGNED[contact.kind])
    if person.open_id is None:
        return Unresolved(_NOBODY[contact.kind])
    return person.open_id
