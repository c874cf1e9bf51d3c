"""What a live test of a tenant found. It names nobody and holds no secret: it may be shown to anybody."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from ledger.phrases import Phrase
from producers.probe.step import Step

__all__ = ["CHAT", "CHAT_BESIDE", "OPENED", "READ_CHAT", "READ_USER", "USER", "USER_BESIDE", "Report"]

USER, CHAT = "user", "chat"
READ_USER, READ_CHAT = (Phrase("read_users of {via}", via=via) for via in (USER, CHAT))
OPENED = "start_service"
CHAT_BESIDE, USER_BESIDE = (Phrase("{via} beside the ticket", via=via) for via in (CHAT, USER))
#: Codes of wrong credentials or rights: a ticket has nothing to do with them.
_NEVER_LEARNT = frozenset({154001, 154003})
_HOSTS = {"https://open.feishu.cn": "Feishu", "https://open.larksuite.com": "Lark"}


@dataclass
class Report:
    """The steps in their order, and what follows from them. An answer is None where it was not found out."""

    feishu_url: str
    steps: list[Step] = field(default_factory=list)
    readers: dict[str, int] = field(default_factory=dict)  #: by step: how many have read the message
    had_ticket: bool | None = None  #: before the test
    with_agent: bool = False  #: whether a human was asked for
    listed_after_seconds: float | None = None  #: from `start_service` until the ticket list showed the ticket
    listed: bool | None = None

    def step(self, name: str) -> Step | None:
        return next((step for step in self.steps if step.name == name), None)

    @property
    def ticket_code(self) -> int | None:
        """The code of a `chat` that an open ticket stopped, as far as nothing else can have."""
        plain, beside = self.step(CHAT), self.step(CHAT_BESIDE)
        if beside is not None:
            refused = beside if plain is not None and plain.is_done and self._is_opened else None
        else:
            user = self.step(USER)
            refused = plain if self.had_ticket and user is not None and user.is_done else None
        if refused is None or refused.is_done or refused.code in _NEVER_LEARNT:
            return None
        return refused.code

    @property
    def answers(self) -> dict[str, Any]:
        """What no document says, and this tenant did."""
        return {
            "user_delivers": self._done(USER),
            "chat_delivers": self._done(CHAT),
            "read_users_of_user": self._done(READ_USER),
            "read_users_of_chat": self._done(READ_CHAT),
            "had_ticket": self.had_ticket,
            "ticket_stage": None if not self._is_opened else "human" if self.with_agent else "bot",
            "ticket_blocks_chat": self._ticket_blocks_chat,
            "ticket_code": self.ticket_code,
            "user_beside_ticket_delivers": self._done(USER_BESIDE),
            "ticket_is_listed": self.listed,
            "ticket_listed_after_seconds": self.listed_after_seconds,
        }

    def as_json(self) -> dict[str, Any]:
        return {
            "deskbell": metadata.version("deskbell"),
            "feishu": _HOSTS.get(self.feishu_url, "another server"),
            "steps": [step.as_json() for step in self.steps],
            "answers": self.answers,
            "close_by_hand": self._is_opened,
        }

    def lines(self) -> Iterator[str]:
        """For people, at most 80 columns wide but for Feishu's own words."""
        host = _HOSTS.get(self.feishu_url, Phrase("another server"))
        yield Phrase("Deskbell {version}, {host}", version=metadata.version("deskbell"), host=host)
        for step in self.steps:
            yield Phrase("{step}: {result}", step=step.name, result=step.result)
            if step.msg:
                yield f"  msg: {step.msg}"
            if step.log_id:
                yield f"  log id: {step.log_id}"
        yield from self._of_readers()
        yield from self._of_ticket()

    def _of_readers(self) -> Iterator[Phrase]:
        for name, of in ((READ_USER, USER), (READ_CHAT, CHAT)):
            if (answered := self._done(name)) is True:
                readers = self.readers.get(name, 0)
                yield Phrase("Feishu tells who has read a message sent by {via}: yes, {n} so far", via=of, n=readers)
            elif answered is False:
                yield Phrase("Feishu tells who has read a message sent by {via}: no", via=of)

    def _of_ticket(self) -> Iterator[Phrase]:
        if self.had_ticket:
            yield Phrase("The person had an open ticket before the test.")
        if self._ticket_blocks_chat is not None:
            answer = _yes(self._ticket_blocks_chat)
            if self.ticket_code is not None:
                answer = Phrase("{answer}, with code {code}", answer=answer, code=self.ticket_code)
            yield Phrase("{ticket} blocks chat: {answer}", ticket=self._which, answer=answer)
        if self.listed is not None:
            shows = _yes(self.listed)
            if self.listed_after_seconds is not None:
                shows = Phrase("{answer}, after {seconds:.1f} s", answer=shows, seconds=self.listed_after_seconds)
            yield Phrase("The ticket list shows it: {answer}", answer=shows)

    @property
    def _which(self) -> Phrase:
        if not self._is_opened:
            return Phrase("The open ticket")
        if self.with_agent:
            return Phrase("A ticket that an agent was asked to take")
        return Phrase("A ticket that only the bot has")

    @property
    def _is_opened(self) -> bool:
        return self._done(OPENED) is True

    @property
    def _ticket_blocks_chat(self) -> bool | None:
        if self._is_opened:
            done = self._done(CHAT_BESIDE)
            return None if done is None or (not done and self.ticket_code is None) else not done
        return True if self.ticket_code is not None else None

    def _done(self, name: str) -> bool | None:
        step = self.step(name)
        return step.is_done if step else None


def _yes(answer: bool) -> Phrase:
    return Phrase("yes") if answer else Phrase("no")
