"""Checks of desks on several servers: what a desk that has moved left on its old server, where nothing sends it; and
two URLs that lead to one server."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import redis

from ledger.connection import reachable
from ledger.draft_verbs import DraftVerbs
from ledger.errors import LedgerUnwritable
from ledger.known_servers import forgotten_servers, note_servers
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.states import FINAL, State
from ledger.times import iso
from producers.doctor.doctor_check import Check, Status

__all__ = ["check_apart", "check_forgotten", "check_strays"]

_OPEN = tuple(state for state in State if state not in FINAL)


def check_strays(server: Ledger) -> Iterator[Check]:
    """Of the desks that the desks file puts on another server."""
    elsewhere = [name for name in server.settings.all_desks if name not in server.settings.desks_here]
    if not elsewhere:
        return
    with reachable(server.settings):
        left = _events(server, elsewhere) + _rows(server)
    where = str(server.settings.redis)
    for desk in elsewhere:
        if left[desk]:
            found = Phrase(
                "has {n:,} notification or draft left on {server}, where nothing sends for it"
                " | has {n:,} notifications and drafts left on {server}, where nothing sends for it",
                n=left[desk],
                server=where,
            )
            do = Phrase("put it back there in the desks file until all is sent or cancelled: see docs/deploy.md")
            yield Check(f"desk {desk}", Status.FAIL, found, do, accepts=True)


def check_forgotten(ledger: Ledger) -> Iterator[Check]:
    """Servers that the desks file names no longer. Notes those that it names."""
    with reachable(ledger.settings):
        forgotten = list(forgotten_servers(ledger))
    with suppress(LedgerUnwritable), reachable(ledger.settings):  # which the checks of the home tell
        note_servers(ledger)
    for server, noted_ms in forgotten:
        found = Phrase(
            "{server} had desks at {at}, and the desks file no longer names it: what is left there is not sent",
            server=server,
            at=iso(noted_ms),
        )
        do = Phrase("name it for some desk and run this again, unless nothing was left there: see docs/deploy.md")
        yield Check("servers", Status.WARN, found, do)


def check_apart(servers: Sequence[Ledger]) -> Iterator[Check]:
    """Whether two URLs lead to one server: their workers would take the lead from each other, for some desks each."""
    if len(servers) == 1:
        return
    known: dict[tuple[str, int], str] = {}
    for server in servers:
        try:
            with reachable(server.settings):
                info: Any = server.redis.info("server")
        except redis.ResponseError:  # INFO is refused, which another check tells
            continue
        where = str(server.settings.redis)
        first = known.setdefault((str(info["run_id"]), server.settings.redis.db), where)
        if first != where:
            found = Phrase("{first} and {second} are one server", first=first, second=where)
            yield Check("servers", Status.FAIL, found, Phrase("write its URL alike for all its desks"))


def _events(server: Ledger, desks: list[str]) -> Counter[str]:
    pipe = server.redis.pipeline(transaction=False)
    for desk in desks:
        pipe.hmget(server.keys.lane(f"e_{desk}"), [str(state) for state in _OPEN])
    counted: Any = zip(desks, pipe.execute(), strict=True)
    return Counter({desk: sum(int(count or 0) for count in counts) for desk, counts in counted})


def _rows(server: Ledger) -> Counter[str]:
    """Of announcements, and drafts: each of these counts as one."""
    left: Counter[str] = Counter()
    for each in server.announcements.newest():
        left[each.spec.desk] += each.left + each.counts[State.UNKNOWN]
    for draft in DraftVerbs(server).listed():
        left[draft.spec.desk] += 1
    return left
