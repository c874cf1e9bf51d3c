"""What `deskbell doctor` says of records that cannot be read."""

from collections.abc import Iterator
from itertools import islice

from ledger.connection import text
from ledger.ledger import Ledger
from producers.doctor.doctor_check import Check, Status

__all__ = ["check_records"]

#: Events that are looked at, the newest first.
LOOKED_AT = 1000
#: Damaged ones that are named.
NAMED = 5


def check_records(ledger: Ledger, *, newest: bool) -> Iterator[Check]:
    """Those that the verbs came across, and on request those among the newest."""
    damaged = {text(id) for id in ledger.redis.zrange(ledger.keys.damaged, 0, -1)}
    if newest:
        damaged |= {record.id for record in islice(ledger.events(), LOOKED_AT) if record.damage}
        damaged |= {each.id for each in ledger.announcements.newest() if each.damage}
    if damaged:
        found = f"{len(damaged)} damaged: {', '.join(sorted(damaged)[:NAMED])}"
        do = "inspect them with `deskbell show ID`, settle them with `deskbell resolve`, and check disk and memory"
        yield Check("records", Status.WARN, found, do)
