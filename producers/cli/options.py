"""The options that `send` and `announce` share."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.delivery_options import DEFAULT_DESK, ReceiveType, UserIdType
from ledger.errors import BadInput
from ledger.messages.images import LocalImage
from ledger.messages.message_file import read_markdown_file
from ledger.phrases import Phrase
from producers.cli.access import open_ledger
from producers.cli.completion import desk_names
from producers.cli.output import note
from producers.cli.spoken_times import told
from producers.pictures import uploaded_key, with_picture_keys

__all__ = [
    "BODIES",
    "At",
    "DeskName",
    "Expires",
    "MarkdownPath",
    "MarkdownText",
    "MessagePath",
    "ReceiverIdType",
    "Route",
    "TemplateName",
    "TimeZone",
    "body_of",
    "markdown_with_pictures",
    "tell_times",
]

#: The options of which one gives the message.
BODIES = ("text", "message", "markdown", "markdown_text", "template")

MessagePath = Annotated[Path | None, typer.Option(metavar="FILE", help="Send the message of this JSON or YAML file.")]
MarkdownPath = Annotated[Path | None, typer.Option(metavar="FILE", help="Send this Markdown file as a card.")]
MarkdownText = Annotated[str | None, typer.Option(metavar="T", help="Send this Markdown text as a card.")]
TemplateName = Annotated[
    str | None, typer.Option(metavar="NAME[@3]", help="Send this saved template: its latest version, or that one.")
]
Route = Annotated[ReceiveType, typer.Option(help="The helpdesk's group with the receiver, or the chat with its bot.")]
ReceiverIdType = Annotated[UserIdType, typer.Option(help="The type of the receiver ids.")]
DeskName = Annotated[
    str | None, typer.Option(metavar="D", help="The desk to send from. Default: `default`.", autocompletion=desk_names)
]
At = Annotated[str | None, typer.Option(metavar="TIME", help="Not before this time, or in 15m, 1h, 2d.")]
Expires = Annotated[str | None, typer.Option(metavar="TIME", help="Not after this time, or within 1h, 2d.")]
TimeZone = Annotated[
    str | None,
    typer.Option(metavar="TZ", help="Time zone of times without an offset: Asia/Shanghai. Default: this machine's."),
]


def body_of(options: Mapping[str, Any], read_message: Callable[[Path], object]) -> dict[str, Any]:
    """The arguments `text`, `message`, `markdown` and `template`, of which one is given. Raises BadInput."""
    if sum(options[name] is not None for name in BODIES) != 1:
        raise BadInput("message", Phrase("give one of --text, --message, --markdown, --markdown-text and --template"))
    message, file = options["message"], options["markdown"]
    return {
        "text": options["text"],
        "template": options["template"],
        "message": read_message(message) if message else None,
        "markdown": _markdown_of(file, options) if file else options["markdown_text"],
    }


def _markdown_of(file: Path, options: Mapping[str, Any]) -> str:
    if "desk" not in options:  # that of an announcement that is used again
        return read_markdown_file(file)
    return markdown_with_pictures(file, options["desk"], is_dry=bool(options.get("dry_run")))


def markdown_with_pictures(file: Path, desk: str | None, *, is_dry: bool = False) -> str:
    """The Markdown of a file, with the pictures beside it uploaded for the desk; not for a dry run. Raises BadInput."""

    def key_of(image: LocalImage) -> str:
        if is_dry:
            return f"img_{image.sha256[:24]}"
        with open_ledger() as ledger:
            return uploaded_key(ledger, desk or DEFAULT_DESK, image)

    return with_picture_keys(read_markdown_file(file), file.parent, key_of)


def tell_times(written: Mapping[str, Any], read: Mapping[str, datetime | None]) -> None:
    """Notes how times were read that were written without an offset: in which zone, and how far away."""
    for name, time in read.items():
        if time is not None and isinstance(written[name], str) and not _says_all(written[name]):
            note(Phrase("{name}: {time}", name=name, time=told(time)))


def _says_all(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return True  # a duration
