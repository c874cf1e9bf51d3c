"""What somebody has filled into the console's form, as the arguments of an announcement."""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from console.editing_port import Uploaded
from console.ports import Asked, DraftForm
from ledger.addresses import address_fields
from ledger.announcement import Announcement, Row
from ledger.draft_verbs import DraftVerbs
from ledger.errors import BadInput
from ledger.ledger import Ledger
from ledger.messages.images import LocalImage
from ledger.messages.message_file import MessageTemplate, parse_message_template
from ledger.phrases import Phrase
from ledger.saved_templates import SavedTemplates
from ledger.times import zone_of
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.audience.definition import ExclusionFile
from producers.announcements.kept_rows import KeptRows
from producers.announcements.recipients import Recipients
from producers.announcements.recipients.joined import JoinedRecipients
from producers.announcements.recipients.reading_options import ReadingOptions
from producers.announcements.recipients.source import Source
from producers.announcements.reuse import arguments_of
from producers.web.announcement_intake import foreign

__all__ = ["Edited", "Submission"]

_FLAGS = ("skip_invalid", "allow_duplicates", "everyone", "direct", "partial")
#: Fields that have the message.
_WORDS = frozenset({"text", "markdown", "template"})
#: Fields that say how a file is read: its rows that stay are read already.
_OF_FILES = ("encoding", "address_column")
#: A message of these is the picture itself.
_IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".ico", ".tiff", ".heic"})
#: Of a file with exclusions: some hundred thousand addresses.
_EXCLUSION_BYTES = 8 * 1024 * 1024
#: More than any message, and any image, has.
_MESSAGE_BYTES = 11 * 1024 * 1024


class Edited(NamedTuple):
    """The draft that an edit begins with, and what the form does not send again."""

    draft: Announcement
    form: DraftForm
    file_lines: int | None
    exclude: bytes | None


class Submission:
    """A form that was sent: of a new announcement, or of the edit of a draft."""

    def __init__(self, ledger: Ledger, asked: Asked, edited: Edited | None = None) -> None:
        self._ledger, self._asked, self._edited = ledger, asked, edited
        self.keeps_file = bool(asked.keeps_file and edited and edited.form.recipients)
        self.keeps_message = bool(
            edited and edited.form.message and not (_WORDS & asked.fields.keys() or asked.message)
        )
        self.exclusion = self._exclusion()
        self._file_name = self._name_of_file()
        people = [f"id:{id}" for id in asked.lists.get("people", ())]
        self._addresses = [*asked.lists.get("addresses", ()), *people]

    @property
    def zone(self) -> str:
        """Of its times."""
        return self._asked.fields["timezone"]

    def draft(self) -> AnnouncementDraft:
        """Raises BadInput."""
        given, zone = self._arguments(), zone_of(self.zone)
        if "between" not in given:  # whose zone stays with the announcement
            del given["timezone"]
        return AnnouncementDraft.build(given, zone=zone, find=SavedTemplates(self._ledger).find)

    @property
    def names_receivers(self) -> bool:
        """Besides departments, groups and everyone."""
        return bool(self._asked.recipients or self.keeps_file or self._addresses)

    def recipients(self, options: ReadingOptions) -> Recipients:
        """Those of the file, and the typed addresses. Raises BadInput."""
        addresses = self._addresses
        if not (self._asked.recipients or self.keeps_file):
            return foreign(Source.of_rows([address_fields(address) for address in addresses]), options)
        file = self._file(options)
        try:
            return JoinedRecipients(file, addresses, options.address_column) if addresses else file
        except BadInput:
            file.close()
            raise

    def filled_form(self, message_type: str) -> DraftForm:
        """To be filled in again."""
        fields = self._asked.form
        is_shown = bool(_WORDS & fields.keys())
        return DraftForm(
            fields={**fields, "timezone": self.zone},
            lists={name: list(items) for name, items in self._asked.lists.items()},
            recipients=self._file_name,
            message=None if is_shown else message_type,
            exclude=self.exclusion.name if self.exclusion else None,
        )

    def _file(self, options: ReadingOptions) -> Recipients:
        if self._edited and self.keeps_file:
            return KeptRows(self._edited.draft.spec, self._kept_rows)
        uploaded = self._asked.recipients
        if uploaded is None:
            raise RuntimeError("there is no file")
        uploaded.file.seek(0)
        return foreign(Source.spooled(uploaded.file, PurePath(uploaded.name).name), options)

    def _kept_rows(self) -> Iterator[Row]:
        """Of the draft that is edited, those that came from a file."""
        if self._edited is None:
            raise RuntimeError("there is no draft")
        last = self._edited.file_lines
        rows = DraftVerbs(self._ledger).rows(self._edited.draft.id)
        return (row for row in rows if last is None or row.line <= last)

    def _name_of_file(self) -> str | None:
        if self._asked.recipients:
            return PurePath(self._asked.recipients.name).name
        return self._edited.form.recipients if self._edited and self.keeps_file else None

    def _arguments(self) -> dict[str, Any]:
        """The arguments of `AnnouncementDraft.build`."""
        asked = self._asked
        given: dict[str, Any] = {name: value for name, value in asked.fields.items() if name not in _FLAGS}
        given |= {name: name in asked.fields for name in _FLAGS}
        given |= {name: list(ids) for name in ("departments", "groups") if (ids := asked.lists.get(name))}
        if exclude := [*asked.lists.get("exclude", ()), *([self.exclusion] if self.exclusion else [])]:
            given["exclude"] = exclude
        if self.keeps_file:
            given = {name: value for name, value in given.items() if name not in _OF_FILES}
        given.setdefault("name", self._default_name(everyone=given["everyone"]))
        if "weight" in given and not given["weight"].isdecimal():
            raise BadInput("weight", Phrase("must be a whole number from 1 to 100"))
        return {**given, **self._message(), **self._unseen()}

    def _message(self) -> Mapping[str, Any]:
        if self._asked.message:
            return {"message": _message(self._asked.message)}
        if self._edited and self.keeps_message:
            return {"message": arguments_of(self._ledger, self._edited.draft.spec)["message"]}
        return {}

    def _unseen(self) -> Mapping[str, Any]:
        """What other ways can say and the form does not show stays as it is."""
        if self._edited is None:
            return {}
        spec = self._edited.draft.spec
        return {"user_id_type": spec.user_id_type, "callback_url": spec.callback_url}

    def _default_name(self, *, everyone: bool) -> str:
        if self._edited:
            return self._edited.draft.spec.name
        stem = PurePath(self._asked.recipients.name).stem if self._asked.recipients else ""
        stem = stem or ("everyone" if everyone else "audience")
        return "".join(each for each in stem if each.isprintable())[:200] or "recipients"

    def _exclusion(self) -> ExclusionFile | None:
        uploaded = self._asked.exclude
        if uploaded is None:
            return self._kept_exclusion()
        uploaded.file.seek(0)
        content = uploaded.file.read(_EXCLUSION_BYTES + 1)
        if len(content) > _EXCLUSION_BYTES:
            raise BadInput("exclude", Phrase("has more than {most:,} bytes", most=_EXCLUSION_BYTES))
        return ExclusionFile(PurePath(uploaded.name).name, content)

    def _kept_exclusion(self) -> ExclusionFile | None:
        edited = self._edited
        if edited is None or not self._asked.keeps_exclude or not edited.form.exclude or edited.exclude is None:
            return None
        return ExclusionFile(edited.form.exclude, edited.exclude)


def _message(uploaded: Uploaded) -> MessageTemplate:
    uploaded.file.seek(0)
    data, name = uploaded.file.read(_MESSAGE_BYTES), PurePath(uploaded.name).name
    if PurePath(name).suffix.lower() not in _IMAGES:
        return parse_message_template(data, name)
    image = LocalImage.check(data, name=name, where="message")
    return MessageTemplate({"msg_type": "image", "content": {"image_sha256": image.sha256}}, image)
