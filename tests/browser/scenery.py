"""A ledger in which a lot has happened, for pictures of the console and for tests that only look."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from ledger.announcement import Spec
from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.delivery_options import ReceiveType
from ledger.hook_log import HookEntry, HookLog, HookOutcome
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.quarters import QUARTER_MS
from ledger.settings import Desk
from ledger.states import Outcome, State
from ledger.tally import MINUTE_MS

__all__ = ["CARD", "DESKS", "Scenery"]

#: The desks of the scene beside the default one.
DESKS = """[desk.hr]
app_id = "cli_hr"
app_secret = "secret"
helpdesk_id = "7000"
helpdesk_token = "ht-hr"
"""

_DEAR = "Dear **{{ name }}**, your new desk is **{{ desk }}**."
_BUTTON = {"tag": "button", "type": "primary", "text": {"tag": "plain_text", "content": "Floor plan"}}
CARD = {
    "msg_type": "interactive",
    "content": {
        "header": {"title": {"tag": "plain_text", "content": "Office move on Friday"}, "template": "blue"},
        "elements": [
            {"tag": "div", "text": {"tag": "lark_md", "content": _DEAR}},
            {
                "tag": "div",
                "fields": [
                    {"is_short": True, "text": {"tag": "lark_md", "content": "**When**\nFriday, 18:00"}},
                    {"is_short": True, "text": {"tag": "lark_md", "content": "**Where**\n6th floor, east"}},
                ],
            },
            {"tag": "hr"},
            {"tag": "note", "elements": [{"tag": "plain_text", "content": "Questions? Just answer here."}]},
            {"tag": "action", "actions": [_BUTTON]},
        ],
    },
}
POST = {
    "msg_type": "post",
    "content": {
        "zh_cn": {
            "title": "系统维护通知",
            "content": [[{"tag": "text", "text": "{{ name }}，周六 02:00–04:00 系统维护，届时无法登录。"}]],
        }
    },
}
TEXT = {"msg_type": "text", "content": {"text": "Dear {{ name }}, please renew your badge."}}


class Scenery:
    """Fills the ledger by its own verbs, so that what the console shows adds up."""

    def __init__(self, ledger: Ledger, scale: int = 1) -> None:
        """`scale` divides most of the numbers: tests need not wait for so many."""
        self.ledger, self.scale = ledger, scale
        self.leases = Leases(ledger.redis, ledger.settings, longest_call_ms=1000)
        self.now_ms = round(time.time() * 1000)

    def build(self) -> None:
        hr = self.announce("hr", "Annual health check", TEXT, 1180 // self.scale + 20)
        self.end(hr, "hr", 1180 // self.scale, State.DELIVERED, Outcome.DELIVERED)
        self.end(hr, "hr", 20, State.FAILED, Outcome.REFUSED, 154005, "Method Forbidden")
        done = self.announce("default", "Badge renewal", TEXT, 860 // self.scale)
        self.end(done, "default", 860 // self.scale, State.DELIVERED, Outcome.DELIVERED)
        news = self.announce("default", "系统维护通知", POST, 3000 // self.scale)
        self.end(news, "default", 1740 // self.scale, State.DELIVERED, Outcome.DELIVERED)
        self.end(news, "default", 12, State.FAILED, Outcome.REFUSED, 154004, "Resource not found")
        self.ledger.announcements.pause(news, "key mia")
        self.move = self.announce("default", "Office move", CARD, 12000 // self.scale)
        for count, to, outcome, code, msg in (
            (5000 // self.scale, State.DELIVERED, Outcome.DELIVERED, None, None),
            (430 // self.scale, State.DELIVERED, Outcome.TICKET_OPEN, 154405, "Ticket in progress"),
            (38, State.FAILED, Outcome.REFUSED, 154004, "Resource not found"),
            (7, State.FAILED, Outcome.REFUSED, 154005, "Method Forbidden"),
            (3, State.UNKNOWN, Outcome.UNKNOWN, None, None),
        ):
            self.end(self.move, "default", count, to, outcome, code, msg)
        self._events()
        self._surroundings()

    def announce(self, desk: str, name: str, message: dict[str, Any], count: int, **options: Any) -> str:
        spec = Spec(name=name, message=message, desk=desk, columns=("name", "desk"), between=None, **options)
        opened = self.ledger.announcements.open(spec, key=f"{desk} {name}", digest="1")
        rows = (orjson.dumps([n + 2, f"ou_{n:032x}", [f"Person {n}", f"6-{n % 400:03}"]]) for n in range(count))
        self.ledger.announcements.load(opened.id, rows)
        self.ledger.announcements.start(opened.id, spec, count, "key mia")
        return opened.id

    def _desk(self, name: str) -> Desk:
        return self.ledger.settings.desk(name).model_copy(update={"rate": ()})

    def end(
        self,
        id: str,
        desk: str,
        count: int,
        to: State,
        outcome: Outcome,
        code: int | None = None,
        msg: str | None = None,
    ) -> None:
        while count > 0:
            [released] = self.leases.release([(self._desk(desk), min(count, 500), 60_000)])
            ids: Sequence[str] = released.ids
            if not ids:
                raise RuntimeError(f"{id}: nothing was released")
            _, claims = self.leases.claim(self._desk(desk), "token", ids)
            attempts = self._attempts(to, outcome, code, msg)
            via = {"via": "user"} if outcome is Outcome.TICKET_OPEN else {}
            self.leases.record(
                self._desk(desk), "token", [_result(claim.id, to, attempts, via) for claim in claims], "up"
            )
            count -= len(claims)

    def _attempts(self, to: State, outcome: Outcome, code: int | None, msg: str | None) -> list[Attempt]:
        status = 200 if outcome is Outcome.DELIVERED else None if code is None else 401
        log_id = f"20261122{self.now_ms:x}"
        message_id = "om_dc13264520392913993dd051dba21dcf" if to is State.DELIVERED else None
        first = Attempt(self.now_ms, ReceiveType.CHAT, outcome, code, status, log_id, 183, message_id, msg)
        if outcome is not Outcome.TICKET_OPEN:
            return [first]
        again = Attempt(self.now_ms + 640, ReceiveType.USER, Outcome.DELIVERED, 0, 200, log_id, 171, message_id)
        return [Attempt(self.now_ms, ReceiveType.CHAT, outcome, code, status, log_id, 183, None, msg), again]

    def _events(self) -> None:
        def send(count: int, key: str) -> None:
            fields = [
                {"receiver_id": f"ou_ops_{n:03}", "text": "Disk full on db-3", "key": f"{key}/{n}"}
                for n in range(count)
            ]
            self.ledger.accept([Notification.build(field) for field in fields])

        send(40, "alert")
        self.end("events", "default", 40, State.DELIVERED, Outcome.DELIVERED)
        send(6, "deploy")
        self.end("events", "default", 6, State.FAILED, Outcome.REFUSED, 154004, "Resource not found")
        send(2, "pager")
        self.end("events", "default", 2, State.UNKNOWN, Outcome.UNKNOWN)
        send(4, "backup")

    def _surroundings(self) -> None:
        redis, keys = self.ledger.redis, self.ledger.keys
        pipe = redis.pipeline(transaction=False)
        for desk, base in (("default", 88), ("hr", 0)):
            for age in range(60):
                wave = base and base + (age * 37) % 13 - 5 * (22 < age < 29) * 14
                counts = {
                    "delivered": wave,
                    "rerouted": wave // 12,
                    "deferred": (age % 9 == 4) * 3,
                    "failed": (age % 11 == 0) * 1,
                }
                minute = keys.tally_minute(desk, str(self.now_ms // MINUTE_MS - age))
                pipe.hset(minute, mapping={name: n for name, n in counts.items() if n and base} or {"delivered": 0})
        pipe.hset(
            keys.desk("hr"),
            "hold",
            orjson.dumps(
                {
                    "kind": "credentials",
                    "until": self.now_ms + 240_000,
                    "interval": 300_000,
                    "since": self.now_ms - 1_380_000,
                    "reason": "code 154001: the helpdesk or app credentials were not accepted together",
                    "code": 154001,
                    "http_status": 401,
                }
            ),
        )
        pipe.execute()
        self.report_workers()
        self.make_calls()
        api_keys = ApiKeys(self.ledger)
        everything = frozenset({Scope.OPERATE, Scope.READ, Scope.SEND, Scope.ANNOUNCE})
        _, self.operator = api_keys.create("mia", everything, None, None, "root@ops")
        _, self.reader = api_keys.create("auditor", frozenset({Scope.READ}), None, None, "root@ops")
        api_keys.create("grafana", frozenset({Scope.SEND}), frozenset({"default"}), "600/minute", "root@ops")
        log = HookLog(redis, keys)
        [event, *_] = self.ledger.events()
        log.add(HookEntry(self.now_ms - 90_000, "grafana", HookOutcome.ACCEPTED, "grafana", (event.id,), 1))
        log.add(HookEntry(self.now_ms - 60_000, "gitlab", HookOutcome.SKIPPED, "signature", reason="no condition held"))
        log.add(HookEntry(self.now_ms - 20_000, "jira", HookOutcome.REFUSED, reason="the signature is wrong"))

    def keep_quarters(self) -> None:
        """What a leader kept of the desk `default` in five days: quiet at night, with a night that is not known."""
        last, kept = self.now_ms // QUARTER_MS - 1, {}
        for ago in range(5 * 96):
            hour = (last - ago) // 4 % 24
            busy = 0 if hour < 6 else 1000 + 90 * (hour % 5) - (ago * 37) % 13 * 20
            counts = {"delivered": busy, "rerouted": busy // 12, "deferred": (ago % 9 == 4) * 40, "failed": ago % 11}
            if not 30 <= ago <= 41 and ago not in (150, 151):
                kept[last - ago] = orjson.dumps({name: n for name, n in counts.items() if n and busy})
        self.ledger.redis.hset(self.ledger.keys.quarters("default"), mapping=kept)

    def schedule(self, at: datetime) -> tuple[str, str]:
        """An announcement and an event that wait for this time."""
        spec = Spec(name="Fire drill", message=TEXT, columns=("name", "desk"), at=at)
        opened = self.ledger.announcements.open(spec, key=f"drill {time.time_ns()}", digest="1")
        rows = [orjson.dumps([n + 2, f"ou_{n:032x}", [f"Person {n}", "6"]]) for n in range(3)]
        self.ledger.announcements.load(opened.id, rows)
        self.ledger.announcements.start(opened.id, spec, len(rows), "key mia")
        [accepted] = self.ledger.accept(
            [Notification.build({"receiver_id": "ou_ops", "text": "Rotate keys", "at": at})]
        )
        return opened.id, accepted.id

    def deliver(self, count: int) -> None:
        """More of what waits, events first."""
        self.end("", "default", count, State.DELIVERED, Outcome.DELIVERED)

    def revoke(self, name: str) -> None:
        ApiKeys(self.ledger).revoke(name, "test")

    def make_calls(self) -> None:
        """As if the desk had used most of its quota in the minute that ends now, and a pacer had just looked at it."""
        now_ms, slots = round(time.time() * 1000), self.ledger.keys.slots("default")
        rate = {"rate": "1.58", "rate_at": now_ms}
        self.ledger.redis.hset(self.ledger.keys.lane(self.move), mapping=rate)
        self.ledger.redis.delete(slots)
        self.ledger.redis.rpush(slots, *(now_ms - n * 640 for n in range(94)))
        self.ledger.redis.zadd(self.ledger.keys.desks, {"default": now_ms}, xx=True)

    def report_workers(self) -> None:
        """Two live ones; they are thought dead after a few seconds unless this is called again."""
        score = round(time.time() * 1000) + 600_000
        self.ledger.redis.zadd(self.ledger.keys.workers, {"ops-1:811:16": score, "ops-2:640:16": score})


def _result(id: str, to: State, attempts: list[Attempt], extra: dict[str, Any]) -> Result:
    return Result(id, to, attempts, extra=extra)
