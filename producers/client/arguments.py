"""What `Notifier.send` and `Notifier.announce` are given, said once: the command line and HTTP have the same names.

None stands for the default, everywhere.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Required, TypedDict

from ledger.delivery_options import OnOpenTicket, OnUnknown, ReceiveType, UserIdType
from ledger.messages.content import Message
from ledger.messages.message_file import MessageFile, MessageTemplate

__all__ = ["AnnouncementArguments", "EventArguments"]


class _Arguments(TypedDict, total=False):
    text: str | None
    key: str | None  #: accepted once, however often it is asked for
    desk: str | None
    receive_type: ReceiveType | str | None  #: `chat` unless given
    user_id_type: UserIdType | str | None  #: `open_id` unless given
    at: datetime | str | None  #: a time (without an offset: local), or text such as `"1h"` from now
    expires: datetime | str | None
    on_open_ticket: OnOpenTicket | str | None  #: `reroute` unless given
    callback_url: str | None  #: where its end is posted


class EventArguments(_Arguments, total=False):
    """One notification. Give one of `text`, `message` and `image`."""

    receiver_id: Required[str]
    message: Message | MessageFile | Mapping[str, object] | None
    image: str | Path | None  #: the path of a local image
    on_unknown: OnUnknown | str | None  #: `resend` unless given


class AnnouncementArguments(_Arguments, total=False):
    """All of an announcement but its rows. Give one of `text` and `message`; there is Jinja in their strings."""

    name: Required[str]
    message: MessageTemplate | Message | Mapping[str, object] | None
    on_unknown: OnUnknown | str | None  #: `hold` unless given
    weight: int | None  #: turns it gets where others get one: 1 unless given, 100 at most
    between: str | None  #: `"09:00-18:00"`: send at these hours only; goes with `timezone`
    timezone: str | None
    skip_invalid: bool  #: leave invalid rows out, instead of refusing all
    allow_duplicates: bool  #: send to a receiver once for each row
