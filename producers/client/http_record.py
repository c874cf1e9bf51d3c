"""A record of a notification, read back from the JSON in which the HTTP API tells it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ledger.delivery_options import ReceiveType, UserIdType
from ledger.errors import DeskbellError
from ledger.messages.content import Message, MsgType
from ledger.notification import Notification
from ledger.progress import Attempt, Progress
from ledger.record import Record
from ledger.states import Outcome, State

__all__ = ["record_of"]


def record_of(told: Any) -> Record:
    """What is not told stays at its default: the message is empty, and how far its retries have come is unknown.

    Raises DeskbellError when it is no record.
    """
    try:
        return _record(told)
    except (KeyError, TypeError, ValueError) as error:
        raise DeskbellError(f"the server told a record that cannot be read here ({error}): is it newer?") from error


def _record(told: Mapping[str, Any]) -> Record:
    return Record(
        id=told["id"],
        notification=_notification(told),
        progress=_progress(told),
        created_ms=_ms(told["created_at"]) or 0,
        announcement=told["announcement"],
    )


def _notification(told: Mapping[str, Any]) -> Notification:
    expires_at = told["expires_at"]
    return Notification.model_construct(
        receiver_id=told["receiver_id"],
        message=Message.model_construct(msg_type=MsgType(told["msg_type"]), content={}),
        receive_type=ReceiveType(told["receive_type"]),
        user_id_type=UserIdType(told["user_id_type"]),
        desk=told["desk"],
        key=told["key"],
        expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
    )


def _progress(told: Mapping[str, Any]) -> Progress:
    attempts = [_attempt(attempt, None) for attempt in told["attempts"]]
    if attempts:  # the JSON has the message_id once
        attempts[-1] = _attempt(told["attempts"][-1], told["message_id"])
    at_ms = _ms(told["finished_at"]) or (attempts[-1].at_ms if attempts else _ms(told["created_at"]))
    return Progress(
        state=State(told["state"]),
        at_ms=at_ms or 0,
        attempts=tuple(attempts),
        acts=tuple((_ms(act["at"]) or 0, act["by"], act["did"]) for act in told["acts"]),
        via=ReceiveType(told["via"]) if told["via"] else None,
        due_ms=_ms(told["due_at"]),
    )


def _attempt(told: Mapping[str, Any], message_id: str | None) -> Attempt:
    return Attempt(
        at_ms=_ms(told["at"]) or 0,
        via=ReceiveType(told["via"]) if told["via"] else None,
        outcome=Outcome(told["outcome"]),
        code=told["code"],
        http_status=told["http_status"],
        log_id=told["log_id"],
        ms=told["ms"],
        message_id=message_id,
        msg=told["msg"],
    )


def _ms(time: str | None) -> int | None:
    return round(datetime.fromisoformat(time).timestamp() * 1000) if time else None
