"""What `Notifier.send` and `Notifier.announce` are given, said once: the command line and HTTP have the same names.

None stands for the default, everywhere.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Required, TypedDict, TypeVar, get_type_hints

from ledger.delivery_options import OnOpenTicket, OnUnknown, ReceiveType, UserIdType
from ledger.messages.content import Message

__all__ = ["AnnouncementArguments", "EventArguments", "spelled_out"]

Function = TypeVar("Function", bound=Callable[..., Any])


class _Arguments(TypedDict, total=False):
    text: str | None
    markdown: str | None  #: a text in Markdown, sent as a card
    template: str | None  #: the name of a saved template of the desk; with a version: `"move@3"`
    key: str | None  #: accepted once, however often it is asked for
    desk: str | None
    receive_type: ReceiveType | str | None  #: `chat` unless given
    user_id_type: UserIdType | str | None  #: `open_id` unless given
    at: datetime | str | None  #: a time with an offset or in `timezone`, or text such as `"1h"` from now
    expires: datetime | str | None
    timezone: str | None  #: of times without an offset, such as `"Asia/Shanghai"`
    on_open_ticket: OnOpenTicket | str | None  #: `reroute` unless given
    callback_url: str | None  #: where its end is posted


class EventArguments(_Arguments, total=False):
    """One notification, and an item of `send_many`.

    Give one of `receiver_id`, `email` and `mobile`, and one of `text`, `markdown`, `message`, `image` and `template`.
    """

    receiver_id: str | None
    email: str | None  #: of the receiver: whose it is, is found out after the acceptance
    mobile: str | None  #: with `+` and country code outside mainland China
    message: Message | Mapping[str, object] | None
    image: str | Path | None  #: the path of a local image
    variables: Mapping[str, str | int | None] | None  #: of the template
    on_unknown: OnUnknown | str | None  #: `resend` unless given
    throttle: timedelta | str | None  #: `"30m"`: the first goes at once, what follows within it joins one message
    digest: timedelta | str | None  #: `"5m"`: all events to the receiver within it go as one message


class AnnouncementArguments(_Arguments, total=False):
    """All of an announcement but its rows. Give one of `text`, `markdown`, `message` and `template`; there is Jinja in
    them."""

    name: Required[str]
    message: Message | Mapping[str, object] | None
    on_unknown: OnUnknown | str | None  #: `hold` unless given
    weight: int | None  #: turns it gets where others get one: 1 unless given, 100 at most
    first: int | None  #: release no more rows than these until it is resumed; then it is paused
    stop_at: str | int | None  #: `"5%"`: pause when, of at least 20 rows that ended, more failed
    notify: str | None  #: the address of somebody who gets a message when it pauses by itself, and when it ends
    between: str | None  #: `"09:00-18:00"`: send at these hours of `timezone` only
    skip_invalid: bool  #: leave invalid rows out, instead of refusing all
    allow_duplicates: bool  #: send to a receiver once for each row
    hidden: str | None  #: rows that a workbook hides: `skip` or `include`; refused without it where there are any
    encoding: str | None  #: of a CSV or JSONL file, such as `"cp949"`; found out unless given
    address_column: str | None  #: the name of the column that says to whom, whatever that is
    departments: Sequence[str] | None  #: everybody in these, and in those below them
    groups: Sequence[str] | None  #: everybody in these user groups
    everyone: bool  #: whom the app may see, which must be all staff
    direct: bool  #: without those below the departments
    exclude: Path | Iterable[Path | str | Mapping[str, str]] | None  #: files, addresses or rows of who gets nothing
    partial: bool  #: leave out what the app may not see, instead of refusing all
    new_since: str | None  #: without the receivers of this announcement


def spelled_out(arguments: type) -> Callable[[Function], Function]:
    """Has `help` and editors show the `**arguments` of a method one by one, as the TypedDict has them.

    The method itself keeps them together: an unknown name is then a BadInput, as it is by every other way in.
    """

    def decorated(function: Function) -> Function:
        signature = inspect.signature(function)
        own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        required: frozenset[str] = arguments.__required_keys__  # type: ignore[attr-defined]
        spelled = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=kind,
                default=inspect.Parameter.empty if name in required else False if kind is bool else None,
            )
            for name, kind in get_type_hints(arguments).items()
        ]
        spelled.sort(key=lambda parameter: parameter.name not in required)
        function.__signature__ = signature.replace(parameters=[*own, *spelled])  # type: ignore[attr-defined]
        return function

    return decorated
