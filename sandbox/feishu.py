"""Feishu's endpoints: each answers a call that passed the gateway, or raises RefusalError."""

import base64
import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.answers import Answer, Refusal, RefusalError, json_answer, success
from sandbox.calls import Call
from sandbox.contacts.api import Contacts
from sandbox.contacts.directory import Person
from sandbox.contacts.events import user_event
from sandbox.content import ImageShelf, check_content, check_fields
from sandbox.options import Options
from sandbox.people import ID_TYPES, PREFIXES, id_part, ids_and_name
from sandbox.pushes import Pushes
from sandbox.queries import Query, id_type_of, last_value, query_of
from sandbox.refusals import (
    APP_SECRET_WRONG,
    BAD_REQUEST,
    DESK_HIDDEN,
    INVALID_PARAM,
    NO_SUCH_MESSAGE,
    NOT_FOUND,
    NOT_THE_SENDER,
    RESIGNED,
    UNAUTHORIZED,
)
from sandbox.tickets import BOT, HUMAN, STATUSES, TicketBook

__all__ = ["Feishu", "Tokens"]

#: Feishu returns the same token until it has less than this left, then a new one beside it.
_SAME_TOKEN_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    app_id: str
    ends_at: float


class Tokens:
    """The tokens of all apps. For lifetimes other than two hours, the 30 minutes become a quarter of the lifetime."""

    def __init__(self, secrets_by_app: Mapping[str, str], life_seconds: float, clock: Callable[[], float]) -> None:
        self._secrets = secrets_by_app
        self._life_seconds = life_seconds
        self._renew_below_seconds = min(_SAME_TOKEN_SECONDS, life_seconds / 4)
        self._clock = clock
        self._latest: dict[str, _Token] = {}
        self._valid: dict[str, _Token] = {}

    def grant(self, app_id: object, app_secret: object) -> tuple[str, int]:
        """The token and its remaining whole seconds. Raises RefusalError for wrong credentials."""
        if not isinstance(app_id, str) or app_id not in self._secrets or not app_secret:
            raise RefusalError(INVALID_PARAM)
        if app_secret != self._secrets[app_id]:
            raise RefusalError(APP_SECRET_WRONG)
        now = self._clock()
        token = self._latest.get(app_id)
        if token is None or token.ends_at - now < self._renew_below_seconds:
            token = self._make(app_id, now)
        return token.text, round(token.ends_at - now)

    def app_of(self, text: str) -> str | None:
        """The app of a token; None if the token is unknown or expired."""
        token = self._valid.get(text)
        if token is None or token.ends_at <= self._clock():
            return None
        return token.app_id

    def expire_all(self) -> None:
        self._latest.clear()
        self._valid.clear()

    def _make(self, app_id: str, now: float) -> _Token:
        token = _Token("t-" + secrets.token_hex(20), app_id, now + self._life_seconds)
        self._valid = {text: known for text, known in self._valid.items() if known.ends_at > now}
        self._latest[app_id] = self._valid[token.text] = token
        return token


_MAX_PAGE_SIZE = 200
#: Tickets beyond this many are on no page.
_MAX_LISTED = 10_000
_MAX_CUSTOMIZED_INFO = 1024
#: Messages whose receivers are known, the latest.
_MAX_READERS = 10_000
#: People who may not see the helpdesk.
_HIDDEN_PREFIX = "ou_hidden"


class Feishu:
    """One Feishu: its apps and helpdesks, tokens, tickets, images and event subscriptions."""

    def __init__(self, options: Options, clock: Callable[[], float], rng: random.Random) -> None:
        self._options = options
        self._rng = rng
        self.tokens = Tokens(options.apps, options.tokens_live_seconds, clock)
        self.tickets = TicketBook(clock, demo=options.demo, on_change=self._push_ticket)
        self.images = ImageShelf()
        self._readers: dict[str, str] = {}
        self.contacts = Contacts(
            options.directory,
            options.contact_range,
            options.scopes,
            recursion_limit=options.recursion_limit,
            page_tokens_live_seconds=options.page_tokens_live_seconds,
            clock=clock,
        )
        self.subscriptions: list[dict[str, str]] = []
        self._subscribers: set[str] = set()
        self._pushes = Pushes(options.events_url, options.encrypt_key, options.verification_token, clock=clock)
        self._helpdesks = {_helpdesk_header(*pair): pair[0] for pair in options.helpdesks.items()}

    @property
    def default_helpdesk(self) -> str:
        return next(iter(self._options.helpdesks))

    def message_latency_seconds(self) -> float:
        return self._options.latency.draw_seconds(self._rng)

    def token(self, call: Call) -> Answer:
        if not isinstance(call.document, dict):
            raise RefusalError(INVALID_PARAM)
        token, expire = self.tokens.grant(call.document.get("app_id"), call.document.get("app_secret"))
        return json_answer({"code": 0, "msg": "ok", "tenant_access_token": token, "expire": expire}, code=0)

    def message(self, call: Call) -> Answer:
        """Delivers: from here on the call has a message id."""
        helpdesk_id = self._helpdesk_of(call)
        if self._options.demand_content_type and not call.header("content-type").startswith("application/json"):
            raise RefusalError(BAD_REQUEST, "Content-Type must be application/json")
        document = check_fields(call.document)
        check_content(
            document["msg_type"],
            document["content"],
            may_send_image=lambda key: self.images.may_send(call.app_id or "", key),
            accept_unwrapped_post=self._options.accept_unwrapped_post,
            locales=self._options.post_locales,
        )
        guest_id = self._guest(document["receiver_id"], id_type_of(query_of(call.query)))
        blocking = (BOT, HUMAN) if self._options.bot_stage_blocks else (HUMAN,)
        if document.get("receive_type", "chat") == "chat" and self.tickets.has_open(helpdesk_id, guest_id, blocking):
            raise RefusalError(Refusal(*self._options.ticket_open_answer, "The user has a ticket in progress"))
        call.message_id = "om_" + secrets.token_hex(16)
        call.delivered = True
        self._note_reader(call.message_id, guest_id)
        return success({"message_id": call.message_id})

    def list_tickets(self, call: Call) -> Answer:
        helpdesk_id = self._helpdesk_of(call)
        query = query_of(call.query)
        page, page_size = _whole(query, "page", 1), _whole(query, "page_size", 20)
        if page < 1 or not 1 <= page_size <= _MAX_PAGE_SIZE:
            raise RefusalError(BAD_REQUEST, f"page counts from 1, page_size from 1 to {_MAX_PAGE_SIZE}")
        tickets = self.tickets.select(
            helpdesk_id,
            guest_id=last_value(query, "guest_id"),
            ticket_id=last_value(query, "ticket_id"),
            statuses=_statuses(query),
        )
        shown = tickets[:_MAX_LISTED][(page - 1) * page_size : page * page_size]
        return success({"total": len(tickets), "tickets": shown})

    def start_service(self, call: Call) -> Answer:
        """Opens the conversation of a person with the helpdesk, without or with an agent."""
        helpdesk_id = self._helpdesk_of(call)
        document = call.document if isinstance(call.document, dict) else {}
        open_id, with_agent = document.get("open_id"), document.get("human_service") is True
        if not isinstance(open_id, str) or (document.get("appointed_agents") and not with_agent):
            raise RefusalError(BAD_REQUEST, "open_id is required; appointed_agents need human_service")
        if len(str(document.get("customized_info", ""))) > _MAX_CUSTOMIZED_INFO:
            raise RefusalError(BAD_REQUEST, "customized_info is too long")
        guest_id = self._guest(open_id, "open_id")
        if guest_id.startswith(_HIDDEN_PREFIX):
            raise RefusalError(DESK_HIDDEN)
        ticket_id = self.tickets.start_service(helpdesk_id, guest_id, HUMAN if with_agent else BOT)
        return success({"chat_id": f"oc_{ticket_id}"} | ({"ticket_id": ticket_id} if with_agent else {}))

    def list_readers(self, call: Call) -> Answer:
        """`read_users`: in the sandbox everybody reads at once, where the option says that it answers at all."""
        message_id = call.path.split("/")[-2]
        id_type = last_value(query_of(call.query), "user_id_type")
        if message_id not in self._readers or id_type not in ID_TYPES:
            raise RefusalError(NO_SUCH_MESSAGE, "the message does not exist, or user_id_type is missing")
        if not self._options.read_users:
            raise RefusalError(NOT_THE_SENDER)
        reader = {"user_id_type": id_type, "user_id": ids_and_name(self._readers[message_id])[id_type]}
        read_at = {"timestamp": str(int(call.at * 1000)), "tenant_key": "sandbox"}
        return success({"items": [reader | read_at], "has_more": False})

    def upload_image(self, call: Call) -> Answer:
        key = self.images.upload(call.app_id or "", call.header("content-type"), call.document)
        return success({"image_key": key})

    def subscribe(self, call: Call) -> Answer:
        self._helpdesk_of(call)
        events = call.document.get("events") if isinstance(call.document, dict) else None
        if not isinstance(events, list) or not all(map(_is_event, events)):
            raise RefusalError(BAD_REQUEST, "events must be a list of objects with type and subtype")
        for event in events:
            subscription = {"type": event["type"], "subtype": event["subtype"]}
            if subscription not in self.subscriptions:
                self.subscriptions.append(subscription)
        self._subscribers.add(call.app_id or "")
        return success({})

    def change_person(self, person: Person) -> None:
        """As an admin does it. All apps get the event: contact events are subscribed in the console of the app."""
        before = self.contacts.directory.person(person.id)
        self.contacts.directory.change(person)
        event_type, event = user_event(before, person, self.contacts.scopes)
        for app_id in self._options.apps:
            self._pushes.push(app_id, event_type, event)

    def _note_reader(self, message_id: str, guest_id: str) -> None:
        self._readers[message_id] = guest_id
        if len(self._readers) > _MAX_READERS:
            del self._readers[next(iter(self._readers))]

    def _guest(self, receiver_id: str, id_type: str) -> str:
        """The open_id. Raises RefusalError for someone who does not exist, or has left."""
        person = self.contacts.directory.person(id_part(receiver_id, id_type) or "")
        if person is None:
            raise RefusalError(NOT_FOUND, "receiver_id does not exist")
        if person.status == "resigned":
            raise RefusalError(RESIGNED)
        return PREFIXES["open_id"] + person.id

    def _push_ticket(self, subtype: str, event: dict[str, Any]) -> None:
        """Pushes to all subscribed apps: in the sandbox they share one list of subscriptions."""
        if {"type": "helpdesk.ticket", "subtype": subtype} in self.subscriptions:
            for app_id in self._subscribers:
                self._pushes.push(app_id, f"helpdesk.{subtype}", event)

    def _helpdesk_of(self, call: Call) -> str:
        header = call.header("x-lark-helpdesk-authorization")
        bare = header.removeprefix("Bearer ")
        if bare != header and not self._options.accept_helpdesk_bearer:
            raise RefusalError(UNAUTHORIZED, 'X-Lark-Helpdesk-Authorization must not begin with "Bearer "')
        try:
            return self._helpdesks[bare]
        except KeyError:
            raise RefusalError(UNAUTHORIZED, "X-Lark-Helpdesk-Authorization names no helpdesk of this tenant") from None


def _helpdesk_header(helpdesk_id: str, token: str) -> str:
    return base64.b64encode(f"{helpdesk_id}:{token}".encode()).decode()


def _whole(query: Query, name: str, default: int) -> int:
    text = last_value(query, name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise RefusalError(BAD_REQUEST, f"{name} must be a whole number")
    return int(text)


def _statuses(query: Query) -> frozenset[int]:
    statuses = query.get("status_list", [])
    if not all(text in map(str, STATUSES) for text in statuses):
        raise RefusalError(BAD_REQUEST, "status_list must hold ticket statuses, as repeated keys")
    return frozenset(map(int, statuses))


def _is_event(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str) and isinstance(value.get("subtype"), str)
