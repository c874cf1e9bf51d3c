"""A key cannot grant what it lacks: what it may give another key, and which keys it may manage."""

import math
from collections.abc import Iterator, Set

from ledger.api_key import ApiKey
from ledger.errors import GrantRefused
from ledger.phrases import Phrase
from ledger.rate import parse_rate

__all__ = ["check_grant", "covers", "manages"]


def covers(desks: Set[str] | None, others: Set[str] | None) -> bool:
    """Whether the desks of one key are all of another's; None is every desk."""
    return desks is None or (others is not None and others <= desks)


def manages(admin: ApiKey | None, key: ApiKey) -> bool:
    """Whether a key sees and revokes another: a key for some desks manages only keys of these desks."""
    return admin is None or covers(admin.desks, key.desks)


def check_grant(grantor: ApiKey | None, key: ApiKey) -> None:
    """Raises GrantRefused, which names something that the new key would have and its grantor lacks."""
    if grantor and (more := next(_more_than(grantor, key), None)):
        raise GrantRefused(Phrase("{key} cannot grant what it lacks: {more}", key=grantor.name, more=more))


def _more_than(grantor: ApiKey, key: ApiKey) -> Iterator[Phrase]:
    for scope in sorted(key.scopes - grantor.scopes):
        yield Phrase("the scope {scope}", scope=str(scope))
    if not covers(grantor.desks, key.desks):
        yield Phrase("desks other than {desks}", desks=", ".join(sorted(grantor.desks or ())))
    if not _is_slower(key.rate, grantor.rate):
        yield Phrase("more calls than {rate}", rate=grantor.rate)
    if grantor.max_rows is not None and (key.max_rows or math.inf) > grantor.max_rows:
        yield Phrase("more than {n:,} row at once | more than {n:,} rows at once", n=grantor.max_rows)
    if grantor.daily is not None and (key.daily or math.inf) > grantor.daily:
        yield Phrase("more than {n:,} notification a day | more than {n:,} notifications a day", n=grantor.daily)


def _is_slower(rate: str | None, than: str | None) -> bool:
    """Whether keeping the first rate keeps the other too: one of its limits is enough for each limit of the other."""
    own = parse_rate(rate or "unlimited")
    return all(
        any(limit.calls * math.ceil(most.seconds / limit.seconds) <= most.calls for limit in own)
        for most in parse_rate(than or "unlimited")
    )
