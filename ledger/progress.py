"""The progress of a notification: its state, its attempts, and people's actions."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Self, cast

import orjson
from pydantic import Field, with_config
from typing_extensions import TypedDict

from ledger.delivery_options import ReceiveType
from ledger.endings import Ending, ending_of, told_ending
from ledger.messages.joined_texts import Fired
from ledger.phrases import Phrase
from ledger.states import Outcome, State
from ledger.times import IsoTime, iso

__all__ = ["Act", "ActJson", "Attempt", "AttemptJson", "Failure", "Progress", "acts_as_json"]

#: What a person did: when (Unix ms), who, what.
Act = tuple[int, str, str]


@with_config(title="Act")
class ActJson(TypedDict):
    """A person's action."""

    at: Annotated[IsoTime | None, Field(description="When.")]
    by: Annotated[str, Field(description="The key, or the user of the machine.")]
    did: Annotated[str, Field(description="A word such as `pause`, or `resolve as delivered`.")]


def acts_as_json(acts: Iterable[Act]) -> list[ActJson]:
    return [{"at": iso(at), "by": by, "did": did} for at, by, did in acts]


@with_config(title="Attempt")
class AttemptJson(TypedDict):
    """One call to Feishu's API."""

    at: Annotated[IsoTime | None, Field(description="When it began.")]
    via: Annotated[ReceiveType | None, Field(description="The way that it took.")]
    outcome: Annotated[Outcome, Field(description="What it came to.")]
    code: Annotated[int | None, Field(description="Feishu's; null without an answer.")]
    http_status: Annotated[int | None, Field(description="Of the answer; null without one.")]
    log_id: Annotated[str | None, Field(description="Feishu's id of the call, for its support.")]
    ms: Annotated[int | None, Field(description="How long it took, in ms.")]
    msg: Annotated[str | None, Field(description="Feishu's text, or why there was no answer.")]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One API call. Stored as a list in this order, without trailing nulls."""

    at_ms: int
    via: ReceiveType | None
    outcome: Outcome
    code: int | None = None
    http_status: int | None = None
    log_id: str | None = None
    ms: int | None = None
    message_id: str | None = None
    msg: str | None = None

    @property
    def told(self) -> str | None:
        """`msg`, as a phrase where its words are ours."""
        return self.msg if self.msg is None or isinstance(self.msg, Phrase) else told_ending(self.msg)

    @property
    def ending(self) -> Ending | None:
        """How it ended without an answer of Feishu's; None where it said something."""
        return None if self.msg is None or self.code is not None else ending_of(self.msg)

    def to_list(self) -> list[Any]:
        values = [getattr(self, name) for name in self.__slots__]
        while values[-1] is None:
            values.pop()
        return values

    @classmethod
    def of_list(cls, values: list[Any]) -> Self:
        attempt = cls(*values)
        via = ReceiveType(attempt.via) if attempt.via else None
        return replace(attempt, via=via, outcome=Outcome(attempt.outcome))

    def as_json(self) -> AttemptJson:
        same = {name: getattr(self, name) for name in AttemptJson.__annotations__ if name not in ("at", "msg")}
        return cast(AttemptJson, {"at": iso(self.at_ms), **same, "msg": self.told})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why it failed without a call. `reason` is a word of ours, `code` is Feishu's."""

    reason: str
    msg: str
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a notification, as the verbs write it."""

    state: State
    at_ms: int
    attempts: tuple[Attempt, ...] = ()
    acts: tuple[Act, ...] = ()
    via: ReceiveType | None = None  #: set when it was rerouted, and stays so
    deferrals: int = 0
    failing_ms: int = 0  #: how much of the retry budget is spent
    due_ms: int | None = None
    failure: Failure | None = None
    into: str | None = None  #: of a joined event: the message that took it
    gathers: str | None = None  #: of such a message: the kind of its window, `throttle` or `digest`
    closed_ms: int | None = None  #: when that was closed: before, it could not be sent
    fired: Fired | None = None  #: of one that tells of the end of an alert: for how long that fired
    resolve_of: str | None = None  #: of such a one: the notification that told of the firing

    @classmethod
    def of_json(cls, text: bytes) -> Self:
        raw = orjson.loads(text)
        return cls(
            state=State(raw["state"]),
            at_ms=raw["at"] + 0,  # a number
            attempts=tuple(Attempt.of_list(values) for values in raw.get("attempts", ())),
            acts=tuple((act[0], act[1], act[2]) for act in raw.get("acts", ())),
            via=ReceiveType(raw["via"]) if raw.get("via") else None,
            deferrals=raw.get("deferrals", 0),
            failing_ms=raw.get("failing_ms", 0),
            due_ms=raw.get("due"),
            failure=Failure(**raw["error"]) if "error" in raw else None,
            into=raw.get("into"),
            gathers=raw.get("gathers"),
            closed_ms=raw.get("closed"),
            fired=Fired(*map(int, raw["fired"])) if "fired" in raw else None,
            resolve_of=raw.get("resolve_of"),
        )
