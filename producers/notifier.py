"""The Python client: hands notifications to the ledger, and asks what became of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from ledger.connection import reachable
from ledger.content import Message
from ledger.errors import BadInput
from ledger.images import LocalImage
from ledger.ledger import Ledger
from ledger.message_file import MessageFile, MessageTemplate
from ledger.models import Accepted, Notification, OnOpenTicket, OnUnknown, ReceiveType, Record, UserIdType
from ledger.settings import DEFAULT_DESK, Settings
from producers.announcing import Announced, announce, check_rows, recipients_of
from producers.draft import Draft
from producers.lookup import Lookup
from producers.recipients import Recipients

__all__ = ["Notifier"]

AnyMessage = Message | MessageFile | Mapping[str, object]


class Notifier:
    """Accepts notifications on behalf of a program. Threads may share one.

    >>> notifier = Notifier.from_env()
    >>> accepted = notifier.send(receiver_id="ou_ada", text="Disk full on db-3", key="alert-8812")
    >>> notifier.get(accepted.id).progress.state
    <State.QUEUED: 'queued'>

    Every method raises LedgerUnreachable when Redis does not answer. After that, and after NotDurable, nobody knows
    whether the notification was accepted: repeat the call with the same `key`, and it is accepted once.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    @classmethod
    def from_env(cls) -> Self:
        """Reads `DESKBELL_*` variables and `.env`; connects with the first call. Raises BadInput."""
        return cls(Ledger(Settings.from_env()))

    def send(
        self,
        *,
        receiver_id: str,
        text: str | None = None,
        message: AnyMessage | None = None,
        image: str | Path | None = None,
        key: str | None = None,
        desk: str = DEFAULT_DESK,
        receive_type: ReceiveType | str = ReceiveType.CHAT,
        user_id_type: UserIdType | str = UserIdType.OPEN_ID,
        at: datetime | str | None = None,
        expires: datetime | str | None = None,
        on_unknown: OnUnknown | str = OnUnknown.RESEND,
        on_open_ticket: OnOpenTicket | str = OnOpenTicket.REROUTE,
    ) -> Accepted:
        """Accepts one notification durably. Give one of `text`, `message` and `image`, the path of a local image.

        `at` and `expires` are a time (without an offset: local) or text such as `"2026-11-30T09:00+08:00"` and `"1h"`
        from now. The same `key` with the same content gives the first id again, as a duplicate.

        >>> notifier.send(receiver_id="ou_ada", image="poster.png", at="15m", expires="2h")
        >>> notifier.send(receiver_id="ou_ada", message={"msg_type": "post", "content": {"zh_cn": …}})

        Raises:
            BadInput: naming the field; nothing was accepted.
            KeyReused: `key` stands for another content.
            NotDurable: Redis did not confirm the fsync in time.
        """
        given = {
            "receiver_id": receiver_id,
            "text": text,
            "message": message,
            "image": image,
            "key": key,
            "desk": desk,
            "receive_type": receive_type,
            "user_id_type": user_id_type,
            "at": at,
            "expires": expires,
            "on_unknown": on_unknown,
            "on_open_ticket": on_open_ticket,
        }
        return self.send_many([given])[0]

    def send_many(self, notifications: Sequence[Mapping[str, Any]]) -> list[Accepted]:
        """Accepts notifications of one desk, at most 1,000: all of them or none. The items are the arguments of `send`.

        >>> notifier.send_many([{"receiver_id": id, "text": "Lift 2 is stuck"} for id in ("ou_ada", "ou_bob")])

        Raises as `send`; a BadInput says which of them is meant, counting from 1.
        """
        if not notifications:
            return []
        now = datetime.now(UTC)
        built: list[Notification] = []
        images: dict[str, LocalImage] = {}
        for number, fields in enumerate(notifications, 1):
            try:
                notification, image = self._built(fields, now)
            except BadInput as error:
                raise _numbered(error, number, len(notifications)) from None
            built.append(notification)
            if image:
                images[image.sha256] = image
        return self._accepted(built, images.values())

    def announce(
        self,
        rows: Iterable[Mapping[str, str]] | Path,
        *,
        name: str,
        text: str | None = None,
        message: MessageTemplate | Message | Mapping[str, object] | None = None,
        key: str | None = None,
        desk: str = DEFAULT_DESK,
        receive_type: ReceiveType | str = ReceiveType.CHAT,
        user_id_type: UserIdType | str = UserIdType.OPEN_ID,
        at: datetime | str | None = None,
        expires: datetime | str | None = None,
        on_unknown: OnUnknown | str = OnUnknown.HOLD,
        on_open_ticket: OnOpenTicket | str = OnOpenTicket.REROUTE,
        weight: int = 1,
        between: str | None = None,
        timezone: str | None = None,
        skip_invalid: bool = False,
        allow_duplicates: bool = False,
    ) -> Announced:
        """Accepts one message to many receivers durably: all rows or none. `rows` are mappings, or a file's path.

        A row has `receiver_id` (or `email` or `mobile`), and may have `receive_type`, `user_id_type` and `send_at`;
        what else it has are variables for the Jinja in the message. All rows are checked before one is accepted.
        Without a `key`, the same rows, message and options are accepted once.

        >>> people = [{"receiver_id": "ou_ada", "name": "Ada"}, {"receiver_id": "ou_bob", "name": "Bob"}]
        >>> notifier.announce(people, text="Dear {{ name }}, we move on Friday", name="Office move")

        Raises:
            BadInput: naming the field, or the line and column of a file (the number of a row); nothing was accepted.
            KeyReused: `key` stands for another content.
            NotDurable: Redis did not confirm the fsync in time.
        """
        given = {
            "name": name,
            "text": text,
            "message": message,
            "key": key,
            "desk": desk,
            "receive_type": receive_type,
            "user_id_type": user_id_type,
            "at": at,
            "expires": expires,
            "on_unknown": on_unknown,
            "on_open_ticket": on_open_ticket,
            "weight": weight,
            "between": between,
            "timezone": timezone,
            "skip_invalid": skip_invalid,
            "allow_duplicates": allow_duplicates,
        }
        self.ledger.settings.desk(desk)
        draft = Draft.build(given)
        with (
            Lookup(desk) as lookup,
            Recipients.open(rows) if isinstance(rows, Path | str) else recipients_of(rows) as recipients,
            check_rows(draft, recipients, lookup) as checked,
            reachable(self.ledger.settings),
        ):
            return announce(self.ledger, draft, recipients, checked)

    def get(self, id: str) -> Record:
        """All that is known of a notification. Raises NotFound, also when its record has expired."""
        with reachable(self.ledger.settings):
            return self.ledger.get(id)

    def _built(self, fields: Mapping[str, Any], now: datetime) -> tuple[Notification, LocalImage | None]:
        given = {name: value for name, value in fields.items() if value is not None}
        self.ledger.settings.desk(given.get("desk", DEFAULT_DESK))
        image = _with_plain_message(given)
        return Notification.build(given, now=now), image

    def _accepted(self, notifications: Sequence[Notification], images: Iterable[LocalImage]) -> list[Accepted]:
        with reachable(self.ledger.settings):
            # First the images: a worker may take a notification the moment it is accepted.
            for image in images:
                self.ledger.keep_image(image.sha256, image.data, notifications)
            return self.ledger.accept(notifications)


def _with_plain_message(given: dict[str, Any]) -> LocalImage | None:
    """Replaces `image`, or the message file, by the message it stands for. Returns the image whose bytes it needs."""
    bodies = [name for name in ("text", "message", "image") if name in given]
    if len(bodies) != 1:
        raise BadInput("message", f"give one of text, message and image, not {' and '.join(bodies) or 'none'}")
    if "image" in given:
        image = LocalImage.read(Path(given.pop("image")), where="image")
        given["message"] = {"msg_type": "image", "content": {"image_sha256": image.sha256}}
        return image
    message = given.get("message")
    if isinstance(message, MessageFile):
        given["message"] = message.message
        return message.image
    return None


def _numbered(error: BadInput, number: int, total: int) -> BadInput:
    return error if total == 1 else BadInput(error.field, f"{error.problem} (notification {number} of {total})")
