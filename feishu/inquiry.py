"""What Feishu says of people who are named by ids and addresses, and as far as it lets us, why it names nobody.

Four reasons look alike in its answer to an address: nobody has it, its person is outside the app's contact range, has
resigned, or it is an enterprise mailbox. A second question tells who resigned, a third whether the range is everybody;
and the mailboxes of some people show which domain mailboxes have.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self
from urllib.parse import quote

import redis

from feishu.client import FeishuClient
from feishu.contact import CONTACTS_PER_CALL
from feishu.contact_answers import object_of
from feishu.contact_pace import ContactPace
from feishu.contact_sight import sees_everybody
from feishu.directory import IDS_PER_CALL, Directory, no_scope
from feishu.mailboxes import Mailboxes
from feishu.member import Member, Standing, member_of
from feishu.people import each_asked, people_behind
from feishu.query_retry import QueryRetry
from feishu.scopes import STATUS_SCOPE
from feishu.verdict import AskFailed
from ledger.addresses import Contact, address_fields, contact_of
from ledger.phrases import Phrase
from ledger.receiver_ids import id_type_of
from ledger.redis_keys import RedisKeys
from ledger.settings import Desk

__all__ = ["Finding", "Inquiry"]

#: The person exists and is outside the contact range; the id is of another type, or of another app.
_OUT_OF_RANGE, _WRONG_ID = 41050, 41012
#: Codes about one person, whatever the call: the other people can still be asked about.
_OF_ONE = frozenset({_OUT_OF_RANGE, _WRONG_ID, 99992351, 99992352, 99992360, 99992361, 99992363, 99992364})

#: In place of an open_id: Feishu refused the address itself.
_REFUSED = ""

_SAID = {
    Standing.RESIGNED: Phrase("has resigned, or left this company's Feishu"),
    Standing.FROZEN: Phrase("is paused by an administrator"),
    Standing.NOT_JOINED: Phrase("was invited and has not signed in yet"),
    Standing.HERE: Phrase("can be sent to"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """About one person. `reason` is None where nothing is known against a message; `said` and `do` are for people.

    A `standing` or name of None was not given, for want of a scope.
    """

    who: str
    open_id: str | None
    reason: str | None
    said: str
    do: str = ""
    name: str | None = None
    standing: Standing | None = None

    @classmethod
    def of_member(cls, who: str, member: Member) -> Self:
        standing = member.standing
        name = member.values.get("name")
        if standing is None:
            said = Phrase("exists; Feishu does not say whether they are active")
            do = Phrase("grant the app {scope}", scope=STATUS_SCOPE)
            return cls(who, member.open_id, None, said, do, name)
        reason = None if standing is Standing.HERE else standing.value
        return cls(who, member.open_id, reason, _SAID[standing], "", name, standing)

    def as_json(self) -> dict[str, Any]:
        return {
            "who": self.who,
            "open_id": self.open_id,
            "name": self.name,
            "status": self.standing,
            "reason": self.reason,
            "said": self.said,
            "do": self.do,
        }


class Inquiry:
    """Asks Feishu anew: nothing is taken from a cache, nor kept."""

    def __init__(self, client: redis.Redis, keys: RedisKeys, desk: Desk, feishu: FeishuClient) -> None:
        self._feishu = feishu
        self._address_pace = ContactPace(client, keys, desk, api="batch_get_id")
        self._pace = ContactPace(client, keys, desk)
        self._retry = QueryRetry()
        self._directory = Directory(feishu, self._pace.wait)

    def about(self, whom: Sequence[str], id_type: str | None = None) -> list[Finding]:
        """In the order of `whom`. An id is of `id_type`, else of the type that it begins like. Raises AskFailed."""
        contacts = {who: contact for who in whom if (contact := contact_of(address_fields(who))) is not None}
        found = self._by_address(contacts.values())
        return [self._finding(who, contacts.get(who), found, id_type) for who in whom]

    def _finding(
        self, who: str, contact: Contact | None, found: dict[Contact, Finding], id_type: str | None
    ) -> Finding:
        if contact is not None:
            return replace(found[contact], who=who)
        fields = address_fields(who)
        if "receiver_id" not in fields:
            said = Phrase("is neither an e-mail address, a mobile number nor an id")
            return Finding(who, None, "invalid", said, Phrase("write an address as in ann@corp.example or +8613…"))
        return self._by_id(who, fields["receiver_id"], id_type or id_type_of(fields["receiver_id"]))

    def _by_address(self, contacts: Iterable[Contact]) -> dict[Contact, Finding]:
        """Asks for those who are there, then for those who resigned; of the rest, what the range says."""
        distinct = list(dict.fromkeys(contacts))
        there = self._open_ids(distinct, with_resigned=False)
        unnamed = [contact for contact in distinct if contact not in there]
        resigned = self._open_ids(unnamed, with_resigned=True)
        everybody = sees_everybody(self._directory) if len(resigned) < len(unnamed) else None
        is_mail_missing = any(contact.kind == "email" and contact not in resigned for contact in unnamed)
        # Like `people`, this makes do with the granted scopes.
        seen = Mailboxes.seen(self._directory, everybody=everybody is True) if is_mail_missing else None
        members = self._members([open_id for open_id in there.values() if open_id != _REFUSED])
        found = {}
        for contact in distinct:
            if there.get(contact) == _REFUSED:
                said, do = Phrase("cannot be looked up by Feishu"), Phrase("check how it is written")
                found[contact] = Finding(contact.value, None, "invalid", said, do)
            elif open_id := there.get(contact):
                member = members.get(open_id) or Member(open_id, None, {}, ())
                found[contact] = Finding.of_member(contact.value, member)
            elif open_id := resigned.get(contact):
                found[contact] = Finding(
                    contact.value, open_id, "resigned", _SAID[Standing.RESIGNED], standing=Standing.RESIGNED
                )
            else:
                found[contact] = (seen and _mailbox(contact, seen)) or _nobody(contact, everybody)
        return found

    def _open_ids(self, contacts: Sequence[Contact], *, with_resigned: bool) -> dict[Contact, str]:
        """Of those whom Feishu names, and _REFUSED for what it cannot use."""
        found: dict[Contact, str] = {}
        for start in range(0, len(contacts), CONTACTS_PER_CALL):
            some = contacts[start : start + CONTACTS_PER_CALL]
            found |= each_asked(partial(self._asked, with_resigned=with_resigned), some, lambda _: _REFUSED)
        return found

    def _asked(self, contacts: Sequence[Contact], *, with_resigned: bool) -> dict[Contact, str]:
        asked = (self._feishu, self._address_pace, contacts)
        people = self._retry(people_behind, *asked, with_resigned=with_resigned)
        return {contact: person.open_id for contact, person in people.items() if person.open_id is not None}

    def _members(self, open_ids: Sequence[str]) -> dict[str, Member]:
        """Empty where the app may not read people: then an id is all that is known."""
        found: dict[str, Member] = {}
        try:
            for start in range(0, len(open_ids), IDS_PER_CALL):
                found |= self._directory.people(open_ids[start : start + IDS_PER_CALL])
        except AskFailed as failure:
            if not no_scope(failure):
                raise
        return found

    def _by_id(self, who: str, id: str, id_type: str) -> Finding:
        try:
            self._pace.wait()
            path = f"/open-apis/contact/v3/users/{quote(id, safe='')}"
            verdict, data = self._retry(self._feishu.ask, "user", "GET", path, params={"user_id_type": id_type})
        except AskFailed as failure:
            if failure.verdict.code not in _OF_ONE:
                raise
            return _refused(who, failure)
        member = member_of(object_of(data, "user", verdict))
        if member is None:
            return Finding(who, None, "no_such_person", Phrase("Feishu found nobody"))
        return Finding.of_member(who, member)


def _mailbox(contact: Contact, seen: Mailboxes) -> Finding | None:
    """Of an address that is an enterprise mailbox, or of the domain of those."""
    if contact.kind != "email":
        return None
    if owner := seen.owner(contact.value):
        name, email = owner.values.get("name") or owner.open_id, owner.values.get("email")
        said = Phrase("is the enterprise mailbox of {name}, which Feishu does not look up", name=name)
        do = Phrase("use {address}", address=email or owner.open_id)
        return Finding(contact.value, None, "enterprise_mailbox", said, do, owner.values.get("name"), owner.standing)
    if seen.has_domain(contact.value):
        domain = contact.value.rpartition("@")[2]
        said = Phrase("{domain} is the domain of enterprise mailboxes, which Feishu does not look up", domain=domain)
        return Finding(contact.value, None, "no_such_person", said, Phrase("use the address the person signs in with"))
    return None


def _nobody(contact: Contact, everybody: bool | None) -> Finding:
    """The reasons that are left."""
    said = {
        ("email", True): Phrase(
            "nobody has this address, or it is an enterprise mailbox, which Feishu does not look up"
        ),
        ("mobile", True): Phrase("nobody has this number"),
        ("email", False): Phrase(
            "nobody the app can see has this address: it is unknown, outside the contact range, or an enterprise"
            " mailbox, which Feishu does not look up"
        ),
        ("mobile", False): Phrase(
            "nobody the app can see has this number: it is unknown, or outside the contact range"
        ),
    }[contact.kind, everybody is True]
    do = Phrase("check it in the admin console") if everybody else Phrase("check it, and the app's contact range")
    return Finding(contact.value, None, "no_such_person", said, do)


def _refused(who: str, failure: AskFailed) -> Finding:
    verdict = failure.verdict
    if verdict.code == _OUT_OF_RANGE:
        said = Phrase("is outside the app's contact range")
        return Finding(who, None, "not_visible", said, Phrase("widen the range, or send: a message may still arrive"))
    if verdict.code == _WRONG_ID:
        said = Phrase("is an id of another type or of another app")
        return Finding(who, None, "invalid", said, Phrase("open_ids begin with ou_, and each app has its own"))
    return Finding(who, None, "no_such_person", Phrase("nobody has this id"), verdict.do)
