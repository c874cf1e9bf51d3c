"""The text, the options and the rows of an announcement that is in the ledger, for what is made of them next."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from ledger.announcement import Row, Spec
from ledger.errors import BadInput
from ledger.ledger import Ledger
from ledger.messages.images import LocalImage
from ledger.messages.message_file import MessageTemplate
from ledger.phrases import Phrase
from ledger.saved_templates import SavedTemplates
from ledger.times import MACHINE, Zone
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.audience.files import Reader
from producers.announcements.audience.roster import Walked
from producers.announcements.checked_announcement import CheckedAnnouncement, checked_announcement
from producers.announcements.kept_rows import KeptRows
from producers.announcements.recipients import Recipients
from producers.announcements.recipients.reading_options import ReadingOptions

__all__ = ["arguments_of", "checked_again"]

_MESSAGES = frozenset({"text", "markdown", "message", "template"})
_AUDIENCE = ("departments", "groups", "everyone")
#: Fields of a spec that are not arguments of an announcement, or go by another name there.
_NO_ARGUMENTS = frozenset({"message", "markdown", "columns", "people", "expires_at", "caller", "traceparent"})


def arguments_of(ledger: Ledger, spec: Spec) -> dict[str, Any]:
    """The arguments of `Notifier.announce` that make this announcement, but for its rows.

    Times that have passed are left out. Raises BadInput if its picture is gone.
    """
    given = {name: getattr(spec, name) for name in Spec.model_fields if name not in _NO_ARGUMENTS}
    given |= {"expires": spec.expires_at, **_message_of(ledger, spec)}
    now = datetime.now(UTC)
    given |= {name: None for name in ("at", "expires") if given[name] and given[name] <= now}
    return given


@contextmanager
def checked_again(
    ledger: Ledger,
    spec: Spec,
    rows: Callable[[], Iterable[Row]],
    given: Mapping[str, Any],
    opened: Callable[[ReadingOptions], Recipients] | None = None,
    *,
    caller: str | None = None,
    zone: Zone = MACHINE,
    read: Reader = Recipients.of,
    tell: Walked = lambda *_: None,
) -> Iterator[CheckedAnnouncement]:
    """As `checked_announcement`, of `spec` with what is `given` otherwise: None goes back to the default.

    Its rows stay, unless others are opened, or an audience is given. Raises BadInput.
    """
    arguments = {**_kept(arguments_of(ledger, spec), given), **given}
    if opened is None and not any(arguments.get(name) for name in _AUDIENCE):
        opened = lambda _: KeptRows(spec, rows)  # noqa: E731
        # Each of these rows was wanted when it was accepted, also the second one for a receiver.
        arguments["allow_duplicates"] = True
    draft = AnnouncementDraft.build(arguments, caller=caller, zone=zone, find=SavedTemplates(ledger).find)
    with checked_announcement(ledger, draft, opened, read=read, tell=tell) as announcement:
        yield announcement


def _kept(arguments: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Without what goes with something that is given otherwise."""
    gone = set(_MESSAGES) if given.keys() & _MESSAGES else set()
    if "between" in given and given["between"] is None:
        gone.add("timezone")
    return {name: value for name, value in arguments.items() if name not in gone}


def _message_of(ledger: Ledger, spec: Spec) -> dict[str, Any]:
    if spec.markdown is not None:
        return {"markdown": spec.markdown}
    match spec.message:
        case {"msg_type": "text", "content": {"text": str(written)}}:
            return {"text": written}
        case {"msg_type": "image", "content": {"image_sha256": str(sha256)}}:
            return {"message": MessageTemplate(dict(spec.message), _image(ledger, spec.desk, sha256))}
    return {"message": MessageTemplate(dict(spec.message))}


def _image(ledger: Ledger, desk: str, sha256: str) -> LocalImage:
    ledger = ledger.at(desk)
    data: Any = ledger.redis.get(ledger.keys.image(sha256))
    if data is None:
        raise BadInput("message", Phrase("its picture is no longer kept: upload it again"))
    return LocalImage.check(data, where="message")
