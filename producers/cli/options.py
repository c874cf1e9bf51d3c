"""The options that `send` and `announce` share."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.delivery_options import ReceiveType, UserIdType
from producers.cli.output import note
from producers.cli.spoken_times import told

__all__ = ["At", "DeskName", "Expires", "MessagePath", "ReceiverIdType", "Route", "TimeZone", "tell_times"]

MessagePath = Annotated[Path | None, typer.Option(metavar="FILE", help="Send the message of this JSON or YAML file.")]
Route = Annotated[ReceiveType, typer.Option(help="The helpdesk's group with the receiver, or the chat with its bot.")]
ReceiverIdType = Annotated[UserIdType, typer.Option(help="The type of the receiver ids.")]
DeskName = Annotated[str | None, typer.Option(metavar="D", help="The desk to send from. Default: `default`.")]
At = Annotated[str | None, typer.Option(metavar="TIME", help="Not before this time, or in 15m, 1h, 2d.")]
Expires = Annotated[str | None, typer.Option(metavar="TIME", help="Not after this time, or within 1h, 2d.")]
TimeZone = Annotated[
    str | None,
    typer.Option(metavar="TZ", help="Time zone of times without an offset: Asia/Shanghai. Default: this machine's."),
]


def tell_times(written: Mapping[str, Any], read: Mapping[str, datetime | None]) -> None:
    """Notes how times were read that were written without an offset: in which zone, and how far away."""
    for name, time in read.items():
        if time is not None and isinstance(written[name], str) and not _says_all(written[name]):
            note(f"{name}: {told(time)}")


def _says_all(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return True  # a duration
