"""Which events go into one message, instead of one message each: `throttle`, `digest` and a hook's quiet hours."""

from collections.abc import MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from ledger.errors import BadInput
from ledger.messages.json_fields import kind_of
from ledger.phrases import Phrase
from ledger.redis_keys import key_digest
from ledger.times import duration, unix_ms

__all__ = ["SPANS", "Joining", "take_spans", "window_fields"]

#: The fields of a caller that are spans of time: the first event goes at once, or all go together at the end.
SPANS = ("throttle", "digest")
#: Bounds of both. After a week the message is useless, and the records of its events must not expire before it is sent.
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=7)


class Joining(BaseModel):
    """What a hook sets for its windows besides their length; callers cannot set it. No repr shows the group."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = ""  #: of the window, for each receiver: the hook, and what `throttle_key` makes
    group: str = ""  #: what `digest_by` makes
    is_quiet: bool = False  #: the event came in quiet hours, and waits for their end
    until: datetime | None = None  #: the window does not end before this: otherwise it would end in quiet hours
    zone: str = ""  #: time zone of the times in the message

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [("name", self.name), ("is_quiet", self.is_quiet)]


def take_spans(fields: MutableMapping[str, Any]) -> dict[str, timedelta]:
    """`throttle` and `digest`, if given: as text such as `5m`. Raises BadInput."""
    given = {name: _span(name, value) for name in SPANS if (value := fields.pop(name, None)) is not None}
    if len(given) > 1:
        raise BadInput("digest", Phrase("cannot be combined with {other}: give one of them", other="throttle"))
    for name in given:
        if fields.get("at") is not None:
            raise BadInput(name, Phrase("cannot be combined with {other}: give one of them", other="at"))
    return given


def _span(name: str, value: Any) -> timedelta:
    if isinstance(value, str):
        try:
            value = duration(value)
        except ValueError as error:
            raise BadInput(name, error.args[0]) from None
        except OverflowError:
            value = timedelta.max
    if not isinstance(value, timedelta):
        raise BadInput(name, Phrase("must be a duration such as 5m, not {kind}", kind=kind_of(value)))
    if not SHORTEST <= value <= LONGEST:
        raise BadInput(name, Phrase("must be from 1 second to 7 days"))
    return value


def window_fields(
    throttle: timedelta | None,
    digest: timedelta | None,
    joining: Joining | None,
    caller: str,
    address: Sequence[str],
) -> dict[str, Any]:
    """The window of an event that may join a message, as the verb `accept` takes it.

    If no hook names the window, `caller` and the length do, so that each caller and each length has its own.
    """
    hook = joining or Joining()
    span = throttle or digest
    kind = "throttle" if throttle and not hook.is_quiet else "digest"
    length_ms = 0 if span is None or hook.is_quiet else span // timedelta(milliseconds=1)
    name = hook.name or f"{caller}/{length_ms}"
    return {
        "key": key_digest("\0".join((kind, name, *address))),
        "kind": kind,
        "length": length_ms,
        "until": unix_ms(hook.until),
        "group": hook.group,
        "zone": hook.zone,
    }
