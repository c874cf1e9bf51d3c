"""A ledger in which a lot has happened, in the words of a Chinese company: what its pages show in English is ours."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from feishu.codes import CodeTable
from feishu.verdict import Call, Verdict, verdict_of_answer, verdict_of_failure
from http_client.errors import NeverSent
from http_client.response import Response
from ledger.dropped_messages import DroppedMessages
from ledger.endings import HAD_LEFT
from ledger.hook_log import HookEntry, HookLog, HookOutcome
from ledger.ids import row_id
from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.record import Record
from ledger.states import Outcome, State
from ledger.unresolved import ContactHold, Unresolved
from tests.browser.scenery import Scenery

__all__ = ["FEISHU_SAYS", "HOOKS", "ChineseScene", "refused", "unanswered"]

#: Feishu's own words, which stand as they are.
FEISHU_SAYS = "Resource not found, no permission for it"
HOOKS = """
[hook.zhiban]
use = "generic"
to = "ou_zhang"
"""
_TEXT = {"msg_type": "text", "content": {"text": "{{ name }}，请更换工牌。"}}


class ChineseScene:
    """Fills the ledger by its own verbs. `ids` are those of its announcements and notifications, `names` of hooks."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.names = ledger, ["zhiban"]
        self._scenery = Scenery(ledger)
        self.announcements: list[str] = []

    def build(self) -> None:
        done = self._announced("更换工牌", 3)
        self._end(done, 3, State.DELIVERED, Outcome.DELIVERED)
        running = self._announced("搬迁通知", 9, on_open_ticket="reroute")
        self._end(running, 2, State.DELIVERED, Outcome.TICKET_OPEN, 154405, FEISHU_SAYS)
        self._end(running, 2, State.FAILED, Outcome.REFUSED, 154004, FEISHU_SAYS)
        self._end(running, 2, State.UNKNOWN, Outcome.UNKNOWN, 155000, f"{HAD_LEFT}{FEISHU_SAYS}")
        paused = self._announced("体检通知", 4)
        self.ledger.announcements.pause(paused, "key zhang")
        timed = self._announced("年会通知", 2, at=_in_an_hour())
        self.announcements += [done, running, paused, timed]
        self._events()
        self._surroundings()

    @property
    def notifications(self) -> list[str]:
        """One of each state, events and rows."""
        found: dict[str, str] = {}
        records = [*self.ledger.events(), *(row for id in self.announcements for row in self._rows(id))]
        for record in records:
            found.setdefault(record.progress.state, record.id)
        return list(found.values())

    def _rows(self, id: str) -> list[Record]:
        count = self.ledger.announcements.get(id).total
        return self.ledger.get_many([row_id(id, number) for number in range(count)])

    def _announced(self, name: str, rows: int, **options: Any) -> str:
        return self._scenery.announce("default", name, _TEXT, rows, **options)

    def _end(self, *of: Any) -> None:
        self._scenery.end(of[0], "default", *of[1:])

    def _events(self) -> None:
        self._accept("yi", 2)
        self._end("events", 2, State.FAILED, Outcome.REFUSED, 154005, FEISHU_SAYS)
        self._accept("er", 1)
        self._end("events", 1, State.UNKNOWN, Outcome.UNKNOWN)
        self._accept("san", 1, at=_in_an_hour())
        self._accept("si", 3)

    def _accept(self, key: str, count: int, **fields: Any) -> None:
        given = [{"receiver_id": f"ou_li{n}", "text": "磁盘已满", "key": f"{key}/{n}", **fields} for n in range(count)]
        self.ledger.accept([Notification.build(each) for each in given])

    def _surroundings(self) -> None:
        redis, keys, now_ms = self.ledger.redis, self.ledger.keys, self._scenery.now_ms
        refused = Phrase("the header {name} is missing", name="X-Sign")
        log = HookLog(redis, keys)
        log.add(HookEntry(now_ms - 60_000, "zhiban", HookOutcome.SKIPPED, "signature", reason=_NOTHING))
        log.add(HookEntry(now_ms - 20_000, "zhiban", HookOutcome.REFUSED, reason=refused))
        DroppedMessages(redis, keys).note(Phrase("its body is signed"), "deskbell.intake", {"task": "deskbell.send"})

    def hold(self, kind: str, verdict: Verdict) -> None:
        """As a worker does when Feishu refuses the desk, and says nothing of addresses."""
        desk, answer = self.ledger.settings.desk("default"), (verdict.code, verdict.http_status)
        leases = Leases(self.ledger.redis, self.ledger.settings, longest_call_ms=1000)
        leases.hold(desk, kind, 3_600_000, verdict.reason, None, answer)
        self.ledger.accept([Notification.build({"email": "wang@corp.example", "text": "磁盘已满"})])
        unresolved = Unresolved(self.ledger.settings, self.ledger.redis)
        assert unresolved.ask(desk, "token").contacts
        unresolved.answer(desk, "token", (), ContactHold(kind, 3_600_000, verdict.reason, *answer))


def refused(code: int, http_status: int, msg: str = FEISHU_SAYS) -> Verdict:
    content = orjson.dumps({"code": code, "msg": msg})
    return verdict_of_answer(Call("send"), Response(http_status, {"x-tt-logid": "2026"}, content), CodeTable.load())


def unanswered() -> Verdict:
    return verdict_of_failure(Call("token"), NeverSent("connect refused"))


_NOTHING = Phrase("no condition is true, or there is no receiver")


def _in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)
