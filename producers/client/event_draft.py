"""An event as submitted, checked as far as possible without the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ledger.errors import BadInput
from ledger.messages.images import LocalImage
from ledger.messages.message_file import MessageFile
from ledger.notification import Notification
from ledger.phrases import Phrase

if TYPE_CHECKING:
    from ledger.template_filling import FindTemplate

__all__ = ["EventDraft", "numbered"]


@dataclass(frozen=True, slots=True)
class EventDraft:
    """Nothing in its repr tells the message."""

    notification: Notification
    image: LocalImage | None  #: whose bytes the message needs
    given: Mapping[str, Any] = field(repr=False)  #: what it was built from: no image, no None

    @classmethod
    def build(cls, arguments: Mapping[str, Any], *, now: datetime, find: "FindTemplate | None" = None) -> Self:
        """Reads EventArguments, or those with a MessageFile as `message`. Raises BadInput naming the field.

        Without `find` a template is left to the receiver of `given`.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        image = _with_plain_message(given)
        return cls(Notification.build(_filled(given, find), now=now), image, given)

    @classmethod
    def build_all(cls, several: Sequence[Mapping[str, Any]], *, find: "FindTemplate | None" = None) -> list[Self]:
        """Raises as `build`, and says which item is wrong, counting from 1."""
        now = datetime.now(UTC)
        drafts = []
        for number, arguments in enumerate(several, 1):
            try:
                drafts.append(cls.build(arguments, now=now, find=find))
            except BadInput as error:
                raise numbered(error, number, len(several)) from None
        return drafts


def _with_plain_message(given: dict[str, Any]) -> LocalImage | None:
    """Replaces `image`, or the message file, by the message it stands for. Returns the image whose bytes it needs."""
    bodies = [name for name in ("text", "markdown", "message", "image", "template") if name in given]
    if len(bodies) != 1:
        given_ones = " and ".join(bodies) or Phrase("none")
        raise BadInput(
            "message", Phrase("give one of text, markdown, message, image and template, not {given}", given=given_ones)
        )
    if "image" in given:
        image = LocalImage.read(Path(given.pop("image")), where="image")
        given["message"] = {"msg_type": "image", "content": {"image_sha256": image.sha256}}
        return image
    message = given.get("message")
    if isinstance(message, MessageFile):
        given["message"] = message.message
        return message.image
    return None


def _filled(given: dict[str, Any], find: "FindTemplate | None") -> dict[str, Any]:
    if not given.keys() & {"template", "variables"}:
        return given
    # Loaded with the first template: it brings Jinja, which most programs need not have.
    from ledger.template_filling import filled_event

    return filled_event(given, find)


def numbered(error: BadInput, number: int, total: int) -> BadInput:
    """The error, with the notification that it is about, if there are several."""
    if total == 1:
        return error
    told = Phrase("{problem} (notification {number} of {total})", problem=error.problem, number=number, total=total)
    return BadInput(error.field, told)
