"""The control API under `/sandbox/`: received calls, tickets and faults on order. Feishu itself has no such API.

GET    /sandbox/calls?since=SEQ&limit=N   {"calls": […], "dropped": N}: the kept calls numbered above SEQ
DELETE /sandbox/calls                     forgets calls and statistics; numbering goes on
GET    /sandbox/messages                  {"messages": […], "dropped": N}: the delivered ones
GET    /sandbox/stats                     counts since the start, or since calls were last forgotten:
    calls                       by kind of path, then by code; `none` is an answer without a code, or no answer
    delivered, malformed        delivered messages; requests that were not HTTP
    kept, dropped               calls in the log, and dropped from it
    in_flight, max_in_flight    calls in flight, now and at most
    max_in_flight_per_receiver  the same for one receiver; several_in_flight names those with more than one
    max_in_window               by app and window: calls that arrived (refused ones too), and those granted
    max_in_window_of            the same by kind of path, then by app
POST   /sandbox/people/ou_X               {"status"?, "email"?, "mobile"?, "name"?, …}: changes a person, and pushes
                                          contact.user.updated_v3, or deleted_v3 for the status `resigned`
POST   /sandbox/contacts                  {"range"?: "all" | "od-…,ou_…,g…", "scopes"?: […], "without_scopes"?: […]}:
                                          what the app may see from now on
POST   /sandbox/tickets                   {"guest_id", "status", "helpdesk_id"?} -> {"ticket_id", "ticket_ids"}
POST   /sandbox/tickets/ID                {"status"}
GET    /sandbox/faults                    {"faults": […]}, each with its number of uses
POST   /sandbox/faults                    a rule or a list of them, added after those in force
DELETE /sandbox/faults                    clears them
GET    /sandbox/subscriptions             {"subscriptions": […]}: the subscribed events
"""

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from sandbox.answers import Answer, json_answer
from sandbox.calls import CallLog
from sandbox.contacts.directory import STATUSES as PERSON_STATUSES
from sandbox.contacts.directory import Person
from sandbox.contacts.visibility import ALL_SCOPES, Scopes, parse_range
from sandbox.faults import FaultBook, parse_rule
from sandbox.feishu import Feishu
from sandbox.quota import Quota
from sandbox.tickets import STATUSES

__all__ = ["PREFIX", "Control", "sent_by_a_page"]

PREFIX = "/sandbox/"
_TICKET_PATH = PREFIX + "tickets/"
_PERSON_PATH = PREFIX + "people/"
_PERSON_FIELDS = frozenset(part.name for part in fields(Person)) - {"id", "departments"}


class Control:
    """Answers are JSON; an invalid request gets HTTP 400 and `{"error": …}`, an unknown path 404."""

    def __init__(
        self,
        feishu: Feishu,
        faults: FaultBook,
        log: CallLog,
        quotas: Mapping[str, Quota],
        kind_quotas: Mapping[tuple[str, str], Quota],
        clock: Callable[[], float],
    ) -> None:
        """`quotas` are those of messages by app, `kind_quotas` the others by app and kind of path."""
        self._feishu, self._faults, self._log, self._clock = feishu, faults, log, clock
        self._quotas, self._kind_quotas = quotas, kind_quotas
        self._verbs: dict[tuple[str, str], Callable[[Any], dict[str, Any]]] = {
            ("DELETE", "calls"): self._forget_calls,
            ("GET", "messages"): self._messages,
            ("GET", "stats"): self._stats,
            ("POST", "tickets"): self._put_ticket,
            ("POST", "contacts"): self._set_visible,
            ("GET", "faults"): lambda _: {"faults": faults.listed()},
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "subscriptions"): lambda _: {"subscriptions": feishu.subscriptions},
        }

    def answer(self, method: str, path: str, query: str, body: bytes) -> Answer:
        try:
            if (method, path) == ("GET", PREFIX + "calls"):
                return json_answer(self._calls(query))
            document = orjson.loads(body) if body and method == "POST" else None
            if method == "POST" and path.startswith(_TICKET_PATH):
                return self._move_ticket(path.removeprefix(_TICKET_PATH), document)
            if method == "POST" and path.startswith(_PERSON_PATH):
                return self._change_person(path.removeprefix(_PERSON_PATH), document)
            verb = self._verbs.get((method, path.removeprefix(PREFIX)))
            return json_answer(verb(document)) if verb else json_answer({"error": "no such path"}, status=404)
        except ValueError as error:  # JSONDecodeError is one too
            return json_answer({"error": str(error)}, status=400)

    def _calls(self, query: str) -> dict[str, Any]:
        parameters = {name: int(values[-1]) for name, values in parse_qs(query).items()}
        calls = self._log.since(parameters.get("since", 0), parameters.get("limit"))
        return {"calls": [call.as_record() for call in calls], "dropped": self._log.dropped}

    def _forget_calls(self, _: Any) -> dict[str, Any]:
        self._log.clear()
        for quota in (*self._quotas.values(), *self._kind_quotas.values()):
            quota.restart_peaks(self._clock())
        return {}

    def _messages(self, _: Any) -> dict[str, Any]:
        return {"messages": [call.as_message() for call in self._log.delivered()], "dropped": self._log.dropped}

    def _stats(self, _: Any) -> dict[str, Any]:
        by_kind: dict[str, dict[str, Any]] = {}
        for (app, kind), quota in self._kind_quotas.items():
            by_kind.setdefault(kind, {})[app] = quota.peaks()
        by_app = {app: quota.peaks() for app, quota in self._quotas.items()}
        return self._log.stats() | {"max_in_window": by_app, "max_in_window_of": by_kind}

    def _change_person(self, open_id: str, document: Any) -> Answer:
        person = self._feishu.contacts.directory.person(open_id.removeprefix("ou_"))
        if not open_id.startswith("ou_") or person is None:
            return json_answer({"error": "no such person"}, status=404)
        if not isinstance(document, dict) or not _PERSON_FIELDS.issuperset(document):
            raise ValueError(f"give an object with some of {', '.join(sorted(_PERSON_FIELDS))}")
        if document.get("status", "active") not in PERSON_STATUSES:
            raise ValueError(f"status must be one of {', '.join(PERSON_STATUSES)}")
        changes: dict[str, Any] = {name: str(value) for name, value in document.items()}
        self._feishu.change_person(replace(person, **changes))
        return json_answer({})

    def _set_visible(self, document: Any) -> dict[str, Any]:
        contacts = self._feishu.contacts
        if not isinstance(document, dict) or not {"range", "scopes", "without_scopes"}.issuperset(document):
            raise ValueError("give an object with range, scopes or without_scopes")
        if "range" in document:
            contacts.range = parse_range(str(document["range"]))
        if "scopes" in document or "without_scopes" in document:
            granted = frozenset(document.get("scopes", ALL_SCOPES)) - frozenset(document.get("without_scopes", ()))
            contacts.scopes = Scopes(granted)
        return {"scopes": sorted(contacts.scopes.granted)}

    def _put_ticket(self, document: Any) -> dict[str, Any]:
        status = _status_of(document)
        guest_id = document.get("guest_id")
        if not isinstance(guest_id, str) or not guest_id.startswith("ou_"):
            raise ValueError("guest_id must be an open_id, ou_…")
        helpdesk_id = str(document.get("helpdesk_id", self._feishu.default_helpdesk))
        ids = self._feishu.tickets.put(helpdesk_id, guest_id, status)
        return {"ticket_id": ids[-1] if ids else None, "ticket_ids": ids}

    def _move_ticket(self, ticket_id: str, document: Any) -> Answer:
        if self._feishu.tickets.move(ticket_id, _status_of(document)):
            return json_answer({"ticket_id": ticket_id})
        return json_answer({"error": "no such ticket"}, status=404)

    def _add_faults(self, document: Any) -> dict[str, Any]:
        rules = [parse_rule(spec) for spec in (document if isinstance(document, list) else [document])]
        self._faults.add(rules)
        return {"faults": self._faults.listed()}

    def _clear_faults(self, _: Any) -> dict[str, Any]:
        self._faults.clear()
        return {}


def _status_of(document: Any) -> int:
    status = document.get("status") if isinstance(document, dict) else None
    if not isinstance(status, int) or status not in STATUSES:
        raise ValueError(f"status must be one of {', '.join(map(str, sorted(STATUSES)))}")
    return status


def sent_by_a_page(headers: Iterable[tuple[str, str]]) -> bool:
    """Header names are in lower case. Pages of the sandbox itself would be allowed; it has none."""
    by_name = dict(headers)
    host = by_name.get("host", "")
    if by_name.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    return by_name.get("origin", f"http://{host}") != f"http://{host}" or not _is_of_a_machine(host)


def _is_of_a_machine(host: str) -> bool:
    """An address, localhost, or the name of a container: no web site has a name without a dot."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return "." not in name.removesuffix(".localhost") or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
