"""Ids: `n_` or `a_` and 16 characters, of which the first nine are the time, so that they sort by it.

A row of an announcement has the characters of the announcement and its number: `a_…` has the rows `n_…-0`, `n_…-1`.
"""

import os
import random
import re
import time

__all__ = [
    "announcement_of",
    "is_announcement",
    "is_notification",
    "is_row",
    "new_announcement_id",
    "new_notification_id",
    "row_id",
    "row_number",
]

#: Crockford's base 32: no i, l, o, u to be mistaken for something else.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
#: Two characters at a time.
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
#: Seven characters. They need not be secret, only different: and the operating system's own would cost a producer that
#: has several threads a turn of the interpreter for each id.
_RANDOM_BITS = 35
#: Our own, and not `random` itself: programs that seed that one alike would make the same ids in the same ms, and what
#: has an id that the ledger knows is a replay.
_chance = random.Random()  # noqa: S311  ids are no secret
os.register_at_fork(after_in_child=_chance.seed)
#: A row's number has at most nine digits: a file has at most a million rows.
_NOTIFICATION = re.compile(r"n_[0-9a-z]{1,32}(-[0-9]{1,9})?", re.ASCII)
_ANNOUNCEMENT = re.compile(r"a_[0-9a-z]{1,32}", re.ASCII)


def _stem() -> str:
    """Nine characters of time, in ms, and seven random ones."""
    number = time.time_ns() // 1_000_000 << _RANDOM_BITS | _chance.getrandbits(_RANDOM_BITS)
    return "".join([_PAIRS[number >> bits & 1023] for bits in (70, 60, 50, 40, 30, 20, 10, 0)])


def new_notification_id() -> str:
    return f"n_{_stem()}"


def new_announcement_id() -> str:
    return f"a_{_stem()}"


def row_id(announcement: str, number: int) -> str:
    """The id of an announcement's row, which contains its number."""
    return f"n_{announcement.removeprefix('a_')}-{number}"


def is_row(id: str) -> bool:
    """Whether it is the id of an announcement's row, not of an event."""
    found = _NOTIFICATION.fullmatch(id)
    return found is not None and found[1] is not None


def announcement_of(row: str) -> str:
    return "a_" + row.removeprefix("n_").partition("-")[0]


def row_number(row: str) -> int:
    return int(row.partition("-")[2])


def is_announcement(id: str) -> bool:
    return _ANNOUNCEMENT.fullmatch(id) is not None


def is_notification(id: str) -> bool:
    """Whether it may be the id of an event or of a row."""
    return _NOTIFICATION.fullmatch(id) is not None
