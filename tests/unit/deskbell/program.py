"""A program that uses every public name, as somebody would write it who has installed the wheel. It is type-checked."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deskbell import (
    Accepted,
    Announced,
    AnnouncementArguments,
    AnnouncementHandle,
    AnnouncementState,
    AnnouncementStatus,
    BadInput,
    Changed,
    DeskbellError,
    EventArguments,
    FeishuFailed,
    Forbidden,
    KeyReused,
    LedgerFull,
    LedgerUnreachable,
    LedgerUnwritable,
    Message,
    NotAllowed,
    NotDurable,
    NotFound,
    Notifier,
    NotPermitted,
    Outcome,
    Record,
    RowResult,
    State,
    Unauthorized,
    WrongVersion,
)

__all__ = ["alert", "announce", "notifier_for", "outcome", "steered"]


def notifier_for(url: str | None, key: str | None) -> Notifier:
    return Notifier.http(url, key, timeout=2.5) if url else Notifier.from_env(timeout=2.5)


def alert(notifier: Notifier, receivers: Sequence[str]) -> list[Accepted]:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    first: Accepted = notifier.send(receiver_id=receivers[0], text="Disk full", key="alert-1", expires=tomorrow)
    notifier.send(receiver_id=receivers[0], message=Message.text("Disk full"), receive_type="user", at="15m")
    notifier.send(receiver_id=receivers[0], image=Path("poster.png"), on_unknown="hold")
    events: list[EventArguments] = [{"receiver_id": receiver, "text": "Disk full"} for receiver in receivers]
    return [first, *notifier.send_many(events)]


def announce(notifier: Notifier) -> Announced:
    options: AnnouncementArguments = {"name": "Office move", "text": "Dear {{ name }}", "skip_invalid": True}
    notifier.announce(Path("people.csv"), **options)
    return notifier.announce([{"receiver_id": "ou_ada", "name": "Ada"}], text="Hello", name="Greeting", weight=2)


def steered(notifier: Notifier, announced: Announced) -> list[RowResult]:
    move: AnnouncementHandle = notifier.announcement(announced)
    if move.pause() is AnnouncementState.PAUSED:
        move.resume()
    status: AnnouncementStatus = move.wait(timeout=60)
    if status.counts[State.FAILED] + move.counts[State.UNKNOWN] and move.state is not AnnouncementState.FINISHED:
        move.cancel()
    return [row for row in move.rows(State.FAILED) if row.error_code == 154004 and row.values.get("name")]


def outcome(notifier: Notifier, id: str) -> str:
    try:
        record: Record = notifier.get(id)
    except (BadInput, NotFound, NotAllowed, Changed, NotPermitted) as error:
        return f"our mistake: {error}"
    except KeyReused as error:
        return error.first_id
    except (Unauthorized, Forbidden):
        return "another key"
    except (LedgerUnreachable, LedgerFull, LedgerUnwritable, NotDurable, WrongVersion):
        return "again, later"
    except FeishuFailed as error:
        return f"Feishu does not answer as it should: {error}"
    except DeskbellError as error:
        return str(error)
    if any(attempt.outcome is Outcome.UNKNOWN for attempt in record.progress.attempts):
        return "maybe there"
    return "there" if record.progress.state is State.DELIVERED else str(record.progress.state.is_final)
