"""`deskbell retry` by error code or time range: events, or the rows of announcements."""

from datetime import UTC, datetime

from ledger.dead_letters import DeadLetters
from ledger.errors import BadInput
from ledger.phrases import Phrase
from ledger.states import State
from ledger.times import duration
from producers.cli.access import open_ledger
from producers.cli.language import word
from producers.cli.output import ExitCode, answer, answer_json, note

__all__ = ["meant", "retry_many", "time_past"]


def meant(state: State, code: int | None, since: str | None, until: str | None, desk: str | None) -> DeadLetters:
    """Raises BadInput for an invalid time or range."""
    now = datetime.now(UTC)
    begins, ends = (time_past(name, text, now) for name, text in (("since", since), ("until", until)))
    if begins and ends and begins >= ends:
        raise BadInput("until", Phrase("must be later than --since: 2h means two hours ago, so 1h is later"))
    return DeadLetters(code=code, since=begins, until=ends, desk=desk, state=state)


def retry_many(events: DeadLetters, by: str, as_json: bool) -> int:
    """Queues all matching events again, and prints the id of each. Raises BadInput for an unknown desk."""
    state = events.state
    with open_ledger() as ledger:
        ids = events.retry(ledger, by)
    if as_json:
        answer_json([{"id": id, "state": State.QUEUED} for id in ids])
    else:
        for id in ids:
            answer(id)
        note(Phrase("{n} queued again", n=len(ids)) if ids else Phrase("no {state} events match", state=word(state)))
    return ExitCode.DONE


def time_past(option: str, text: str | None, now: datetime) -> datetime | None:
    """Reads an ISO 8601 time (local without an offset), or a duration back from now such as `2h`. Raises BadInput."""
    if text is None:
        return None
    try:
        return now - duration(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        problem = Phrase(
            "{text} is not a valid time: use 2026-11-30T09:00+08:00, or 15m, 2h, 1d for that long ago", text=repr(text)
        )
        raise BadInput(option, problem) from None
