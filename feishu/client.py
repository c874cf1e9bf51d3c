"""The calls that Deskbell makes: send, find open tickets and people, upload an image. No send is repeated."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import quote

import orjson

from feishu.api import FeishuApi, misshapen
from feishu.codes import CodeTable, Kind
from feishu.token import TokenStore
from feishu.verdict import AskFailed, NoToken, Verdict
from ledger.addresses import one_spelling
from ledger.errors import BadInput
from ledger.phrases import Phrase
from ledger.settings import Desk, Settings
from ledger.tickets import OPEN_STATUSES

__all__ = [
    "OPEN_STATUSES",
    "TICKETS_PER_PAGE",
    "TICKET_EVENTS",
    "FeishuClient",
    "Person",
    "Ticket",
    "TicketPage",
    "people_of_answer",
]

#: The most that Feishu returns on a page; over all pages it returns 10,000.
TICKETS_PER_PAGE = 200
_TICKETS_AT_MOST = 10_000
#: What the open-ticket index is fed with, each a type and its subtype. Feishu's documents show the form of
#: `helpdesk.ticket_message` alone; other clients subscribe to tickets by these names.
TICKET_EVENTS = (("helpdesk.ticket", "ticket.created_v1"), ("helpdesk.ticket", "ticket.updated_v1"))


@dataclass(frozen=True, slots=True)
class Ticket:
    """An open ticket. `guest_open_id` is None if the list did not name the guest."""

    ticket_id: str
    guest_open_id: str | None
    status: int


@dataclass(frozen=True, slots=True)
class TicketPage:
    """One page of the list; `last` if no other follows, `cut` if Feishu returns no more although there may be some."""

    tickets: tuple[Ticket, ...]
    last: bool
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """What Feishu says of one contact. `open_id` is None when it names nobody.

    `left` is None when the answer has no status: the app needs one more permission for it
    (`contact:user.employee:readonly`, or to read the contacts).
    """

    open_id: str | None
    left: bool | None = None


class FeishuClient(FeishuApi):
    """Calls Feishu for one desk. Threads may share it: each has its own connections."""

    def __init__(
        self,
        desk: Desk,
        tokens: TokenStore,
        *,
        timeout: tuple[float, float],
        codes: CodeTable,
        on_verdict: Callable[[Verdict], None] = lambda _: None,
    ) -> None:
        """`on_verdict` is called after each call, for metrics and traces."""
        credentials = _helpdesk_credentials(desk)
        private = (desk.helpdesk_token.get_secret_value(), credentials)
        super().__init__(desk, tokens, timeout=timeout, codes=codes, private=private, on_verdict=on_verdict)
        self._helpdesk = {"X-Lark-Helpdesk-Authorization": credentials}
        self._send_headers = {**self._helpdesk, "Content-Type": "application/json; charset=utf-8"}

    @classmethod
    def of(cls, desk: Desk, settings: Settings, tokens: TokenStore) -> Self:
        """With the timeouts and codes of the settings. Raises BadInput when credentials of the desk are not set."""
        if desk.missing:
            raise BadInput(f"desk {desk.name}", Phrase("not set: {names}", names=", ".join(desk.missing)))
        codes = CodeTable.load(settings.error_codes)
        return cls(desk, tokens, timeout=settings.timeout, codes=codes)

    def __repr__(self) -> str:
        return f"FeishuClient(desk={self.desk.name!r}, url={self.desk.feishu_url!r})"

    @property
    def helpdesk_headers(self) -> Mapping[str, str]:
        """The second credential, which calls of the helpdesk need."""
        return self._helpdesk

    def ready(self) -> Verdict | None:
        """Fetches the token and connects, before a slot is taken. Returns why no token is available, else None."""
        try:
            self.token()
        except NoToken as failure:
            return failure.verdict
        self.connect_ahead()
        return None

    def send(self, receiver_id: str, receive_type: str, user_id_type: str, msg_type: str, content_json: str) -> Verdict:
        """Makes one send, and never a second one: each needs its own slot.

        `content_json` is the `content` string of the API. A verdict of class `token` says that nothing was sent, and
        that the next call uses another token. A verdict whose `call` is `token` says that no send was made.
        """
        message = {
            "msg_type": msg_type,
            "content": content_json,
            "receiver_id": receiver_id,
            "receive_type": receive_type,
        }
        try:
            verdict = self.post(
                "send",
                f"/open-apis/helpdesk/v1/message?user_id_type={quote(user_id_type)}",
                orjson.dumps(message),
                headers=self._send_headers,
                private=_spellings(content_json),
            )
        except NoToken as failure:
            return failure.verdict
        return self._about_tickets(verdict, receive_type)

    def open_tickets(self, guest_open_id: str | None = None, page: int = 1) -> TicketPage:
        """The open tickets of the helpdesk, or of one guest; `page` counts from 1. Raises AskFailed."""
        params: dict[str, Any] = {"status_list": OPEN_STATUSES, "page": page, "page_size": TICKETS_PER_PAGE}
        if guest_open_id is not None:
            params["guest_id"] = guest_open_id
        verdict, data = self.ask(
            "tickets", "GET", "/open-apis/helpdesk/v1/tickets", params=params, headers=self._helpdesk
        )
        rows = data.get("tickets") or []
        if not isinstance(rows, list):
            raise AskFailed(misshapen(verdict))
        tickets = tuple(_ticket(row, verdict) for row in rows)
        full, at_the_end = len(rows) >= TICKETS_PER_PAGE, page * TICKETS_PER_PAGE >= _TICKETS_AT_MOST
        return TicketPage(
            # It could not be tried whether the server honours `status_list`: other tickets are left out here.
            tickets=tuple(ticket for ticket in tickets if ticket.status in OPEN_STATUSES),
            last=not full or at_the_end,
            cut=full and at_the_end,
        )

    def has_open_ticket(self, open_id: str) -> bool:
        """Whether the list shows an open ticket of this guest. Raises AskFailed."""
        # A server that does not understand the id may return everybody's tickets: a row that names another guest
        # proves nothing.
        return any(ticket.guest_open_id in (open_id, None) for ticket in self.open_tickets(open_id).tickets)

    def open_id_of(self, user_id: str, user_id_type: str) -> str:
        """The open_id of a person known by `user_id` or `union_id`: ticket lists know no other. Raises AskFailed."""
        path = f"/open-apis/contact/v3/users/{quote(user_id, safe='')}"
        verdict, data = self.ask("user", "GET", path, params={"user_id_type": user_id_type})
        return _text_of(data.get("user"), "open_id", verdict)

    def people(self, emails: Sequence[str], mobiles: Sequence[str], *, with_resigned: bool = False) -> list[Person]:
        """The people behind at most 50 mail addresses and 50 mobile numbers, in this order. Raises AskFailed.

        Without `with_resigned`, a person who resigned has no `open_id`, like a person whom the app may not see.
        """
        verdict, data = self.ask(
            "people",
            "POST",
            "/open-apis/contact/v3/users/batch_get_id",
            params={"user_id_type": "open_id"},
            headers={"Content-Type": "application/json; charset=utf-8"},
            data=orjson.dumps({"emails": emails, "mobiles": mobiles, "include_resigned": with_resigned}),
            private=(*emails, *mobiles),
        )
        return people_of_answer(data, emails, mobiles, verdict)

    def subscribe(self, events: Sequence[tuple[str, str]]) -> None:
        """Has Feishu push these events of the helpdesk. It may be called again. Raises AskFailed."""
        self.ask(
            "subscribe",
            "POST",
            "/open-apis/helpdesk/v1/events/subscribe",
            headers={**self._helpdesk, "Content-Type": "application/json; charset=utf-8"},
            data=orjson.dumps({"events": [{"type": kind, "subtype": subtype} for kind, subtype in events]}),
        )

    def upload_image(self, image: bytes, filename: str) -> str:
        """Uploads an image and returns its key. Raises AskFailed."""
        verdict, data = self.ask(
            "image",
            "POST",
            "/open-apis/im/v1/images",
            data={"image_type": "message"},
            files={"image": (filename, image)},
        )
        return _text_of(data, "image_key", verdict)

    def _about_tickets(self, verdict: Verdict, receive_type: str) -> Verdict:
        """Only a send to `chat` can meet an open ticket."""
        if receive_type != "chat":
            kind = Kind.REFUSED if verdict.kind is Kind.TICKET_OPEN else verdict.kind
            return replace(verdict, kind=kind, may_mean_ticket=False)
        if verdict.kind is not Kind.DELIVERED and verdict.code in self.desk.ticket_codes:
            return replace(verdict, kind=Kind.TICKET_OPEN, may_mean_ticket=False)
        return verdict


def _helpdesk_credentials(desk: Desk) -> str:
    """Base64 without "Bearer": the form of the documents."""
    pair = f"{desk.helpdesk_id}:{desk.helpdesk_token.get_secret_value()}"
    return base64.b64encode(pair.encode()).decode()


def _spellings(content_json: str) -> tuple[str, ...]:
    """The content as it was written, and as Feishu may quote it: without escapes for other scripts."""
    try:
        return content_json, orjson.dumps(orjson.loads(content_json)).decode()
    except orjson.JSONDecodeError:
        return (content_json,)


def _ticket(row: Any, verdict: Verdict) -> Ticket:
    ticket_id = _text_of(row, "ticket_id", verdict)
    status, guest = row.get("status"), row.get("guest")
    if type(status) is not int:
        raise AskFailed(misshapen(verdict))
    guest_id = guest.get("id") if isinstance(guest, dict) else None
    if isinstance(guest_id, dict):  # the form of the ticket events
        guest_id = guest_id.get("open_id")
    return Ticket(ticket_id, guest_id if isinstance(guest_id, str) and guest_id else None, status)


def _text_of(fields: Any, name: str, verdict: Verdict) -> str:
    value = fields.get(name) if isinstance(fields, dict) else None
    if not isinstance(value, str) or not value:
        raise AskFailed(misshapen(verdict))
    return value


def people_of_answer(
    data: Mapping[str, Any], emails: Sequence[str], mobiles: Sequence[str], verdict: Verdict
) -> list[Person]:
    """The people of the addresses, then those of the numbers. A contact missing from the answer is nobody's.

    Raises AskFailed when the answer has a contact that was not asked for: it is unknown then whose entry it is, and a
    guess by its position might send a message to the wrong person.
    """
    asked = [("email", email) for email in emails] + [("mobile", mobile) for mobile in mobiles]
    contacts = [(kind, one_spelling(kind, value)) for kind, value in asked]
    rows = data.get("user_list") or []
    if not isinstance(rows, list):
        raise AskFailed(misshapen(verdict))
    people = dict(_entry(row, verdict) for row in rows)
    if not people.keys() <= set(contacts):
        raise AskFailed(misshapen(verdict))
    return [people.get(contact, Person(None)) for contact in contacts]


def _entry(row: Any, verdict: Verdict) -> tuple[tuple[str, str], Person]:
    """The contact in a normalised spelling, and the person."""
    match row:
        case {"email": str(email)} if email:
            return ("email", one_spelling("email", email)), _person(row)
        case {"mobile": str(mobile)} if mobile:
            return ("mobile", one_spelling("mobile", mobile)), _person(row)
    raise AskFailed(misshapen(verdict))


def _person(row: Mapping[str, Any]) -> Person:
    open_id, status = row.get("user_id"), row.get("status")
    left = None
    if isinstance(status, dict) and ("is_resigned" in status or "is_exited" in status):
        # A person who leaves voluntarily counts as resigned some time later (page batch_get_id).
        left = status.get("is_resigned") is True or status.get("is_exited") is True
    return Person(open_id if isinstance(open_id, str) and open_id else None, left)
