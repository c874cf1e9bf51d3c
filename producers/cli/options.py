"""The options that `send` and `announce` share."""

from pathlib import Path
from typing import Annotated

import typer

from ledger.delivery_options import ReceiveType, UserIdType

__all__ = ["At", "DeskName", "Expires", "MessagePath", "ReceiverIdType", "Route"]

MessagePath = Annotated[Path | None, typer.Option(metavar="FILE", help="Send the message of this JSON or YAML file.")]
Route = Annotated[ReceiveType, typer.Option(help="The helpdesk's group with the receiver, or the chat with its bot.")]
ReceiverIdType = Annotated[UserIdType, typer.Option(help="The type of the receiver ids.")]
DeskName = Annotated[str | None, typer.Option(metavar="D", help="The desk to send from. Default: `default`.")]
At = Annotated[str | None, typer.Option(metavar="TIME", help="Not before this time, or in 15m, 1h, 2d.")]
Expires = Annotated[str | None, typer.Option(metavar="TIME", help="Not after this time, or within 1h, 2d.")]
