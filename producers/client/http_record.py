"""A record of a notification, read back from the JSON in which the HTTP API tells it."""

from datetime import datetime
from typing import Any, cast

from pydantic import TypeAdapter

from ledger.errors import DeskbellError
from ledger.messages.content import Message
from ledger.notification import Notification
from ledger.progress import Attempt, AttemptJson, Progress
from ledger.record import NotificationJson, Record
from ledger.times import unix_ms

__all__ = ["record_of"]

_NOTIFICATION = TypeAdapter(NotificationJson)


def record_of(told: Any) -> Record:
    """What is not told stays at its default: the message is empty, and how far its retries have come is unknown.

    Raises DeskbellError when it is no record.
    """
    try:
        return _record(_NOTIFICATION.validate_python(told))
    except ValueError as error:
        raise DeskbellError("the server told a record that cannot be read here: is it newer?") from error


def _record(told: NotificationJson) -> Record:
    notification = Notification.model_construct(
        receiver_id=told["receiver_id"],
        message=Message.model_construct(msg_type=told["msg_type"], content={}),
        receive_type=told["receive_type"],
        user_id_type=told["user_id_type"],
        desk=told["desk"],
        key=told["key"],
        expires_at=datetime.fromisoformat(told["expires_at"]) if told["expires_at"] else None,
    )
    return Record(told["id"], notification, _progress(told), _ms(told["created_at"]) or 0, told["announcement"])


def _progress(told: NotificationJson) -> Progress:
    last = len(told["attempts"]) - 1  # the JSON has the message_id once
    attempts = [_attempt(each, told["message_id"] if n == last else None) for n, each in enumerate(told["attempts"])]
    at_ms = _ms(told["finished_at"]) or (attempts[-1].at_ms if attempts else _ms(told["created_at"]))
    return Progress(
        state=told["state"],
        at_ms=at_ms or 0,
        attempts=tuple(attempts),
        acts=tuple((_ms(act["at"]) or 0, act["by"], act["did"]) for act in told["acts"]),
        via=told["via"],
        due_ms=_ms(told["due_at"]),
    )


def _attempt(told: AttemptJson, message_id: str | None) -> Attempt:
    same = cast(dict[str, Any], {name: value for name, value in told.items() if name != "at"})
    return Attempt(at_ms=_ms(told["at"]) or 0, message_id=message_id, **same)


def _ms(time: str | None) -> int | None:
    return unix_ms(datetime.fromisoformat(time)) if time else None
