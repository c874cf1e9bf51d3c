"""One key of the HTTP API: its scopes, desks and limits."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Self

import orjson

from ledger.addresses import address_fields, address_text, distinct_addresses
from ledger.delivery_options import UserIdType
from ledger.errors import BadInput
from ledger.one_address import receiver_fields
from ledger.phrases import Phrase
from ledger.rate import parse_rate
from ledger.times import iso, unix_ms

__all__ = [
    "MOST_ADDRESSES",
    "NO_LIMITS",
    "ApiKey",
    "KeyLimits",
    "Scope",
    "check_limits",
    "check_name",
    "check_rate",
    "checked_addresses",
    "digest_of",
    "scopes_of_variable",
]

#: The fields of a key that are times.
_TIMES = ("created_at", "last_used_at", "revoked_at")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}", re.ASCII)


class Scope(StrEnum):
    """A permission of a key, which has a set of them: no scope includes another."""

    SEND = "send"  #: submit notifications, also through hooks
    ANNOUNCE = "announce"  #: submit announcements
    READ = "read"  #: see their results
    APPROVE = "approve"  #: let announcements of others start
    OPERATE = "operate"  #: pause, resume, cancel, retry, resolve
    ADMIN = "admin"  #: manage keys

    @classmethod
    def several(cls, names: Iterable[str]) -> "frozenset[Scope]":
        """Raises BadInput for an unknown name."""
        given = list(names)
        if not set(given) <= set(cls):
            raise BadInput("scopes", Phrase("a scope is one of {scopes}", scopes=", ".join(cls)))
        return frozenset(map(cls, given))


#: These act on what others submitted, whoever receives it.
_OVER_OTHERS = frozenset({Scope.APPROVE, Scope.OPERATE, Scope.ADMIN})
_SCOPES = frozenset(map(str, Scope))
_NEWER_SCOPES = frozenset({Scope.ANNOUNCE, Scope.APPROVE, Scope.ADMIN})
#: How many addresses a key may be limited to, for a team or a trial. Each request reads them.
MOST_ADDRESSES = 1000


class KeyLimits(NamedTuple):
    """What a key can have sent, at most."""

    max_rows: int | None = None  #: of one announcement
    daily: int | None = None  #: notifications that are accepted or sent again on one day (UTC), rows included
    only: tuple[str, ...] | None = None  #: the only addresses that it may write to; None: everybody
    test: bool = False  #: it sends nothing: what it submits is checked and answered, and not kept


NO_LIMITS = KeyLimits()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, without its secret."""

    id: str  #: `k_…`; of one from DESKBELL_API_KEYS `variable:` and its name
    name: str
    scopes: frozenset[Scope]
    desks: frozenset[str] | None = None  #: None: every desk
    rate: str | None = None  #: in the notation of DESKBELL_RATE; None: as often as it likes
    created_at: datetime | None = None
    created_by: str | None = None
    last_used_at: datetime | None = None  #: within a minute
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    max_rows: int | None = None
    daily: int | None = None
    only: tuple[str, ...] | None = None
    test: bool = False

    def as_json(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields |= {name: iso(unix_ms(fields[name])) for name in _TIMES}
        fields |= {"scopes": sorted(self.scopes), "desks": None if self.desks is None else sorted(self.desks)}
        return fields

    @classmethod
    def of_json(cls, raw: bytes | str) -> Self:
        """Ignores fields and scopes of newer versions. Without `daily` it was made when `send` was to announce, too."""
        written = orjson.loads(raw)
        fields = {name: written[name] for name in cls.__slots__ if name in written}
        scopes = frozenset(Scope(scope) for scope in fields["scopes"] if scope in _SCOPES)
        fields |= {"scopes": scopes if "daily" in written else _as_before(scopes)}
        fields |= {"desks": None if fields["desks"] is None else frozenset(fields["desks"])}
        fields |= {"only": None if fields.get("only") is None else tuple(fields["only"])}
        for name in _TIMES:
            fields[name] = datetime.fromisoformat(fields[name]) if fields[name] else None
        return cls(**fields)

    @property
    def may_sign_in(self) -> bool:
        """To the console."""
        return not self.scopes.isdisjoint({Scope.READ, Scope.OPERATE})

    @property
    def limits(self) -> list[Phrase]:
        """What bounds it besides its rate, in words."""
        words = [Phrase("{n:,} row | {n:,} rows", n=self.max_rows)] if self.max_rows else []
        words += [Phrase("{n:,} a day", n=self.daily)] if self.daily else []
        if self.only is not None:
            words.append(Phrase("only to {n:,} address | only to {n:,} addresses", n=len(self.only)))
        return words + ([Phrase("test: sends nothing")] if self.test else [])


def scopes_of_variable(scopes: frozenset[Scope]) -> frozenset[Scope]:
    """Nothing says when an entry was written: one that has only the older scopes counts as older."""
    return scopes if scopes & _NEWER_SCOPES else _as_before(scopes)


def _as_before(scopes: frozenset[Scope]) -> frozenset[Scope]:
    return scopes | {Scope.ANNOUNCE} if Scope.SEND in scopes else scopes


def check_name(name: str) -> None:
    """Raises BadInput for an invalid name."""
    if not _NAME.fullmatch(name):
        raise BadInput("name", Phrase("must be 1 to 64 letters, digits and _ . @ -, and start with a letter or digit"))


def check_rate(rate: str | None) -> None:
    """Raises BadInput for an invalid rate."""
    try:
        parse_rate(rate or "unlimited")
    except ValueError as error:
        raise BadInput("rate", error.args[0]) from None


def check_limits(key: ApiKey) -> None:
    """Raises BadInput for a limit below 1, and for one that the scopes would get around."""
    for name in ("max_rows", "daily"):
        if (most := getattr(key, name)) is not None and most < 1:
            raise BadInput(name, Phrase("must be at least 1"))
    over_others = ", ".join(sorted(key.scopes & _OVER_OTHERS))
    if over_others and (key.test or key.only is not None):
        problem = Phrase(
            "works only with the scopes send, announce and read: {scopes} reaches what others have submitted",
            scopes=over_others,
        )
        raise BadInput("test" if key.test else "only", problem)
    if key.only is not None and not 1 <= len(key.only) <= MOST_ADDRESSES:
        raise BadInput("only", Phrase("must have 1 to {most:,} addresses", most=MOST_ADDRESSES))


def checked_addresses(given: Sequence[str]) -> tuple[str, ...]:
    """Each address once, in the spelling that `--to` reads, as it was given first. Raises BadInput."""
    for number, text in enumerate(given, 1):
        try:
            receiver_fields(text, UserIdType.USER_ID)
        except ValueError:
            problem = Phrase("address {number} is not an id, an e-mail or a mobile number", number=number)
            raise BadInput("only", problem) from None
    return tuple(map(address_text, distinct_addresses(map(address_fields, given)).values()))


def digest_of(secret: str) -> str:
    """The hash by which a key is found."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
