"""The names of people whom walks have found, so that people can be searched by name.

Feishu gives apps no such search. Only people whom a walk found within DESKBELL_PEOPLE_FOR are here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, NamedTuple

import redis

from ledger.connection import is_refusal, text
from ledger.ledger import Ledger

__all__ = ["WalkedNames", "WalkedPerson"]

#: People of one app: about 6 MB. A search reads all of them, in some tens of ms.
MOST_PEOPLE = 50_000
#: Written or read in one round trip.
PORTION = 5000


class WalkedPerson(NamedTuple):
    """`department` is empty where no walk has asked for it."""

    open_id: str
    name: str
    department: str


class WalkedNames:
    """Of one app: its desks see the same people."""

    def __init__(self, ledger: Ledger, desk: str) -> None:
        ledger = ledger.at(desk)
        self._redis = ledger.redis
        self._key = ledger.keys.walked_names(ledger.settings.desk(desk).app)
        self._kept_for = max(timedelta(milliseconds=1), ledger.settings.people_for)

    def keep(self, people: Iterable[WalkedPerson]) -> None:
        """Those of earlier walks go when there are too many. A server that refuses writes keeps none: a search finds
        fewer people then, and nothing else is lost."""
        named = list(islice((person for person in people if person.name), MOST_PEOPLE))
        try:
            self._make_room(len(named))
            for start in range(0, len(named), PORTION):
                self._write(named[start : start + PORTION])
        except redis.ResponseError as error:
            if not is_refusal(error):
                raise

    def found(self, part: str, most: int) -> list[WalkedPerson]:
        """People with this in their names, by name; in any case of letters."""
        sought = part.casefold()
        found = (person for person in self._all() if sought in person.name.casefold())
        return sorted(found, key=lambda person: (person.name, person.open_id))[:most]

    def names(self, open_ids: Sequence[str]) -> dict[str, str]:
        """Of those who are here."""
        kept: Any = self._redis.hmget(self._key, open_ids) if open_ids else []
        return {id: _person(id, raw).name for id, raw in zip(open_ids, kept, strict=True) if raw}

    def _make_room(self, people: int) -> None:
        if int(self._redis.hlen(self._key)) + people > MOST_PEOPLE:
            self._redis.delete(self._key)

    def _write(self, people: Sequence[WalkedPerson]) -> None:
        pipe = self._redis.pipeline()
        mapping: Mapping[Any, Any] = {person.open_id: f"{person.name}\n{person.department}" for person in people}
        pipe.hset(self._key, mapping=mapping)
        pipe.pexpire(self._key, self._kept_for)
        pipe.execute()

    def _all(self) -> Iterator[WalkedPerson]:
        for id, raw in self._redis.hscan_iter(self._key, count=PORTION):
            yield _person(text(id), raw)


def _person(open_id: str, raw: bytes) -> WalkedPerson:
    name, _, department = text(raw).partition("\n")
    return WalkedPerson(open_id, name, department)
