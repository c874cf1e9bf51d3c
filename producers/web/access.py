"""Authorisation: an API key with the required scope; without any configured key only local requests."""

import asyncio
import base64
import ipaddress
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request

from ledger.announcement import Announcement
from ledger.api_key import ApiKey, Scope
from ledger.draft import Person
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from producers.web.context import WebContext, context_of
from producers.web.problems import Problem
from producers.web.shares import MOST_UNDER_WAY

__all__ = [
    "Admin",
    "Announcer",
    "Approver",
    "Author",
    "Caller",
    "Needs",
    "Operator",
    "Reader",
    "Sender",
    "Starter",
    "admit",
    "basic_password",
    "found_of",
    "is_local",
    "secret_of",
]

_CREATE_ONE = Phrase("create one with `deskbell key create --name NAME --scope SCOPE`")
#: A proxy puts one of these in: then the connection's address is the proxy's, and says nothing of the caller.
_FORWARDED = re.compile(r"forwarded|via|x-real-ip|x-(?:forwarded|original)-.*|cf-.*|.*-client-ip", re.DOTALL)
#: With any of them; a key that only reads sees ids.
_SEES_ADDRESSES = frozenset({Scope.OPERATE, Scope.ANNOUNCE})


@dataclass(frozen=True, slots=True)
class Caller:
    """An authorised caller, and its permissions."""

    name: str
    key_id: str | None  #: None: from this machine, with no key configured
    scopes: frozenset[Scope]
    desks: frozenset[str] | None  #: None: every desk
    key: ApiKey | None = None  #: with its limits

    @property
    def by(self) -> str:
        """The caller's name for the record."""
        return f"key {self.name}" if self.key_id else self.name

    @property
    def sees_addresses(self) -> bool:
        """Whether it may see the e-mail addresses and mobile numbers of people."""
        return not self.scopes.isdisjoint(_SEES_ADDRESSES)

    @property
    def person(self) -> Person:
        """As author or approver of drafts."""
        return Person(self.key_id or self.name, self.by)

    def may_use(self, desk: str) -> bool:
        return self.desks is None or desk in self.desks

    def check_desk(self, desk: str) -> None:
        """Raises Problem (403) unless it may use the desk."""
        if not self.may_use(desk):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                Phrase("The key is not for this desk"),
                Phrase("{key} may not use desk {desk}", key=self.name, desk=desk),
            )

    def check_scope(self, scope: Scope) -> None:
        """Raises Problem (403) unless it has the scope."""
        if scope not in self.scopes:
            has = ", ".join(sorted(self.scopes))
            raise Problem(
                HTTPStatus.FORBIDDEN,
                Phrase("The key lacks a scope"),
                Phrase("this needs the scope {scope}, and {key} has {has}", scope=str(scope), key=self.name, has=has),
                type="scope-missing",
            )


_LOCAL = Caller("loopback", None, frozenset(Scope), None)


@dataclass(frozen=True, slots=True)
class Needs:
    """A dependency that requires this scope: see `Sender`. `in_thread`: it is answered in one, for which it waits."""

    scope: Scope | None
    in_thread: bool = True

    async def __call__(self, request: Request) -> Caller:
        found = await admit(request, self.scope, secret_of(request))
        if self.in_thread and found.key_id is not None:
            await context_of(request).shares.wait_for_turn(request.scope, found.name)
        return found


Sender = Annotated[Caller, Depends(Needs(Scope.SEND, in_thread=False))]
Announcer = Annotated[Caller, Depends(Needs(Scope.ANNOUNCE, in_thread=False))]
Author = Annotated[Caller, Depends(Needs(Scope.ANNOUNCE))]
Reader = Annotated[Caller, Depends(Needs(Scope.READ))]
Operator = Annotated[Caller, Depends(Needs(Scope.OPERATE))]
Admin = Annotated[Caller, Depends(Needs(Scope.ADMIN))]
Approver = Annotated[Caller, Depends(Needs(Scope.APPROVE))]
#: With any scope: which one is needed stands in the body.
Starter = Annotated[Caller, Depends(Needs(None))]


async def admit(request: Request, scope: Scope | None, secret: str | None) -> Caller:
    """The caller with this secret, wherever it stood. Raises Problem: 401, 403, 429 when it calls too often, 503 when
    it has too much under way."""
    context = context_of(request)
    if secret is None:
        return await _without_key(request, context)
    key = await context.key_verifier.find(secret)
    if key is None:
        raise _unauthorised(
            Phrase("The key is unknown"), Phrase("it is wrong or was revoked: {remedy}", remedy=_CREATE_ONE)
        )
    request.scope["caller"] = key.name  # for the access log
    if not context.shares.take(request.scope, key.name):
        raise _too_many(key)
    if key.rate:  # also what is refused below: it has cost as much as a call that is not
        await _count_call(context, key)
    caller = Caller(key.name, key.id, key.scopes, key.desks, key)
    if scope is not None:
        caller.check_scope(scope)
    return caller


def found_of(ledger: Ledger, caller: Caller, id: str) -> Announcement:
    """An announcement. Raises NotFound, and Problem (403) for one of a desk that the caller may not use."""
    found = ledger.announcements.get(id)
    caller.check_desk(found.spec.desk)
    return found


def secret_of(request: Request) -> str | None:
    """From `Authorization: Bearer …` or `X-Api-Key: …`. Raises Problem (401) for any other authorization."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        return request.headers.get("x-api-key")
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise _unauthorised(
            Phrase("The key is malformed"), Phrase("write `Authorization: Bearer dbk_…`, or `X-Api-Key: dbk_…`")
        )
    return secret.strip()


def basic_password(request: Request) -> str | None:
    """The key in `Authorization: Basic …`, for tools that know no other way: the password, or the name without one.

    Of hooks alone. None for any other authorization. Raises Problem (401) when it is malformed.
    """
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:  # of base64, of a text that is not ASCII, of bytes that are not UTF-8
        name = password = ""
    if not (password or name):
        raise _unauthorised(
            Phrase("The key is malformed"), Phrase("give the key as the password of Basic authentication")
        )
    return password or name


def is_local(request: Request) -> bool:
    """Whether a program on this machine calls, and not a foreign web page in its browser.

    A page can reach the loopback in two ways: by a plain cross-site request, which browsers mark (old ones only with
    Origin), and by a name of its own that resolves to the loopback, which is then in Host.
    """
    headers = request.headers
    host = headers.get("host", "")
    if any(map(_FORWARDED.fullmatch, headers)) or not request.client or not _is_loopback(request.client.host):
        return False
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    if headers.get("origin", f"http://{host}") not in (f"http://{host}", f"https://{host}"):
        return False
    return _is_loopback(urlsplit(f"//{host}").hostname or "")


@lru_cache(maxsize=256)
def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _without_key(request: Request, context: WebContext) -> Caller:
    if await context.key_verifier.keys_are_configured():
        raise _unauthorised(
            Phrase("A key is needed"), Phrase("send it as `Authorization: Bearer dbk_…`, or `X-Api-Key: dbk_…`")
        )
    if not is_local(request):
        detail = Phrase(
            "no key is configured, so only this machine is served, under its own name: {remedy}", remedy=_CREATE_ONE
        )
        raise Problem(HTTPStatus.FORBIDDEN, Phrase("No key is configured"), detail, type="no-key-configured")
    return _LOCAL


async def _count_call(context: WebContext, key: ApiKey) -> None:
    seconds = await asyncio.to_thread(context.key_verifier.wait_seconds, key)
    if seconds:
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            Phrase("The key calls too often"),
            Phrase("{key} may call {rate}", key=key.name, rate=key.rate),
            headers={"Retry-After": str(math.ceil(seconds))},
        )


def _too_many(key: ApiKey) -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        Phrase("The key has too many open requests"),
        Phrase(
            "{name} has {most} requests open in this process: end some, streams and exports first",
            name=key.name,
            most=MOST_UNDER_WAY,
        ),
        type="too-many-requests-under-way",
    )


def _unauthorised(title: Phrase, detail: Phrase, **more: Any) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, title, detail, headers={"WWW-Authenticate": "Bearer"}, **more)
