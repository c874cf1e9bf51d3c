"""The simulated Feishu: what it does with each call, and the client through which a worker asks it."""

import math
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from greenlet import getcurrent

from feishu.client import Person, Ticket, TicketPage
from feishu.codes import CodeTable, Kind
from feishu.verdict import AskFailed, Call, Verdict, verdict_of_answer, verdict_of_failure
from http_client.errors import MaybeSent, NeverSent, NoAnswer
from http_client.response import Response
from tests.simulation.clock import START_SECONDS
from tests.simulation.contacts import Contacts
from tests.simulation.story import Story
from tests.simulation.timeline import Process, Timeline, Waiter

__all__ = ["ANSWER_SECONDS", "LONGEST_CALL_SECONDS", "Api", "SimulatedFeishu"]

#: A worker waits for an answer so long, and no call takes longer, seconds.
ANSWER_SECONDS, LONGEST_CALL_SECONDS = 1.0, 1.5
_CODES = CodeTable.load(None)
_DELIVERED = 0
_TRANSIENT, _NO_SUCH_RECEIVER, _NOT_ALLOWED, _THROTTLED, _BROKEN, _CREDENTIALS = (
    155000, 154004, 154005, 99991400, 1500, 154001,
)  # fmt: skip
_HTTP_STATUS = {_THROTTLED: 429, _BROKEN: 500}
#: A ticket that was closed stays on the list so long, seconds.
_LIST_LAGS_SECONDS = 15.0
#: Transient answers that a flaky receiver gives before it takes a message.
_FLAKY_ANSWERS = 2


@dataclass
class Api:
    """Of one helpdesk. `calls` are the sends, as the sandbox records them; times are Unix seconds of true time."""

    timeline: Timeline
    rng: random.Random
    story: Story
    contacts: Contacts
    calls: list[dict[str, Any]] = field(default_factory=list)
    throttles: deque[int] = field(default_factory=deque)  #: ordered answers 429, with their seconds
    throttled: list[tuple[float, float]] = field(default_factory=list)  #: when it began, and until when it lasts
    is_away: str = ""  #: "refused", "silent" or "broken" during an outage
    is_locked: bool = False  #: the credentials are refused
    chance_of_fault: float = 0.0
    tickets_closed_at: float = float("inf")
    counts: Counter[str] = field(default_factory=Counter)
    _tries: Counter[str] = field(default_factory=Counter)
    _messages: int = 0

    def way_seconds(self) -> float:
        """Of a request or an answer: near, and never so far that a strict quota suffers from it."""
        return self.rng.uniform(0.001, 0.012)

    def has_ticket(self, receiver: str, *, listed: bool = False) -> bool:
        """The list lags behind, so that it still explains a refusal."""
        lag = _LIST_LAGS_SECONDS if listed else 0.0
        return receiver.startswith("ou_ticket") and self.timeline.now < self.tickets_closed_at + lag

    # -- a send

    def fault(self, receiver: str) -> str:
        """Beyond what the receiver does to each message: how this call goes wrong, if it does."""
        self._tries[receiver] += 1
        first = self._tries[receiver] == 1
        if receiver.startswith("ou_cut") and first:
            return "cut after"
        if receiver.startswith("ou_late") and first:
            return "late"
        if self.is_away == "refused":
            return "cut before"
        if self.is_away == "silent":
            return "silent"
        if self.rng.random() < self.chance_of_fault:
            return self.rng.choice(("cut before", "cut after", "late", "silent", "broken"))
        return ""

    def code(self, receiver: str, via: str, fault: str) -> int:
        if self.is_locked:
            return _CREDENTIALS
        if fault == "broken" or self.is_away == "broken":
            return _BROKEN
        if receiver.startswith("ou_unknown"):
            return _NO_SUCH_RECEIVER
        if via == "chat" and self.has_ticket(receiver):
            return _TRANSIENT if receiver.startswith("ou_ticket_vague") else _NOT_ALLOWED
        if receiver.startswith("ou_flaky") and self._tries[receiver] <= _FLAKY_ANSWERS:
            return _TRANSIENT
        return _DELIVERED

    def throttle(self) -> int | None:
        """The seconds of a throttle that was ordered, or that still lasts."""
        if self.throttles:
            seconds = self.throttles.popleft()
            self.throttled.append((self.timeline.now, self.timeline.now + seconds))
            return seconds
        left = max((until for _, until in self.throttled), default=0.0) - self.timeline.now
        return math.ceil(left) if left > 0 else None

    def new_message_id(self) -> str:
        self._messages += 1
        return f"om_{self._messages}"


class _Send:
    """One send under way. It arrives also when its sender has died or given up."""

    def __init__(self, api: Api, who: str, receiver: str, via: str, text: str) -> None:
        self._api, self._who, self._receiver, self._via = api, who, receiver, via
        self.fault = api.fault(receiver)
        self.record: dict[str, Any] = {
            "started_ms": self._unix_ms(), "at": 0.0, "ended_ms": None, "delivered": False, "answered": False,
            "body": {"receiver_id": receiver, "content": text}, "message_id": None, "code": None,
            "fault": bool(self.fault), "via": via,
        }  # fmt: skip

    def _unix_ms(self) -> float:
        return (START_SECONDS + self._api.timeline.now) * 1000

    def start(self, answer: Callable[[Any], None]) -> None:
        api = self._api
        if self.fault == "cut before":
            api.timeline.after(api.way_seconds(), answer, NeverSent("connect refused"))
        else:
            api.timeline.after(api.way_seconds(), self._arrive, answer)

    def _arrive(self, answer: Callable[[Any], None]) -> None:
        api = self._api
        self.record["at"] = START_SECONDS + api.timeline.now
        api.calls.append(self.record)
        takes = api.rng.uniform(0.01, 0.15) if self.fault != "late" else ANSWER_SECONDS * 1.2
        if self.fault == "silent":
            self._note("no answer")
            return
        api.timeline.after(takes, self._act, answer)

    def _act(self, answer: Callable[[Any], None]) -> None:
        api = self._api
        seconds = api.throttle()
        code = _THROTTLED if seconds else api.code(self._receiver, self._via, self.fault)
        ended_ms = self.record["ended_ms"] or self._unix_ms()  # its caller may have given up before
        self.record |= {"code": code, "ended_ms": ended_ms, "fault": bool(self.fault or seconds)}
        if code == _DELIVERED:
            self.record |= {"delivered": True, "message_id": api.new_message_id()}
        api.counts["delivered" if code == _DELIVERED else f"answered {code}"] += 1
        self._note(str(code))
        if self.fault == "cut after":
            api.timeline.after(api.way_seconds(), answer, MaybeSent("cut"))
        else:
            self.record["answered"] = True
            api.timeline.after(api.way_seconds(), answer, _response(code, self.record["message_id"], seconds))

    def _note(self, what: str) -> None:
        self._api.story.note("api", self._who, self._via, self._receiver, what, self.fault)


def _response(code: int, message_id: str | None, reset_seconds: int | None) -> Response:
    headers = {"x-ogw-ratelimit-reset": str(reset_seconds)} if reset_seconds else {}
    data = {"message_id": message_id} if message_id else {}
    body = orjson.dumps({"code": code, "msg": "" if code == _DELIVERED else "refused", "data": data})
    return Response(_HTTP_STATUS.get(code, 200), headers, body)


class SimulatedFeishu:
    """In the place of `FeishuClient`, for one worker. Its verdicts are made by the real table of codes."""

    def __init__(self, api: Api, pause_seconds: Callable[[], float]) -> None:
        """`pause_seconds` is how long this worker takes to get ready: a token, a connection."""
        self._api, self._pause_seconds = api, pause_seconds

    def ready(self) -> Verdict | None:
        if seconds := self._pause_seconds():
            self._api.timeline.sleep(seconds)
        return None

    def send(self, receiver_id: str, via: str, _type: str, _msg_type: str, content: str) -> Verdict:
        process: Process = getcurrent().process  # type: ignore[attr-defined]
        call, waiter = Call("send"), Waiter()
        send = _Send(self._api, process.name, receiver_id, via, content)
        self._api.timeline.after(ANSWER_SECONDS, waiter.wake, MaybeSent("timed out"))
        send.start(waiter.wake)
        answer = _received(waiter)
        # A frozen worker comes to know late that it has given up.
        given_up_ms = min(send._unix_ms(), send.record["started_ms"] + ANSWER_SECONDS * 1000)
        send.record["ended_ms"] = send.record["ended_ms"] or given_up_ms
        return self._verdict(call, answer)

    def _verdict(self, call: Call, answer: Response | NoAnswer) -> Verdict:
        if isinstance(answer, NoAnswer):
            return verdict_of_failure(call, answer)
        return verdict_of_answer(call, answer, _CODES)

    # -- the contacts

    def people(self, emails: Sequence[str], mobiles: Sequence[str], *, with_resigned: bool = False) -> list[Person]:
        """Raises AskFailed."""
        call, api = Call("people"), self._api
        found = api.is_away or api.contacts.answer([*emails, *mobiles], with_resigned=with_resigned)
        if not isinstance(found, str):
            return found
        codes = {"broken": _response(_BROKEN, None, None), "throttled": _response(_THROTTLED, None, 2)}
        answer = codes.get(found) or (NeverSent if found == "refused" else MaybeSent)(found)
        verdict = self._verdict(call, answer)
        # A question that may have arrived can be asked again.
        raise AskFailed(replace(verdict, kind=Kind.TRANSIENT) if verdict.kind is Kind.UNKNOWN else verdict)

    # -- the ticket list

    def has_open_ticket(self, open_id: str) -> bool:
        self._ask()
        return self._api.has_ticket(open_id, listed=True)

    def open_tickets(self, page: int = 1) -> TicketPage:
        self._ask()
        receivers = {call["body"]["receiver_id"] for call in self._api.calls}
        tried = sorted(guest for guest in receivers if self._api.has_ticket(guest, listed=True))
        return TicketPage(tuple(Ticket(f"t_{guest}", guest, 1) for guest in tried), last=True)

    def _ask(self) -> None:
        """Raises AskFailed."""
        api, call = self._api, Call("tickets")
        api.timeline.sleep(api.way_seconds() + api.rng.uniform(0.01, 0.1))
        if api.is_away or api.rng.random() < api.chance_of_fault:
            raise AskFailed(verdict_of_failure(call, NeverSent("connect refused")))


def _received(waiter: Waiter) -> Any:
    try:
        return waiter.wait()
    except NoAnswer as failure:
        return failure
