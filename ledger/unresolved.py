"""Events by e-mail or mobile that wait for their receivers: which addresses to ask Feishu about, and what it said."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from ledger.addresses import Contact
from ledger.connection import text
from ledger.holds import reason_kept
from ledger.redis_clock import time_ms
from ledger.settings import Desk
from ledger.store import Argument, Store

__all__ = ["Answer", "ContactHold", "Questions", "Unresolved", "answer_json", "forget_people"]


class Answer(NamedTuple):
    """What Feishu said of one contact, as JSON for the cache, and how long that is kept, ms."""

    contact: Contact
    kept: bytes
    kept_ms: int


class ContactHold(NamedTuple):
    """Why Feishu does not answer, and for how long nobody asks at first, ms."""

    kind: str
    hold_ms: int
    reason: str
    code: int | None = None
    http_status: int | None = None


class Questions(NamedTuple):
    """What to ask Feishu about now, and after how many ms to look again; None: nothing waits."""

    contacts: list[Contact]
    again_ms: int | None


def answer_json(open_id: str) -> bytes:
    """What is cached of a person."""
    return orjson.dumps({"open_id": open_id})


def forget_people(store: Store, app: str, open_ids: Iterable[str], contacts: Iterable[Contact]) -> None:
    """Forgets the addresses of these people, and what was found out about these addresses."""
    keys = store.keys
    known = [keys.addresses_of(app, open_id) for open_id in open_ids]
    digests = {text(digest) for name in known for digest in store.redis.smembers(name)}
    digests |= {contact.digest for contact in contacts}
    if gone := [*known, *(keys.person(app, digest) for digest in digests)]:
        store.redis.delete(*gone)


class Unresolved(Store):
    """The verbs of whoever asks."""

    def desks(self) -> list[tuple[str, float]]:
        """Those with unresolved events, and in how many ms to look at them: the first come first."""
        pipe = self.redis.pipeline(transaction=False)
        pipe.time()
        pipe.zrange(self.keys.unresolved_desks, 0, -1, withscores=True)
        time, found = pipe.execute()
        return [(text(name), at_ms - time_ms(time)) for name, at_ms in found]

    def ask(self, desk: Desk, token: str) -> Questions:
        """Takes what to ask about now. Nobody else gets anything before the answer, or for ten seconds."""
        again_ms, *contacts = self.verbs.call("ask", desk.name, token, desk.app, self.results_for_ms)
        return Questions([Contact.of_text(text(each)) for each in contacts], None if again_ms < 0 else again_ms)

    def answer(self, desk: Desk, token: str, answers: Iterable[Answer], hold: ContactHold | None = None) -> int:
        """Caches the answers and settles the events that wait for them. Returns 1 for a new hold, -1 for an end."""
        held: Sequence[Argument | None] = hold or ("", 0, "", None, None)
        arguments: list[Argument] = ["" if each is None else each for each in held]
        arguments.append(reason_kept(hold.reason) if hold else "")
        for contact, kept, kept_ms in answers:
            arguments += (str(contact), kept, kept_ms)
        return int(self.verbs.call("answer", desk.name, token, desk.app, self.results_for_ms, *arguments))
