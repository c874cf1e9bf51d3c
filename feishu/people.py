"""Who is meant by a mail address or a mobile number: asked of Feishu at its pace, and remembered in Redis."""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import orjson
import redis

from feishu.people_answer import CONTACTS_PER_CALL, Person
from feishu.query_retry import QueryRetry
from ledger.redis_keys import RedisKeys
from ledger.settings import Desk

__all__ = ["Contact", "People"]

#: An address hardly ever goes to somebody else within a day, seconds.
PERSON_SECONDS = 86400
#: A problem is mended meanwhile, by a new permission for instance: it is not believed for long, seconds.
PROBLEM_SECONDS = 600
#: Between two calls, over all processes of the desk. Feishu allows 1000 in a minute and 50 in a second; the one beyond
#: 60 keeps a call that is a little late on its way out of the next minute.
PACE_MS = 61

#: What is no contact by its looks is not asked about: Feishu may refuse all 50 for the sake of one.
_SHAPES = {
    "email": (re.compile(r"[^@\s]+@[^@\s]+"), "is no mail address"),
    "mobile": (
        re.compile(r"\s*\+?[\d\s()./-]{5,30}"),
        "is no mobile number: digits, with + and the country code abroad",
    ),
}

Answer = Mapping[str, str]


class Contact(NamedTuple):
    """How somebody is named: `kind` is `email` or `mobile`."""

    kind: str
    value: str


class _Feishu(Protocol):
    def people(self, emails: Sequence[str], mobiles: Sequence[str], *, with_resigned: bool = False) -> list[Person]: ...


class People:
    """Answers `{"open_id": …}` or `{"problem": …}` for each contact."""

    def __init__(
        self,
        client: redis.Redis,
        keys: RedisKeys,
        desk: Desk,
        feishu: _Feishu,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._redis = client
        self._keys = keys
        self._desk = desk
        self._feishu = feishu
        self._sleep = sleep
        self._retry = QueryRetry(sleep)

    def look_up(self, contacts: Sequence[Contact]) -> list[Answer]:
        """The answers in the order of the contacts, at most 50 of them. Raises AskFailed, ValueError."""
        if len(contacts) > CONTACTS_PER_CALL:
            raise ValueError(f"{len(contacts)} contacts at once, where Feishu takes {CONTACTS_PER_CALL}")
        answers = _misspelt(contacts)
        answers.update(self._remembered(contact for contact in dict.fromkeys(contacts) if contact not in answers))
        new = self._asked([contact for contact in dict.fromkeys(contacts) if contact not in answers])
        self._remember(new)
        answers.update(new)
        return [answers[contact] for contact in contacts]

    def _asked(self, contacts: Sequence[Contact]) -> dict[Contact, Answer]:
        """Asks once, and a second time about those whom Feishu did not name.

        Someone who resigned and someone unknown look alike in the first answer. In the second, who resigned has an id.
        The status in the answers would tell as well, but only apps with one more permission get it; and to ask for
        both kinds at once would, without it, take the id of someone who resigned for a receiver.
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
        key = self._keys.asking(self._desk.name)
        # A key that goes away by itself is no queue, but nobody who waits here is hurt by another who overtakes.
        while not self._redis.set(key, 1, nx=True, px=PACE_MS):
            self._sleep(max(1, self._redis.pttl(key)) / 1000)
        return self._feishu.people(emails, mobiles, with_resigned=with_resigned)

    def _remembered(self, contacts: Iterable[Contact]) -> dict[Contact, Answer]:
        wanted = list(contacts)
        if not wanted:
            return {}
        kept = self._redis.mget([self._key(contact) for contact in wanted])
        return {contact: orjson.loads(value) for contact, value in zip(wanted, kept, strict=True) if value is not None}

    def _remember(self, answers: Mapping[Contact, Answer]) -> None:
        if not answers:
            return
        pipe = self._redis.pipeline(transaction=False)
        for contact, answer in answers.items():
            seconds = PERSON_SECONDS if "open_id" in answer else PROBLEM_SECONDS
            pipe.set(self._key(contact), orjson.dumps(answer), ex=seconds)
        pipe.execute()

    def _key(self, contact: Contact) -> str:
        """An open_id is good for one app only, so the hash begins with the desk's credentials."""
        parts = (self._desk.fingerprint, *contact)
        return self._keys.person(self._desk.name, hashlib.sha256("\0".join(parts).encode()).hexdigest())


def _misspelt(contacts: Iterable[Contact]) -> dict[Contact, Answer]:
    shapes = {contact: _SHAPES[contact.kind] for contact in contacts}
    return {
        contact: {"problem": is_none}
        for contact, (shape, is_none) in shapes.items()
        if not shape.fullmatch(contact.value)
    }


def _values(contacts: Iterable[Contact]) -> list[str]:
    return [contact.value for contact in contacts]


def _answer(contact: Contact, person: Person) -> Answer:
    if person.left:
        return {"problem": f"the person with this {contact.kind} has resigned"}
    if person.open_id is None:
        return {"problem": f"nobody with this {contact.kind} is visible to the app"}
    return {"open_id": person.open_id}
