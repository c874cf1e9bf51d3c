"""The person behind a mail address or a mobile number: asked of Feishu at its pace, and cached in Redis."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

import orjson
import redis

from feishu.client import FeishuClient, Person
from feishu.contact import CONTACTS_PER_CALL, Resolved, Unresolved
from feishu.contact_pace import ContactPace
from feishu.query_retry import QueryRetry
from feishu.verdict import AskFailed, Verdict
from ledger.addresses import Contact
from ledger.phrases import Phrase, said
from ledger.redis_keys import RedisKeys
from ledger.settings import Desk, Settings
from ledger.unresolved import Answer, answer_json

__all__ = ["NO_SUCH_PERSON", "People", "each_asked", "people_behind"]

#: A problem may be fixed meanwhile, by a new permission for instance, so it is cached for less than a person, ms.
PROBLEM_MS = 600_000
#: The parameters are invalid: one of the addresses, since all else is always the same.
_INVALID_CODES = frozenset({40001, 99992402})
#: Why an event fails whose address leads to nobody.
NO_SUCH_PERSON = "no_such_person"

AnswerT = TypeVar("AnswerT")


class People:
    """Resolves contacts to people."""

    def __init__(
        self,
        client: redis.Redis,
        settings: Settings,
        desk: Desk,
        feishu: FeishuClient,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._redis = client
        self._keys = RedisKeys(settings.prefix)
        self._person_ms = max(1, settings.people_for // timedelta(milliseconds=1))
        self._app = desk.app
        self._feishu = feishu
        self._pace = ContactPace(client, self._keys, desk, api="batch_get_id", sleep=sleep)
        self._retry = QueryRetry(sleep)

    def resolve(self, contacts: Iterable[Contact]) -> dict[Contact, Resolved]:
        """Waits for as long as Feishu makes it. Raises AskFailed."""
        distinct = list(dict.fromkeys(contacts))
        resolved: dict[Contact, Resolved] = {}
        for start in range(0, len(distinct), CONTACTS_PER_CALL):
            resolved |= self._resolve_some(distinct[start : start + CONTACTS_PER_CALL])
        return resolved

    def ask(self, contacts: Sequence[Contact]) -> dict[Contact, Resolved]:
        """Asks Feishu about at most 50 contacts: once, and a second time about the people whom it did not name.

        A person who resigned and an unknown one look alike in the first answer. In the second, the one who resigned has
        an id. The status in the answers would show it as well, but only apps with one more permission get it; and
        asking for both kinds at once would, without it, take the id of a person who resigned for a receiver.

        Nothing is cached here, and a question that fails is not repeated. Raises AskFailed.
        """
        return each_asked(
            lambda some: self._asked(some, self._people_at_once),
            contacts,
            lambda verdict: Unresolved(said(verdict), verdict.code),
        )

    def answer(self, contact: Contact, resolved: Resolved) -> Answer:
        """For the cache."""
        if isinstance(resolved, str):
            return Answer(contact, answer_json(resolved), self._person_ms)
        problem = {"problem": str(resolved.problem), "reason": NO_SUCH_PERSON, "code": resolved.code}
        kept = orjson.dumps({name: value for name, value in problem.items() if value is not None})
        return Answer(contact, kept, PROBLEM_MS)

    def _resolve_some(self, contacts: Sequence[Contact]) -> dict[Contact, Resolved]:
        remembered = self._remembered(contacts)
        new = self._asked([contact for contact in contacts if contact not in remembered], self._people)
        self._remember(new)
        return remembered | new

    def _asked(
        self, contacts: Sequence[Contact], people_of: Callable[[Sequence[Contact], bool], dict[Contact, Person]]
    ) -> dict[Contact, Resolved]:
        people = people_of(contacts, False)
        answers = {contact: _answer(contact, person) for contact, person in people.items()}
        unnamed = [contact for contact, person in people.items() if person.open_id is None and not person.left]
        for contact, person in people_of(unnamed, True).items():
            in_doubt = Person(person.open_id, person.open_id is not None if person.left is None else person.left)
            answers[contact] = _answer(contact, in_doubt)
        return answers

    def _people(self, contacts: Sequence[Contact], with_resigned: bool) -> dict[Contact, Person]:
        return self._retry(self._people_at_once, contacts, with_resigned)

    def _people_at_once(self, contacts: Sequence[Contact], with_resigned: bool) -> dict[Contact, Person]:
        return people_behind(self._feishu, self._pace, contacts, with_resigned=with_resigned)

    # -- the cache

    def _remembered(self, contacts: Sequence[Contact]) -> dict[Contact, Resolved]:
        values = self._redis.mget([self._key(contact) for contact in contacts])
        return {contact: _of_json(value) for contact, value in zip(contacts, values, strict=True) if value is not None}

    def _remember(self, resolved: Mapping[Contact, Resolved]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for contact, each in resolved.items():
            answer = self.answer(contact, each)
            pipe.set(self._key(contact), answer.kept, px=answer.kept_ms)
            if isinstance(each, str):
                addresses = self._keys.addresses_of(self._app, each)
                pipe.sadd(addresses, contact.digest)
                pipe.pexpire(addresses, answer.kept_ms)
        pipe.execute()

    def _key(self, contact: Contact) -> str:
        """As the verbs build it (people.lua)."""
        return self._keys.person(self._app, contact.digest)


def people_behind(
    feishu: FeishuClient, pace: ContactPace, contacts: Sequence[Contact], *, with_resigned: bool
) -> dict[Contact, Person]:
    """One question about at most 50 contacts. Repeated, it takes its turn again. Raises AskFailed."""
    if not contacts:
        return {}
    emails = [contact for contact in contacts if contact.kind == "email"]
    mobiles = [contact for contact in contacts if contact.kind == "mobile"]
    pace.wait()
    people = feishu.people(_values(emails), _values(mobiles), with_resigned=with_resigned)
    return dict(zip(emails + mobiles, people, strict=True))


def each_asked(
    ask: Callable[[Sequence[Contact]], dict[Contact, AnswerT]],
    contacts: Sequence[Contact],
    refused: Callable[[Verdict], AnswerT],
) -> dict[Contact, AnswerT]:
    """Feishu refuses all for the sake of one that it cannot use: halves lead to that one, whose answer is `refused`."""
    try:
        return ask(contacts)
    except AskFailed as failure:
        if failure.verdict.code not in _INVALID_CODES:
            raise
        if len(contacts) == 1:
            return {contacts[0]: refused(failure.verdict)}
    middle = len(contacts) // 2
    return each_asked(ask, contacts[:middle], refused) | each_asked(ask, contacts[middle:], refused)


def _of_json(value: bytes | str) -> Resolved:
    answer = orjson.loads(value)
    return answer["open_id"] if "open_id" in answer else Unresolved(said(answer["problem"]), answer.get("code"))


def _values(contacts: Iterable[Contact]) -> list[str]:
    return [contact.value for contact in contacts]


# Whole texts: cached as JSON, a phrase loses its values.
_RESIGNED = {
    "email": Phrase("the person with this email has resigned"),
    "mobile": Phrase("the person with this mobile has resigned"),
}
_NOBODY = {
    "email": Phrase(
        "nobody with this email is visible to the app: it is unknown, outside the app's contact range, or an enterprise"
        " mailbox, which Feishu does not look up (use the address the person signs in with)"
    ),
    "mobile": Phrase(
        "nobody with this mobile is visible to the app: it is unknown, or outside the app's contact range"
    ),
}


def _answer(contact: Contact, person: Person) -> Resolved:
    if person.left:
        return Unresolved(_RESIGNED[contact.kind])
    if person.open_id is None:
        return Unresolved(_NOBODY[contact.kind])
    return person.open_id
