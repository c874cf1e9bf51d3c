"""A notification's record, parsed from the HTTP API's JSON."""

from datetime import datetime
from typing import Any, cast

from pydantic import TypeAdapter

from ledger.errors import DeskbellError
from ledger.messages.content import Message
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.progress import Attempt, AttemptJson, Failure, Progress
from ledger.record import ErrorJson, NotificationJson, Record
from ledger.times import unix_ms

__all__ = ["record_of"]

_NOTIFICATION = TypeAdapter(NotificationJson)


def record_of(fields: Any) -> Record:
    """What the JSON lacks stays at its default: the message is empty, and how much of its retries is spent is unknown.

    Raises DeskbellError for what is not a record.
    """
    try:
        return _record(_NOTIFICATION.validate_python(fields))
    except ValueError as error:
        raise DeskbellError(Phrase("the server's record cannot be read: is the server newer?")) from error


def _record(fields: NotificationJson) -> Record:
    notification = Notification.model_construct(
        receiver_id=fields["receiver_id"] or "",
        email=fields["email"],
        mobile=fields["mobile"],
        message=Message.model_construct(msg_type=fields["msg_type"], content={}),
        receive_type=fields["receive_type"],
        user_id_type=fields["user_id_type"],
        desk=fields["desk"],
        key=fields["key"],
        test=fields.get("test", False),
        expires_at=datetime.fromisoformat(fields["expires_at"]) if fields["expires_at"] else None,
    )
    return Record(
        fields["id"],
        notification,
        _progress(fields),
        _ms(fields["created_at"]) or 0,
        fields["announcement"],
        joined=fields.get("joined"),
        resolved_by=tuple(fields.get("resolved_by", ())),
    )


def _progress(fields: NotificationJson) -> Progress:
    last = len(fields["attempts"]) - 1  # the JSON has the message_id once
    attempts = [
        _attempt(each, fields["message_id"] if n == last else None) for n, each in enumerate(fields["attempts"])
    ]
    at_ms = _ms(fields["finished_at"]) or (attempts[-1].at_ms if attempts else _ms(fields["created_at"]))
    return Progress(
        state=fields["state"],
        at_ms=at_ms or 0,
        attempts=tuple(attempts),
        acts=tuple((_ms(act["at"]) or 0, act["by"], act["did"]) for act in fields["acts"]),
        via=fields["via"],
        due_ms=_ms(fields["due_at"]),
        failure=_failure(fields["error"]),
        into=fields.get("into"),
        resolve_of=fields.get("resolve_of"),
    )


def _failure(error: ErrorJson | None) -> Failure | None:
    return Failure(error["reason"], error["msg"] or "", error["code"]) if error and error["reason"] else None


def _attempt(fields: AttemptJson, message_id: str | None) -> Attempt:
    same = cast(dict[str, Any], {name: value for name, value in fields.items() if name != "at"})
    return Attempt(at_ms=_ms(fields["at"]) or 0, message_id=message_id, **same)


def _ms(time: str | None) -> int | None:
    return unix_ms(datetime.fromisoformat(time)) if time else None
