"""The path of a call through the sandbox: arrive, start, answer, end, called by the connection in this order."""

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from sandbox.answers import Answer, Manner, RefusalError, log_id_at, refusal_answer
from sandbox.calls import Call, CallLog
from sandbox.control import Control
from sandbox.faults import DEMO_RULES, FaultBook, Rule
from sandbox.feishu import Feishu
from sandbox.options import Options
from sandbox.quota import Quota
from sandbox.refusals import NO_SUCH_METHOD, NO_SUCH_PATH, NO_TOKEN, TOKEN_INVALID, TOO_LARGE, over_rate

__all__ = ["Gateway"]

_USER_PATH = "/open-apis/contact/v3/users/"


@dataclass(frozen=True, slots=True)
class _Route:
    kind: str
    endpoint: Callable[[Call], Answer]
    needs_token: bool = True


class Gateway:
    """Routes, tokens, the quota, faults and the log, in front of Feishu's endpoints."""

    def __init__(self, options: Options, clock: Callable[[], float]) -> None:
        # Jitter and faults draw from one seeded sequence, so that a run can be repeated; no secret depends on it.
        rng = random.Random(options.seed)  # noqa: S311
        self._clock = clock
        self.feishu = Feishu(options, clock, rng)
        self.faults = FaultBook(rng, DEMO_RULES if options.demo else ())
        self.log = CallLog(options.keep_calls, clock)
        self.quotas: dict[str, Quota] = defaultdict(lambda: Quota(options.rate))
        self.control = Control(self.feishu, self.faults, self.log, self.quotas, clock)
        self._routes = _routes(self.feishu)
        self._paths = {path for _, path in self._routes}

    def arrive(self, method: str, path: str, query: str, headers: tuple[tuple[str, str], ...]) -> Call:
        """The head of a call has arrived: token and quota are checked now, whenever the body comes."""
        route = self._route(method, path)
        call = Call(0, self._clock(), method, path, query, headers, route.kind if route else "other")
        self.log.add(call)
        if route is None:
            call.refusal = NO_SUCH_METHOD if path in self._paths else NO_SUCH_PATH
        elif route.needs_token:
            self._admit(call)
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

    def _admit(self, call: Call) -> None:
        scheme, _, token = call.header("authorization").partition(" ")
        if scheme != "Bearer" or not token:
            call.refusal = NO_TOKEN
            return
        call.app_id = self.feishu.tokens.app_of(token)
        if call.app_id is None:
            call.refusal = TOKEN_INVALID
        elif call.kind == "message":
            blocked = self.quotas[call.app_id].take(call.at)
            call.refusal = over_rate(blocked[0].calls, blocked[1]) if blocked else None

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
        answer = route.endpoint(call)
        return rule.spoiled(answer) if rule else answer

    def _route(self, method: str, path: str) -> _Route | None:
        route = self._routes.get((method, path))
        if route is None and method == "GET" and path.startswith(_USER_PATH) and "/" not in path[len(_USER_PATH) :]:
            return self._routes["GET", _USER_PATH]
        return route


def _routes(feishu: Feishu) -> dict[tuple[str, str], _Route]:
    return {
        ("POST", "/open-apis/auth/v3/tenant_access_token/internal"): _Route("token", feishu.token, needs_token=False),
        ("POST", "/open-apis/helpdesk/v1/message"): _Route("message", feishu.message),
        ("GET", "/open-apis/helpdesk/v1/tickets"): _Route("tickets", feishu.list_tickets),
        ("POST", "/open-apis/helpdesk/v1/events/subscribe"): _Route("subscribe", feishu.subscribe),
        ("POST", "/open-apis/im/v1/images"): _Route("images", feishu.upload_image),
        ("POST", _USER_PATH + "batch_get_id"): _Route("users", feishu.find_users),
        ("GET", _USER_PATH): _Route("users", feishu.show_user),
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
