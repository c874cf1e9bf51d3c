"""The path of a call through the sandbox: arrive, start, answer, end, called by the connection in this order."""

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from sandbox.answers import Answer, Manner, Refusal, RefusalError, log_id_at, refusal_answer
from sandbox.calls import Call, CallLog
from sandbox.contacts.api import Contacts
from sandbox.control import Control
from sandbox.faults import DEMO_RULES, FaultBook, Rule
from sandbox.feishu import Feishu
from sandbox.options import Options
from sandbox.quota import Limit, Quota
from sandbox.refusals import (
    NO_SUCH_METHOD,
    NO_SUCH_PATH,
    NO_TOKEN,
    NOT_A_TOKEN,
    TOKEN_INVALID,
    TOO_LARGE,
    USER_TOKEN,
    over_rate,
)

__all__ = ["Gateway"]

_CONTACT = "/open-apis/contact/v3/"
#: Where the id is in a path that has one, counted in its parts.
_ID_AT = 5


@dataclass(frozen=True, slots=True)
class _Route:
    kind: str
    endpoint: Callable[[Call], Answer]
    needs_token: bool = True
    #: What its own quota allows; a call without one is not limited here, or by the quota of messages.
    rate: tuple[Limit, ...] = ()


class Gateway:
    """Routes, tokens, the quota, faults and the log, in front of Feishu's endpoints."""

    def __init__(self, options: Options, clock: Callable[[], float]) -> None:
        # Jitter and faults draw from one seeded sequence, so that a run can be repeated; no secret depends on it.
        self._options = options
        rng = random.Random(options.seed)  # noqa: S311
        self._clock = clock
        self.feishu = Feishu(options, clock, rng)
        self.faults = FaultBook(rng, (*options.faults, *(DEMO_RULES if options.demo else ())))
        self.log = CallLog(options.keep_calls, clock)
        self.quotas: dict[str, Quota] = defaultdict(lambda: Quota(options.rate))
        self.kind_quotas: dict[tuple[str, str], Quota] = {}
        self.control = Control(self.feishu, self.faults, self.log, self.quotas, self.kind_quotas, clock)
        self._routes = _routes(self.feishu, options)
        self._paths = {path for _, path in self._routes}

    def arrive(self, method: str, path: str, query: str, headers: tuple[tuple[str, str], ...]) -> Call:
        """The head of a call has arrived: token and quota are checked now, whenever the body comes."""
        route = self._route(method, path)
        call = Call(0, self._clock(), method, path, query, headers, route.kind if route else "other")
        self.log.add(call)
        if route is None:
            call.refusal = NO_SUCH_METHOD if self._paths & {path, _with_id(path)} else NO_SUCH_PATH
        elif route.needs_token:
            self._admit(call, route)
        return call

    def start(self, call: Call, body: bytes, *, too_large: bool) -> tuple[Rule | None, float]:
        """The call is complete. Returns the fault that applies, and the seconds that the call takes."""
        call.raw_bytes = len(body)
        if too_large:
            call.refusal = TOO_LARGE
        elif call.kind == "images":
            call.document = body
        else:
            call.body = body
            _read(call)
        self.log.start(call)
        rule = None if call.refusal else self.faults.take(call)
        call.fault = rule.name if rule else None
        delay_seconds = rule.delay_seconds if rule else 0.0
        if call.kind == "message" and call.refusal is None:
            delay_seconds += self.feishu.message_latency_seconds()
        return rule, delay_seconds

    def answer(self, call: Call, rule: Rule | None, log_id: str) -> Answer:
        """Carries out the call, subject to the fault, even if the caller has left."""
        try:
            answer = self._answer(call, rule)
        except RefusalError as refused:
            answer = refusal_answer(refused.refusal, log_id, refused.detail)
            answer = rule.spoiled(answer) if rule else answer
        call.document = None
        self.log.delivered_count += call.delivered
        return answer

    def sent(self, call: Call, answer: Answer) -> None:
        """Logs the visible part of the answer, before it is written."""
        if answer.manner not in (Manner.RESET, Manner.CLOSE):
            call.http_status = answer.status
        if answer.manner in (Manner.WHOLE, Manner.DRIP):
            call.code = answer.code

    def end(self, call: Call, *, answered: bool) -> None:
        """The answer was written, or the caller left."""
        self.log.end(call, answered=answered)

    def log_id(self) -> str:
        return log_id_at(self._clock())

    def _admit(self, call: Call, route: _Route) -> None:
        scheme, _, token = call.header("authorization").partition(" ")
        if scheme != "Bearer" or not token:
            call.refusal = NO_TOKEN
            return
        call.app_id = self.feishu.tokens.app_of(token)
        if call.app_id is None:
            call.refusal = _refusal_of(token) if self._options.token_kinds else TOKEN_INVALID
            return
        blocked = self._quota(call.app_id, route).take(call.at)
        call.refusal = over_rate(blocked[0].calls, blocked[1]) if blocked else None

    def _quota(self, app_id: str, route: _Route) -> Quota:
        if route.kind == "message":
            return self.quotas[app_id]
        return self.kind_quotas.setdefault((app_id, route.kind), Quota(route.rate))

    def _answer(self, call: Call, rule: Rule | None) -> Answer:
        if call.refusal:
            raise RefusalError(call.refusal)
        if rule and rule.expires_tokens:
            self.feishu.tokens.expire_all()
            raise RefusalError(TOKEN_INVALID)
        if rule and rule.stands_in:
            return rule.instead()
        route = self._route(call.method, call.path)
        if route is None:
            raise RefusalError(NO_SUCH_PATH)
        self.feishu.contacts.scopes.admit(route.kind)
        answer = route.endpoint(call)
        return rule.spoiled(answer) if rule else answer

    def _route(self, method: str, path: str) -> _Route | None:
        return self._routes.get((method, path)) or self._routes.get((method, _with_id(path)))


def _refusal_of(token: str) -> Refusal:
    """By its kind, as the documentation tells them apart."""
    if token.startswith("u-"):
        return USER_TOKEN
    return TOKEN_INVALID if token.startswith("t-") else NOT_A_TOKEN


def _with_id(path: str) -> str:
    """The path with `:id` in place of the id that it may have."""
    parts = path.split("/")
    if len(parts) > _ID_AT and parts[_ID_AT]:
        parts[_ID_AT] = ":id"
    return "/".join(parts)


def _routes(feishu: Feishu, options: Options) -> dict[tuple[str, str], _Route]:
    rate = options.contact_rate
    return _contact_routes(feishu.contacts, options) | {
        ("POST", "/open-apis/auth/v3/tenant_access_token/internal"): _Route("token", feishu.token, needs_token=False),
        ("POST", "/open-apis/helpdesk/v1/message"): _Route("message", feishu.message),
        ("GET", "/open-apis/helpdesk/v1/tickets"): _Route("tickets", feishu.list_tickets),
        ("POST", "/open-apis/helpdesk/v1/start_service"): _Route("start_service", feishu.start_service, rate=rate),
        ("POST", "/open-apis/helpdesk/v1/events/subscribe"): _Route("subscribe", feishu.subscribe),
        ("GET", "/open-apis/im/v1/messages/:id/read_users"): _Route("read_users", feishu.list_readers, rate=rate),
        ("POST", "/open-apis/im/v1/images"): _Route("images", feishu.upload_image),
    }


def _contact_routes(contacts: Contacts, options: Options) -> dict[tuple[str, str], _Route]:
    find_users = _Route("users", contacts.find_users, rate=options.contact_rate)
    read = {
        "users/find_by_department": ("department_users", contacts.list_department_users),
        "users/batch": ("users_batch", contacts.show_users),
        "users/:id": ("user", contacts.show_user),
        "departments/batch": ("departments_batch", contacts.show_departments),
        "departments/:id/children": ("department_children", contacts.list_children),
        "group/simplelist": ("groups", contacts.list_groups),
        "group/member_belong": ("member_groups", contacts.list_groups_of_member),
        "group/:id": ("group", contacts.show_group),
        "group/:id/member/simplelist": ("group_members", contacts.list_group_members),
        "scopes": ("scopes", contacts.show_range),
    }
    return {
        ("POST", _CONTACT + "users/batch_get_id"): find_users,
        ("GET", _CONTACT + "departments/:id"): _Route(
            "department", contacts.show_department, rate=options.special_rate
        ),
        **{("GET", _CONTACT + path): _Route(*route, rate=options.contact_rate) for path, route in read.items()},
    }


def _read(call: Call) -> None:
    """Parses the body and notes the receiver or app. An invalid body stays None, and the endpoint refuses it."""
    try:
        call.document = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        return
    if not isinstance(call.document, dict):
        return
    if call.kind == "message":
        call.receiver_id = _string(call.document.get("receiver_id"))
        call.receive_type = _string(call.document.get("receive_type", "chat"))
    elif call.kind == "token":
        call.app_id = _string(call.document.get("app_id"))


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None
